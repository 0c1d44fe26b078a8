"""Accuracy: the share of rows that were called right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, MeanOverRows


class Accuracy(MeanOverRows):
    """Share of rows whose prediction is the truth; a class that training never showed is always wrong."""

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "accuracy"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = "The share of rows that were called right."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        return ((answers.prediction == answers.truth) & (answers.truth >= 0)).astype(np.float64)
