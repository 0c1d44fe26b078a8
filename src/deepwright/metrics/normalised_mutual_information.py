"""Normalised mutual information: what clusters and held-back labels say about each other."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._clusters import CLUSTERING, mutual_information
from deepwright.metrics._shared import ByWeights


class NormalisedMutualInformation(ByWeights):
    """A. Strehl and J. Ghosh, "Cluster ensembles", 2002, over the arithmetic mean of the entropies as scikit-learn
    has it, over the rows that have a label; NaN where none has."""

    name: ClassVar[str] = "normalised_mutual_information"
    title: ClassVar[str] = "normalised mutual information"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLUSTERING
    meaning: ClassVar[str] = (
        "How much of the held-back label the cluster tells, and the other way round: 1 everything, 0 nothing. "
        "It is not corrected for chance: many small clusters raise it."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        known = answers.truth >= 0
        if not known.any():
            return np.full(len(weights), np.nan)
        return mutual_information(answers.prediction[known], answers.truth[known], weights[:, known])
