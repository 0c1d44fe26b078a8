"""Specificity: of the rows that are not so, the share that was rightly left alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import (
    CLASSIFICATION,
    ByWeights,
    Tallies,
    class_count,
    mean_of_defined,
    ratio,
    tallies,
)


class Specificity(ByWeights):
    """Of the rows that are not of the class, the share not called it; of the positive class where there are two
    classes, else the mean over classes.
    """

    name: ClassVar[str] = "specificity"
    title: ClassVar[str] = "specificity"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "Of the rows that are not so, the share that was rightly not called so: low means false alarms among the "
        "healthy."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1, keepdims=True)
        classes = class_count(answers)

        def rate(counts: Tallies) -> np.ndarray:
            negative = total - counts.true
            # A class that training never showed is nobody's to leave alone.
            return ratio(negative - (counts.called - counts.hit), negative)[:, :classes]

        if classes == 2:
            return rate(tallies(answers, weights))[:, 1]
        return mean_of_defined(rate(tallies(answers, weights)))
