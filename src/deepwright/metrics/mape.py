"""Mean absolute percentage error: by what share of the true value a prediction is off."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, TINY, MeanOverRows


class MeanAbsolutePercentageError(MeanOverRows):
    """mean |prediction - truth| / |truth|, as a share (0.1 is 10 %); a truth of 0 counts as 2e-16."""

    name: ClassVar[str] = "mape"
    title: ClassVar[str] = "MAPE"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = (
        "By what share of the true value a prediction is off on average: 0.1 is 10 %. Meaningless where true "
        "values come near 0."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        return np.abs(answers.prediction - answers.truth) / np.maximum(np.abs(answers.truth), TINY)
