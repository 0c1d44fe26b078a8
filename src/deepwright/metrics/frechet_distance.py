"""Fréchet distance: how far generated rows are from real ones in features of a classifier; 0 for the same set."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._generation import frechet, more, shares

_FEWEST = 2


class FrechetDistance(Metric):
    """Heusel et al., 2017, "GANs trained by a two time-scale update rule", in features of a classifier trained here.

    Of few rows it is too large, the more so the fewer (Chong and Forsyth, 2020): compare it at the same number of rows.
    """

    name: ClassVar[str] = "frechet_distance"
    title: ClassVar[str] = "Fréchet distance"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    meaning: ClassVar[str] = (
        "How far generated rows as a whole are from as many real ones, in features of a classifier; 0 is the same set."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    resampling_shifts: ClassVar[bool] = True

    def score(self, answers: Answers) -> float:
        found = self.weighted(answers, np.ones((1, len(answers))))
        return math.nan if found is None else float(found[0])

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray | None:
        made, real = more(answers, "features"), more(answers, "real_features")
        if made is None or real is None or len(made) < _FEWEST:
            return np.full(len(weights), np.nan)
        return frechet(made, real, shares(weights))
