"""Precision: of the rows called so, the share that are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, of_positive_or_macro, precision_of


class Precision(ByWeights):
    """hit / called, of the positive class where there are two classes, else the mean over classes."""

    name: ClassVar[str] = "precision"
    title: ClassVar[str] = "precision"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = "Of the rows that were called so, the share that really are: low means false alarms."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return of_positive_or_macro(answers, weights, precision_of)
