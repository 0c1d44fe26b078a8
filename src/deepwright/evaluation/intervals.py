"""Intervals: how far a score, or the difference of two, could lie from what these test rows happen to say.

A score gets a 95 % interval from resampling the rows (Efron 1979): 2,000 times, rows are drawn with replacement and
scored again. Where rows belong to groups, groups are drawn. Three refinements keep the coverage honest:
- the percentiles are widened for few rows, as a t-interval is (Hesterberg 2015, What Teachers Should Know About the
  Bootstrap, section 5.1);
- shares of right answers use Wilson's interval, and differences of two of them Bonett and Price's (2012), because
  resampling knows no mistake it has not seen: ten right answers in ten would give 100 % to 100 %;
- any other score at its bound, where all resamples agree, is opened by the rule of three;
- resamples of a metric that repeats alone make larger or smaller (`Metric.resampling_shifts`: a distance between two
  sets of rows) are moved by their mean distance from the score, so that only their spread is used. The interval is then
  about the score of as many rows as these; how much fewer rows than all there are add to it is not in it.
- where chance alone adds to a score, as to the calibration error, resamples lie above the score as the score lies
  above the truth: the basic bootstrap turns the interval round the score (Davison and Hinkley 1997, Bootstrap Methods
  and their Application, section 5.2); it is widened to hold the score itself, and begins at the bound where chance
  alone explains the score.

Where a score is no mean and rows are very many, its linear terms are resampled instead (the infinitesimal jackknife;
for ROC-AUC these are the placement values of DeLong et al. 1988): resamples would be few, and tell less.

Below ten rows (or groups) nothing but Wilson's interval is given: (NaN, NaN) says unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepwright.core.metric import Answers, Metric

LEVEL = 0.95
FEWEST = 10
"""Rows, or groups, below which a resampled interval would be a guess."""

_RESAMPLES = 2_000
_BLOCKS = 2_000
"""With more than twice as many rows, these are dealt at random into so many blocks, and blocks are drawn: as good for
the spread of a score, and the cost stays the same however many rows there are."""
_CELLS = 4_000_000
"""Weighted rows in all resamples together of a score that is no mean; many rows mean fewer resamples, at least 100."""
_FEW = 1_000
"""Resamples below which the linear terms of a score, where it has them, are resampled instead, and a spread is all that
is read from resamples."""
_CHUNK = 500_000
"""Weights in memory at once."""
_Z = 1.959963984540054

Scores = Callable[[np.ndarray], np.ndarray]
"""Weights (R, B) → scores (R,)."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better a is than b on the same rows, in the metric's units; positive: a is better.

    `error` is the standard error of the value. NaN where it is not known.
    """

    value: float
    low: float
    high: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt which one is better."""
        return self.low > 0 or self.high < 0


def interval(
    metric: Metric, answers: Answers, groups: np.ndarray | None = None, *, seed: int = 0
) -> tuple[float, float]:
    """(low, high): the 95 % interval of `metric.score(answers)`; (NaN, NaN) where the rows are too few to say.

    groups: (B,) an id for each row, where rows belong together. The same input gives the same numbers.
    """
    terms = metric.per_row(answers)
    if groups is None and terms is not None and _is_share(metric, terms):
        low, high = _wilson(float(terms.sum()), len(terms))
        return low, high
    terms = _linear(metric, _cost(metric, answers), answers) if terms is None else terms
    units = _Units(len(answers), groups)
    if units.count < FEWEST:
        return float("nan"), float("nan")
    if terms is not None:
        scores = _means(terms, units, seed)
    else:
        score = _scorer(metric, answers)
        scores = _all(score(weights) for weights in units.weights(_affordable(_cost(metric, answers)), seed))
        scores = _unshifted(metric, scores, metric.score(answers))
    low, high = _percentiles(scores, units.count)
    chance = metric.by_chance(answers, _RESAMPLES, seed)
    if chance is not None:
        value = metric.score(answers)
        low, high = _turned(value, low, high)
        if value <= np.quantile(chance, 1 - (1 - LEVEL) / 2):
            low = metric.bounds[0]
    if low == high:
        low, high = _opened(metric, answers, low, units.count)
    return max(low, metric.bounds[0]), min(high, metric.bounds[1])


def paired_difference(
    metric: Metric, a: Answers, b: Answers, groups: np.ndarray | None = None, *, seed: int = 0
) -> tuple[float, float, float]:
    """(difference, low, high) of a against b on the same rows, in the metric's units; positive: a is better."""
    found = compare_paired(metric, a, b, groups, seed=seed)
    return found.value, found.low, found.high


def compare_paired(
    metric: Metric, a: Answers, b: Answers, groups: np.ndarray | None = None, *, seed: int = 0
) -> Difference:
    """As `paired_difference`, with the standard error. Both are scored on the same resamples, so what is hard for both
    does not count. Raises ValueError when the answers are not of the same rows."""
    if len(a) != len(b):
        raise ValueError(f"expected answers of the same rows, got {len(a)} and {len(b)}")
    sign = 1.0 if metric.greater_is_better else -1.0
    value = sign * (metric.score(a) - metric.score(b))
    terms_a, terms_b = metric.per_row(a), metric.per_row(b)
    shares = terms_a is not None and terms_b is not None and _is_share(metric, terms_a, terms_b)
    if groups is None and shares and terms_a is not None and terms_b is not None:
        return _bonett_price(value, sign * (terms_a - terms_b))
    cost = _cost(metric, a) + _cost(metric, b)
    if terms_a is None or terms_b is None:
        terms_a, terms_b = _linear(metric, cost, a), _linear(metric, cost, b)
    units = _Units(len(a), groups)
    unknown = Difference(value=value, low=float("nan"), high=float("nan"), error=float("nan"))
    if units.count < FEWEST:
        return unknown
    if terms_a is not None and terms_b is not None:
        scores = _means(sign * (terms_a - terms_b), units, seed)
    else:
        score_a, score_b = _scorer(metric, a), _scorer(metric, b)
        resamples = _affordable(cost)
        drawn = (sign * (score_a(weights) - score_b(weights)) for weights in units.weights(resamples, seed))
        scores = _unshifted(metric, _all(drawn), value)
    low, high = _percentiles(scores, units.count)
    if metric.by_chance(a, 1, seed) is not None:
        low, high = _turned(value, low, high)
    known = scores[np.isfinite(scores)]
    error = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return Difference(value=value, low=low, high=high, error=error)


class _Units:
    """What is drawn: rows, groups of rows, or random blocks of very many rows."""

    def __init__(self, rows: int, groups: np.ndarray | None) -> None:
        self.rows = self.count = rows
        self.of_row: np.ndarray | None = None
        if groups is not None:
            distinct, self.of_row = np.unique(np.asarray(groups), return_inverse=True)
            self.count = len(distinct)
        elif rows > 2 * _BLOCKS:
            self.of_row = np.random.default_rng(rows).permutation(rows) % _BLOCKS
            self.count = _BLOCKS

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """(B,) → (count,) sum of the terms in each unit."""
        return terms if self.of_row is None else np.bincount(self.of_row, weights=terms, minlength=self.count)

    def draws(self, resamples: int, width: int, seed: int) -> Iterator[np.ndarray]:
        """(R, count) in chunks of at most `_CHUNK` / width: how often each unit was drawn."""
        rng = np.random.default_rng(seed)
        step = max(1, _CHUNK // max(width, 1))
        for start in range(0, resamples, step):
            size = min(step, resamples - start)
            drawn = rng.integers(0, self.count, size=(size, self.count), dtype=np.int32)
            # One count over all resamples: each has its own range of numbers.
            drawn += np.arange(size, dtype=np.int32)[:, None] * self.count
            counts = np.bincount(drawn.reshape(-1), minlength=size * self.count)
            yield counts.reshape(size, self.count).astype(np.float64)

    def weights(self, resamples: int, seed: int) -> Iterator[np.ndarray]:
        """(R, B) in chunks: how often each row was drawn."""
        for counts in self.draws(resamples, self.rows, seed):
            yield counts if self.of_row is None else counts[:, self.of_row]


def _means(terms: np.ndarray, units: _Units, seed: int) -> np.ndarray:
    """(R,) resampled means of the terms."""
    sums, sizes = units.sums(terms), units.sums(np.ones(len(terms)))
    return _all((counts @ sums) / (counts @ sizes) for counts in units.draws(_RESAMPLES, units.count, seed))


def _all(chunks: Iterator[np.ndarray]) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate(list(chunks))


def _unshifted(metric: Metric, scores: np.ndarray, score: float) -> np.ndarray:
    """Resampled scores with their mean moved to the score, for metrics that repeats shift."""
    known = scores[np.isfinite(scores)]
    return scores - (known.mean() - score) if metric.resampling_shifts and len(known) else scores


def _linear(metric: Metric, cost: int, answers: Answers) -> np.ndarray | None:
    """The linear terms of a score that is no mean, where so few resamples of it itself could be afforded."""
    return metric.linearised(answers) if _affordable(cost) < _FEW else None


def _turned(score: float, low: float, high: float) -> tuple[float, float]:
    """The basic bootstrap: the resamples lie about the score as the score lies about the truth."""
    return min(2 * score - high, score), max(2 * score - low, score)


def _scorer(metric: Metric, answers: Answers) -> Scores:
    if metric.weighted(answers, np.ones((1, len(answers)))) is not None:
        return partial(_weighted, metric, answers)
    return partial(_one_by_one, metric, answers)


def _weighted(metric: Metric, answers: Answers, weights: np.ndarray) -> np.ndarray:
    scores = metric.weighted(answers, weights)
    assert scores is not None
    return scores


def _one_by_one(metric: Metric, answers: Answers, weights: np.ndarray) -> np.ndarray:
    rows = np.arange(len(answers))
    return np.array([metric.score(answers.take(np.repeat(rows, drawn.astype(np.int64)))) for drawn in weights])


def _cost(metric: Metric, answers: Answers) -> int:
    """Work for one resample, in weighted rows: a ranking for every class (one for two), else one pass."""
    columns = answers.probability.shape[1] if metric.needs_probability and answers.probability is not None else 1
    return len(answers) * (1 if columns == 2 else columns)


def _affordable(cost: int) -> int:
    """How many resamples of a score that is no mean."""
    return int(np.clip(_CELLS // max(cost, 1), 100, _RESAMPLES))


def _percentiles(scores: np.ndarray, units: int) -> tuple[float, float]:
    """The middle 95 % of the scores, widened for few units; resamples where the metric is not defined are left out."""
    from scipy.special import ndtr, stdtrit

    known = scores[np.isfinite(scores)]
    if len(known) < len(scores) / 2:
        return float("nan"), float("nan")
    tail = float(ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 - LEVEL) / 2)))
    if len(known) < _FEW:
        # Few resamples know their spread better than their tails; they are few only where rows are very many.
        half = float(known.std(ddof=1)) * _Z
        return float(known.mean()) - half, float(known.mean()) + half
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _is_share(metric: Metric, *terms: np.ndarray) -> bool:
    """Whether the score is a share of right or wrong rows; errors of exactly 0 and 1 unit are none."""
    return metric.bounds == (0.0, 1.0) and all(len(t) > 0 and bool(((t == 0) | (t == 1)).all()) for t in terms)


def _wilson(right: float, rows: int) -> tuple[float, float]:
    """Wilson's score interval of a share (1927)."""
    share, spread = right / rows, _Z**2 / rows
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * np.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    # At the bounds the formula gives them exactly; rounding may not.
    return (0.0 if right == 0 else float(middle - half)), (1.0 if right == rows else float(middle + half))


def _bonett_price(value: float, signed: np.ndarray) -> Difference:
    """Interval of the difference of two paired shares, from how often only one of them was right: `signed` (B,) is 1
    where only a was, -1 where only b was. Adds half a row to each of the four cells."""
    rows = len(signed) + 2
    only_a, only_b = (float((signed > 0).sum()) + 1) / rows, (float((signed < 0).sum()) + 1) / rows
    error = float(np.sqrt((only_a + only_b - (only_a - only_b) ** 2) / rows))
    middle = only_a - only_b
    low, high = max(-1.0, middle - _Z * error), min(1.0, middle + _Z * error)
    return Difference(value=value, low=low, high=high, error=error)


def _opened(metric: Metric, answers: Answers, score: float, units: int) -> tuple[float, float]:
    """The interval of a score on which all resamples agree: three in `units` unseen cases may go the other way.

    Only for scores with two finite bounds; a ranking's unit is a row of its rarer class.
    """
    low, high = metric.bounds
    if not np.isfinite([low, high]).all() or score not in (low, high):
        return score, score
    if metric.per_row(answers) is None and answers.truth.ndim == 1:
        units = max(1, min(units, int(np.unique(answers.truth, return_counts=True)[1].min())))
    reach = min(1.0, 3.0 / units) * (high - low)
    return (score, score + reach) if score == low else (score - reach, score)
