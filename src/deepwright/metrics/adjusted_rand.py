"""Adjusted Rand index: agreement of clusters with labels that were held back."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._clusters import CLUSTERING, rand_index
from deepwright.metrics._shared import ByWeights


class AdjustedRand(ByWeights):
    """L. Hubert and P. Arabie, "Comparing partitions", 1985, over the rows that have a label; NaN where none has."""

    name: ClassVar[str] = "adjusted_rand"
    title: ClassVar[str] = "adjusted Rand index"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLUSTERING
    meaning: ClassVar[str] = (
        "How far pairs of rows that share a cluster also share the held-back label: 1 the clusters are the labels, "
        "0 no more than by chance."
    )
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        known = answers.truth >= 0
        if not known.any():
            return np.full(len(weights), np.nan)
        return rand_index(answers.prediction[known], answers.truth[known], weights[:, known])
