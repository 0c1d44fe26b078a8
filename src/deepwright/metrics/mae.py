"""Mean absolute error: by how much a prediction is off, on average."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, MeanOverRows


class MeanAbsoluteError(MeanOverRows):
    """mean |prediction - truth|."""

    name: ClassVar[str] = "mae"
    title: ClassVar[str] = "MAE"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = "By how much a prediction is off on average, in the units of the target."
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        return np.abs(answers.prediction - answers.truth)
