"""Micro F1 of tags: all tag decisions of all rows together."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import TAGGING, ByWeights, ratio, tag_tallies


class TagMicroF1(ByWeights):
    """2 hit / (true + called) summed over tags; 0 where nothing is true and nothing called."""

    name: ClassVar[str] = "tag_f1_micro"
    title: ClassVar[str] = "micro F1"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = TAGGING
    meaning: ClassVar[str] = "Precision and recall of all tags together in one number; common tags count most."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        counts = tag_tallies(answers, weights)
        return ratio(2 * counts.hit.sum(axis=1), counts.true.sum(axis=1) + counts.called.sum(axis=1), empty=0.0)
