"""Learning curve: scores after learning from growing shares of the rows; would more data help?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepwright.core.errors import InternalError

FitAndScore = Callable[[np.ndarray, int], tuple[float, float, float]]
"""(sorted numbers of the training rows to learn from, seed) → (score, low, high) on rows that are never learned from;
low and high are the ends of its 95 % interval, NaN where not known."""

_Z95 = 1.96
_ERRORS = 2.0


@dataclass(frozen=True, kw_only=True)
class Point:
    """The mean score after learning from `rows` rows; low to high is its 95 % interval; `fits` is how often."""

    rows: int
    score: float
    low: float
    high: float
    fits: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points in order of rows, and what they say about more data.

    gain:  what the last doubling of the rows brought (positive: better), with its standard error.
    ahead: what the next doubling would bring if the curve goes on as a power law; None where it cannot be said.
    """

    points: tuple[Point, ...]
    gain: float
    error: float
    ahead: float | None
    says: str

    def to_dict(self) -> dict[str, Any]:
        """`points` and `says` of learning_curve.json."""
        return {"points": [vars(point) for point in self.points], "says": self.says}


def learning_curve(
    fit_and_score: FitAndScore,
    rows: int,
    *,
    greater_is_better: bool = True,
    shares: Sequence[float] = (0.25, 0.5, 1.0),
    seeds: int = 3,
    seconds: float | None = None,
    title: str = "the score",
) -> Curve:
    """Learn from growing shares of `rows` training rows and look how the score grows.

    shares:  of the rows, each in (0, 1]; smaller ones are drawn from larger ones, so that a step only adds rows.
    seeds:   draws and trainings for each share; the first of all shares comes first.
    seconds: no further draw is begun that would not be done in this time; the first one always is.
    title:   the metric's name in the sentence.

    Raises InternalError where shares or rows are none.
    """
    wanted = sorted({max(1, round(share * rows)) for share in shares if 0 < share <= 1})
    if rows < 1 or not wanted or seeds < 1:
        raise InternalError("a learning curve needs rows, shares between 0 and 1, and a seed.")
    began = time.monotonic()
    scored: dict[int, list[tuple[float, float, float]]] = {size: [] for size in wanted}
    for seed in range(seeds):
        spent = time.monotonic() - began
        if seed and seconds is not None and spent * (seed + 1) / seed > seconds:
            break
        order = np.random.default_rng([seed, rows]).permutation(rows)
        for size in wanted:
            scored[size].append(fit_and_score(np.sort(order[:size]), seed))
    points = tuple(_point(size, scores) for size, scores in scored.items())
    return _curve(points, 1.0 if greater_is_better else -1.0, title)


def _point(rows: int, scored: Sequence[tuple[float, float, float]]) -> Point:
    """The mean over draws; its interval joins the spread of the draws and the error of the rows that are scored."""
    scores = np.array([score for score, _, _ in scored])
    halves = np.array([(high - low) / 2 for _, low, high in scored])
    spread = _Z95 * scores.std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
    half = math.hypot(float(halves.mean()), float(spread))
    mean = float(scores.mean())
    return Point(rows=rows, score=mean, low=mean - half, high=mean + half, fits=len(scores))


def _curve(points: tuple[Point, ...], sign: float, title: str) -> Curve:
    if len(points) < 2 or not all(math.isfinite(point.score) for point in points):
        says = "There are too few rows, or no score at some size, to say whether more data would help."
        return Curve(points=points, gain=math.nan, error=math.nan, ahead=None, says=says)
    a, b = points[-2], points[-1]
    doublings = math.log2(b.rows / a.rows)
    gain = sign * (b.score - a.score) / doublings
    # All sizes are scored on the same rows, so adding both errors as if they were not overstates it: to be careful.
    error = math.hypot(b.high - b.score, a.high - a.score) / _Z95 / doublings
    ahead = _ahead(points, sign, gain)
    return Curve(points=points, gain=gain, error=error, ahead=ahead, says=_says(a, b, gain, error, ahead, title))


def _ahead(points: tuple[Point, ...], sign: float, gain: float) -> float | None:
    """The next doubling's gain if gains shrink by the same factor again, as those of a power law do
    (Cortes et al. 1993, "Learning curves: asymptotic values and rate of convergence")."""
    if len(points) < 3:
        return None
    before, a, _ = points[-3:]
    earlier = sign * (a.score - before.score) / math.log2(a.rows / before.rows)
    if not (math.isfinite(gain) and earlier > 0 and gain > 0):
        return None
    return gain * min(1.0, gain / earlier)


def _says(a: Point, b: Point, gain: float, error: float, ahead: float | None, title: str) -> str:
    seen = f"From {a.rows:,} to {b.rows:,} training rows {title} went from {a.score:.4g} to {b.score:.4g}"
    if not math.isfinite(error):
        return f"{seen}; how sure that is cannot be said from so few rows."
    if gain > _ERRORS * error:
        guess = (
            "" if ahead is None else f"; twice as many again may bring about {ahead:.2g} more, if it goes on like this"
        )
        return f"{seen}, clearly better: more rows would help{guess}."
    if gain < -_ERRORS * error:
        return f"{seen}, clearly worse: look for rows that do not fit together before adding more."
    return f"{seen}, which is within the error of measurement ({error:.2g}): more rows of this kind would hardly help."
