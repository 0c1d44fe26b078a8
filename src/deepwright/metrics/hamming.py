"""Hamming loss: the share of single tag decisions that are wrong."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import TAGGING, MeanOverRows


class HammingLoss(MeanOverRows):
    """Share of the B × K yes-or-no decisions that are wrong."""

    name: ClassVar[str] = "hamming"
    title: ClassVar[str] = "Hamming loss"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = TAGGING
    meaning: ClassVar[str] = "The share of single yes-or-no tag decisions that are wrong."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        return (answers.prediction != answers.truth).mean(axis=1)
