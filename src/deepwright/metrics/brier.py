"""Brier score: the squared error of the probabilities."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, MeanOverRows, probability_of_truth


class BrierScore(MeanOverRows):
    """mean over rows of Σ_k (p_k - [k is the truth])², halved where there are two classes (Brier 1950)."""

    name: ClassVar[str] = "brier"
    title: ClassVar[str] = "Brier score"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "The squared error of the probabilities: 0 is certain and right; with two classes 0.25 is always saying 50 %."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 2.0)
    needs_probability: ClassVar[bool] = True

    def per_row(self, answers: Answers) -> np.ndarray:
        if answers.probability is None:
            return np.full(len(answers), np.nan)
        # Σ (p_k - t_k)² = Σ p_k² - 2 p_truth + 1; holds for a truth outside the classes too, whose p is 0.
        squares = (answers.probability**2).sum(axis=1) - 2.0 * probability_of_truth(answers) + 1.0
        return squares / 2.0 if answers.probability.shape[1] == 2 else squares
