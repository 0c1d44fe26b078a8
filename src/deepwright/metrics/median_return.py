"""Median return: what half of the episodes reach."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import ByWeights


class MedianReturn(ByWeights):
    """The middle one of the sorted returns; the lower of the two in the middle where their number is even."""

    name: ClassVar[str] = "median_return"
    title: ClassVar[str] = "Median return"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"control"})
    meaning: ClassVar[str] = "The return that half of the episodes reach; a few disasters do not move it."

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        order = np.argsort(answers.prediction, kind="stable")
        below = np.cumsum(weights[:, order], axis=1)  # (R, B)
        middle = np.argmax(below >= below[:, -1:] / 2, axis=1)
        return answers.prediction[order][middle]
