"""Stability: whether clusters come out the same when only half of the rows teach."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._clusters import CLUSTERING, rand_index
from deepwright.metrics._shared import ByWeights


class Stability(ByWeights):
    """Adjusted Rand index between the clusters and those that the same contender finds from a random half of the
    training rows, on the rows asked about.

    After A. Ben-Hur, A. Elisseeff, I. Guyon, "A stability based method for discovering structure in clustered data",
    2002: clusters that hang on which rows were drawn are no property of the data.
    """

    name: ClassVar[str] = "stability"
    title: ClassVar[str] = "stability"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLUSTERING
    meaning: ClassVar[str] = (
        "How far the clusters stay the same when a random half of the training rows makes them: 1 exactly the same, "
        "0 no more alike than by chance."
    )
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return rand_index(answers.prediction, answers.more["again"], weights)
