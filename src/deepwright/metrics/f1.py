"""F1: precision and recall in one number, low when either is low."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, f1_of, of_positive_or_macro


class F1(ByWeights):
    """2 hit / (true + called), of the positive class where there are two classes, else the mean over classes."""

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "F1"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = "Precision and recall in one number that is low as soon as one of them is."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return of_positive_or_macro(answers, weights, f1_of)
