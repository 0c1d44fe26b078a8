"""Average precision (PR-AUC): precision along the ranking, averaged over the rows to be found."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import (
    CLASSIFICATION,
    TAGGING,
    TINY,
    ByWeights,
    Ranking,
    Steps,
    dot,
    macro_of_terms,
    macro_over_rankings,
    ratio,
)


class AveragePrecision(ByWeights):
    """Σ (recall step) · precision over falling thresholds; of the positive class where there are two, else the mean
    over classes (or tags) against the rest. NaN where there is nothing to find.
    """

    name: ClassVar[str] = "average_precision"
    title: ClassVar[str] = "average precision"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION | TAGGING
    meaning: ClassVar[str] = (
        "Going down the list from the most probable row, how pure the list stays until all that are to be found "
        "are found. Guessing scores the share of what is to be found."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_probability: ClassVar[bool] = True

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        def area(steps: Ranking) -> np.ndarray:
            found = steps.found
            pure = found / np.maximum(steps.seen, TINY)  # nothing seen yet is nothing found
            return ratio(dot(found, pure) - dot(found[:, :-1], pure[:, 1:]), found[:, -1])

        return macro_over_rankings(answers, weights, area)

    def linearised(self, answers: Answers) -> np.ndarray:
        """A row's weight moves the precision of its own step and of every step below it."""

        def terms(positive: np.ndarray, steps: Steps) -> np.ndarray:
            ones, seen = steps.positive.sum(), np.cumsum(steps.every)
            if not ones:
                return np.full(len(positive), np.nan)
            pure = np.cumsum(steps.positive) / seen
            area = steps.positive @ pure / ones
            lifts = _from_here(steps.positive / seen)  # what a positive adds to the steps from its own on
            sinks = _from_here(steps.positive * pure / seen)  # what any row takes from them
            slope = positive * (pure - area + lifts)[steps.of_row] - sinks[steps.of_row]
            return area + len(positive) / ones * slope

        return macro_of_terms(answers, terms)


def _from_here(values: np.ndarray) -> np.ndarray:
    """(S,) sum of each value and all after it."""
    return np.cumsum(values[::-1])[::-1]
