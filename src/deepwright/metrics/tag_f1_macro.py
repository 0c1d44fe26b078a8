"""Macro F1 of tags: F1 of each tag by itself, then the mean."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import TAGGING, ByWeights, f1_of, tag_tallies


class TagMacroF1(ByWeights):
    """Mean of the F1 of every tag; 0 for a tag that is nowhere true and nowhere called, as scikit-learn has it."""

    name: ClassVar[str] = "tag_f1_macro"
    title: ClassVar[str] = "macro F1"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = TAGGING
    meaning: ClassVar[str] = (
        "F1 of each tag by itself, then the mean, so that a rare tag counts as much as a common one."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return np.nan_to_num(f1_of(tag_tallies(answers, weights))).mean(axis=1)
