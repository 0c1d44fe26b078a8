"""ROC-AUC: how often a row that is so is ranked above one that is not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, TAGGING, ByWeights, Ranking, macro_over_rankings, ratio


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
            above = np.cumsum(steps.positive, axis=1) - 0.5 * steps.positive
            pairs = steps.positive.sum(axis=1) * steps.negative.sum(axis=1)
            return ratio((steps.negative * above).sum(axis=1), pairs)

        return macro_over_rankings(answers, weights, area)
