"""Worst return: the least that any episode brought."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import ByWeights


class WorstReturn(ByWeights):
    """The smallest return. Its interval says how lucky these episodes were, not how bad others may get."""

    name: ClassVar[str] = "worst_return"
    title: ClassVar[str] = "Worst return"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"control"})
    meaning: ClassVar[str] = "The least that any of the episodes brought; what one must be prepared for."

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return np.where(weights > 0, answers.prediction, np.inf).min(axis=1)
