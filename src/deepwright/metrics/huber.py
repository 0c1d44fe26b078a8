"""Huber loss: squared for small errors, straight for large ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, MeanOverRows


class HuberLoss(MeanOverRows):
    """mean of e²/2 where |e| ≤ 1, else |e| - 1/2, in the units of the target (Huber 1964)."""

    name: ClassVar[str] = "huber"
    title: ClassVar[str] = "Huber"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = (
        "Like MSE for errors below one unit of the target and like MAE above, so that outliers pull less."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        error = np.abs(answers.prediction - answers.truth)
        return np.where(error <= 1.0, 0.5 * np.minimum(error, 1.0) ** 2, error - 0.5)
