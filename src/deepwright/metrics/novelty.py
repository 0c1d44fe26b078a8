"""Novelty: how far generated rows are from the nearest training row, relative to real rows; near 0 is copying."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._generation import more


class Novelty(Metric):
    """Mean distance to the nearest training row over the mean distance of real rows that nobody learned from."""

    name: ClassVar[str] = "novelty"
    title: ClassVar[str] = "novelty"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    meaning: ClassVar[str] = (
        "How far generated rows are from the nearest training row: 1 is as far as real new rows, near 0 is learned by "
        "heart, far above 1 is unlike anything."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(self.weighted(answers, np.ones((1, len(answers))))[0])

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        made, real = more(answers, "nearest"), more(answers, "real_nearest")
        if made is None or real is None or np.isnan(real).any():
            return np.full(len(weights), math.nan)
        own = weights @ real  # (R,)
        return np.divide(weights @ made, own, out=np.full(len(weights), math.nan), where=own > 0)
