"""Diversity: how far generated rows are from each other, relative to real ones; 1 is as varied."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._generation import more, shares


class Diversity(Metric):
    """Mean distance between two generated rows over that between two real ones, in the classifier's features."""

    name: ClassVar[str] = "diversity"
    title: ClassVar[str] = "diversity"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    meaning: ClassVar[str] = (
        "How much generated rows differ from each other: 1 is as much as real rows, 0 is the same row again and again, "
        "far above 1 is noise."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(self.weighted(answers, np.ones((1, len(answers))))[0])

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        made, real = more(answers, "features"), more(answers, "real_features")
        if made is None or real is None:
            return np.full(len(weights), math.nan)
        share = shares(weights)  # (R, B)
        between = _mean_distance(real, share)
        return np.divide(_mean_distance(made, share), between, out=np.full(len(share), math.nan), where=between > 0)


def _mean_distance(rows: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(R,) mean distance of two rows that are drawn by these shares (R, B)."""
    squares = np.square(rows).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * rows @ rows.T, 0.0))  # (B, B)
    np.fill_diagonal(distances, 0.0)
    return ((share @ distances) * share).sum(axis=1)
