"""R²: the share of the variation that the predictions explain."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import REGRESSION, ByWeights, ratio


class RSquared(ByWeights):
    """1 - Σ (prediction - truth)² / Σ (truth - mean)²; NaN where the truth does not vary."""

    name: ClassVar[str] = "r2"
    title: ClassVar[str] = "R²"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = REGRESSION
    meaning: ClassVar[str] = (
        "The share of the variation of the target that the predictions explain: 1 is perfect, 0 is no better than "
        "always saying the mean, below 0 is worse."
    )
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        centred = answers.truth - answers.truth.mean() if len(answers) else answers.truth
        scale = np.abs(centred).max(initial=0.0) or 1.0
        centred, error = centred / scale, (answers.prediction - answers.truth) / scale
        total = weights.sum(axis=1)
        variation = weights @ centred**2 - ratio((weights @ centred) ** 2, total)
        # What rounding leaves of a truth that does not vary must not be divided by.
        return 1.0 - ratio(weights @ error**2, np.where(variation > 1e-12 * total, variation, 0.0))
