"""What several metrics need: weighted means, tallies of classes, and sums along a ranking.

Axes: B rows, K classes or tags, R weightings of the rows. `weights` is (R, B); ones (1, B) give the plain score.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from deepwright.core.metric import Answers, Metric

REGRESSION = frozenset({"regression"})
CLASSIFICATION = frozenset({"classification"})
TAGGING = frozenset({"tagging"})
TINY = float(np.finfo(np.float64).eps)
"""Probabilities are held above this one, so that a certain mistake costs 36 in a logarithm and not infinity."""


class MeanOverRows(Metric):
    """A metric that is the mean of one term for each row."""

    def score(self, answers: Answers) -> float:
        return float(np.mean(self.per_row(answers))) if len(answers) else float("nan")

    @abstractmethod
    def per_row(self, answers: Answers) -> np.ndarray:
        """(B,) the terms."""


class ByWeights(Metric):
    """A metric that is no mean over rows, but a function of weighted rows."""

    def score(self, answers: Answers) -> float:
        return float(self.weighted(answers, np.ones((1, len(answers))))[0]) if len(answers) else float("nan")

    @abstractmethod
    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        """(R,) scores, one for each row of `weights` (R, B)."""


def ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """above / below, `empty` where below is 0."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, empty), where=below != 0)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """(R, K) → (R,) mean over the entries that are not NaN; NaN where all are."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1))


class Tallies(NamedTuple):
    """Weighted counts, each (R, C): rows that are of a class, were called it, and both."""

    true: np.ndarray
    called: np.ndarray
    hit: np.ndarray


def tallies(answers: Answers, weights: np.ndarray) -> Tallies:
    """C = K + 2: the classes, then truths that training never showed (-1), then predictions of no class (-2).

    A truth that was never shown is a class of its own that nobody can hit, as scikit-learn counts it.
    """
    classes = class_count(answers)
    truth = np.where(answers.truth < 0, classes, answers.truth)
    prediction = np.where(answers.prediction < 0, classes + 1, answers.prediction)
    right = truth == prediction
    return Tallies(
        _sums(truth, weights, classes + 2),
        _sums(prediction, weights, classes + 2),
        _sums(truth[right], weights[:, right], classes + 2),
    )


def class_count(answers: Answers) -> int:
    """K: the named classes, or where none are named as many as the codes need."""
    if answers.classes:
        return len(answers.classes)
    return int(max(answers.truth.max(initial=-1), answers.prediction.max(initial=-1))) + 1


def of_positive_or_macro(answers: Answers, weights: np.ndarray, rate: Callable[[Tallies], np.ndarray]) -> np.ndarray:
    """(R,) rate of the positive class where there are two, else the mean over the classes that occur."""
    counts = tallies(answers, weights)
    if class_count(answers) == 2:
        return rate(counts)[:, 1]
    return macro(counts, rate)


def macro(counts: Tallies, rate: Callable[[Tallies], np.ndarray]) -> np.ndarray:
    """(R,) mean of the rate over classes that occur in truth or prediction; 0 where a class's rate is 0 / 0."""
    occurs = (counts.true > 0) | (counts.called > 0)
    return mean_of_defined(np.where(occurs, np.nan_to_num(rate(counts)), np.nan))


def tag_tallies(answers: Answers, weights: np.ndarray) -> Tallies:
    """Weighted counts (R, K) for each tag."""
    truth, called = answers.truth.astype(np.float64), answers.prediction.astype(np.float64)
    return Tallies(weights @ truth, weights @ called, weights @ (truth * called))


def precision_of(counts: Tallies) -> np.ndarray:
    """(R, C) of the rows called so, the share that are; 0 where none was called."""
    return ratio(counts.hit, counts.called, empty=0.0)


def recall_of(counts: Tallies) -> np.ndarray:
    """(R, C) of the rows that are so, the share called; NaN where there is none."""
    return ratio(counts.hit, counts.true)


def f1_of(counts: Tallies) -> np.ndarray:
    """(R, C) harmonic mean of precision and recall, 2 hit / (true + called); NaN where there is nothing."""
    return ratio(2 * counts.hit, counts.true + counts.called)


class Ranking(NamedTuple):
    """Going down the list by falling score, tied rows in one step: weight of positives and of all so far (R, S)."""

    found: np.ndarray
    seen: np.ndarray


def ranking(score: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> Ranking:
    """score (B,), positive (B,) bool, weights (R, B)."""
    order = np.argsort(-score, kind="stable")
    falling, drawn = score[order], np.take(weights, order, axis=1)
    seen = np.cumsum(drawn, axis=1)
    drawn *= positive[order]
    found = np.cumsum(drawn, axis=1, out=drawn)
    ends = np.flatnonzero(np.concatenate([falling[1:] != falling[:-1], [True]]))
    if len(ends) < len(order):
        seen, found = np.take(seen, ends, axis=1), np.take(found, ends, axis=1)
    return Ranking(found, seen)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(R, S), (R, S) → (R,) sum of products of each row."""
    return np.einsum("rs,rs->r", a, b)


def one_against_rest(answers: Answers) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(score (B,), positive (B,) bool) for the positive of two classes, for every class of more, for every tag."""
    probability = answers.probability
    if probability is None:
        return
    if answers.truth.ndim == 2:
        yield from ((probability[:, k], answers.truth[:, k]) for k in range(probability.shape[1]))
    elif probability.shape[1] == 2:
        yield probability[:, 1], answers.truth == 1
    else:
        yield from ((probability[:, k], answers.truth == k) for k in range(probability.shape[1]))


def macro_over_rankings(answers: Answers, weights: np.ndarray, summary: Callable[[Ranking], np.ndarray]) -> np.ndarray:
    """(R,) mean of a ranking's summary over `one_against_rest`, of those where it is defined."""
    if not len(answers):
        return np.full(len(weights), np.nan)
    values = [summary(ranking(score, positive, weights)) for score, positive in one_against_rest(answers)]
    return mean_of_defined(np.stack(values, axis=1)) if values else np.full(len(weights), np.nan)


class Steps(NamedTuple):
    """A ranking's S steps by falling score: positives and all rows in each (S,), and the step of each row (B,)."""

    positive: np.ndarray
    every: np.ndarray
    of_row: np.ndarray


def macro_of_terms(answers: Answers, terms: Callable[[np.ndarray, Steps], np.ndarray]) -> np.ndarray:
    """(B,) mean over `one_against_rest`, where it is defined, of `terms` (positive (B,), steps) → (B,)."""
    found = []
    for score, positive in one_against_rest(answers):
        _, of_row = np.unique(-score, return_inverse=True)
        steps = Steps(np.bincount(of_row, weights=positive), np.bincount(of_row).astype(np.float64), of_row)
        found.append(terms(positive, steps))
    return mean_of_defined(np.stack(found, axis=1)) if found else np.full(len(answers), np.nan)


def probability_of_truth(answers: Answers) -> np.ndarray:
    """(B,) what the true class was given; 0 for a class that training never showed. NaN without probabilities."""
    if answers.probability is None:
        return np.full(len(answers), np.nan)
    given = np.take_along_axis(answers.probability, np.maximum(answers.truth, 0)[:, None], axis=1)[:, 0]
    return np.where(answers.truth < 0, 0.0, given)


def _sums(codes: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """(R, size) sum of the weights of the rows of each code."""
    cells = codes + size * np.arange(len(weights))[:, None]  # each weighting counts in cells of its own
    return np.bincount(cells.ravel(), weights=weights.ravel(), minlength=size * len(weights)).reshape(-1, size)
