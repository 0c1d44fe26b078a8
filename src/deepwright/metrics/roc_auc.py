"""ROC-AUC: how often a row that is so is ranked above one that is not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import (
    CLASSIFICATION,
    TAGGING,
    ByWeights,
    Ranking,
    Steps,
    dot,
    macro_of_terms,
    macro_over_rankings,
    ratio,
)


class RocAuc(ByWeights):
    """Area under the ROC curve, ties counting half; of the positive class where there are two, else the mean over
    classes (or tags) against the rest. NaN where all rows are of one class.
    """

    name: ClassVar[str] = "roc_auc"
    title: ClassVar[str] = "ROC-AUC"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION | TAGGING
    meaning: ClassVar[str] = (
        "Take a row that is so and one that is not: how often the first is given the higher probability. 0.5 is "
        "guessing, 1 is perfect."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_probability: ClassVar[bool] = True

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        def area(steps: Ranking) -> np.ndarray:
            found, false = steps.found, steps.seen - steps.found
            pairs = found[:, -1] * false[:, -1]
            # The trapezoids under the curve, Σ (false_i - false_{i-1}) (found_i + found_{i-1}) / 2, multiplied out.
            crossed = dot(false[:, 1:], found[:, :-1]) - dot(false[:, :-1], found[:, 1:])
            return ratio(0.5 * (pairs + crossed), pairs)

        return macro_over_rankings(answers, weights, area)

    def linearised(self, answers: Answers) -> np.ndarray:
        """The placement values whose variance DeLong et al. (1988) use: how much of the other side is beaten."""

        def terms(positive: np.ndarray, steps: Steps) -> np.ndarray:
            negative = steps.every - steps.positive
            ones, zeros = steps.positive.sum(), negative.sum()
            if not ones * zeros:
                return np.full(len(positive), np.nan)
            beaten = (zeros - np.cumsum(negative) + 0.5 * negative) / zeros  # by a positive in the step
            beating = (np.cumsum(steps.positive) - 0.5 * steps.positive) / ones  # a negative in the step
            area = steps.positive @ beaten / ones
            placed = np.where(positive, (beaten / ones)[steps.of_row], (beating / zeros)[steps.of_row])
            share = np.where(positive, 1.0 / ones, 1.0 / zeros)
            return area + len(positive) * (placed - area * share)

        return macro_of_terms(answers, terms)
