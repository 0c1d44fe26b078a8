"""Mean squared error: large errors count more than small ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, MeanOverRows


class MeanSquaredError(MeanOverRows):
    """mean (prediction - truth)²."""

    name: ClassVar[str] = "mse"
    title: ClassVar[str] = "MSE"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = (
        "The average of the squared errors, in squared units of the target: large errors count much more than "
        "small ones."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        return (answers.prediction - answers.truth) ** 2
