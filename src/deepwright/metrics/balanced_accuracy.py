"""Balanced accuracy: the share called right, each class counting alike."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, mean_of_defined, recall_of, tallies


class BalancedAccuracy(ByWeights):
    """Mean over the classes in the truth of the share of their rows that were called right."""

    name: ClassVar[str] = "balanced_accuracy"
    title: ClassVar[str] = "balanced accuracy"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "The share of rows called right, taken in each class by itself and then averaged, so that a rare class "
        "counts as much as a common one."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return mean_of_defined(recall_of(tallies(answers, weights)))
