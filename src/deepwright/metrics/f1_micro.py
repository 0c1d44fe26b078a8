"""Micro F1: F1 over all rows together; with one class a row it equals accuracy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, MeanOverRows


class MicroF1(MeanOverRows):
    """2 hit / (true + called) summed over classes."""

    name: ClassVar[str] = "f1_micro"
    title: ClassVar[str] = "micro F1"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "F1 over all rows together, whatever their class; where each row has one class it equals accuracy."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        return ((answers.prediction == answers.truth) & (answers.truth >= 0)).astype(np.float64)
