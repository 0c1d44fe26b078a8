"""Macro F1: F1 of each class by itself, then the mean."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, f1_of, macro, tallies


class MacroF1(ByWeights):
    """Mean of the F1 of every class that occurs in truth or prediction."""

    name: ClassVar[str] = "f1_macro"
    title: ClassVar[str] = "macro F1"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "F1 of each class by itself, then the mean, so that a rare class counts as much as a common one."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return macro(tallies(answers, weights), f1_of)
