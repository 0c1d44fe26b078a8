"""Root mean squared error: the usual size of an error, large ones counting more."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, ByWeights, ratio


class RootMeanSquaredError(ByWeights):
    """sqrt(mean (prediction - truth)²), computed on errors divided by the largest, so that squares cannot overflow."""

    name: ClassVar[str] = "rmse"
    title: ClassVar[str] = "RMSE"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = (
        "The usual size of an error in the units of the target; a few large errors count more than many small ones."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        error = np.abs(answers.prediction - answers.truth)
        largest = error.max(initial=0.0) or 1.0
        return largest * np.sqrt(ratio(weights @ (error / largest) ** 2, weights.sum(axis=1)))
