"""Recall (sensitivity): of the rows that are so, the share that was found."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, of_positive_or_macro, recall_of


class Recall(ByWeights):
    """hit / true, of the positive class where there are two classes, else the mean over classes."""

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "recall"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = "Of the rows that really are so, the share that was found: low means misses."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return of_positive_or_macro(answers, weights, recall_of)
