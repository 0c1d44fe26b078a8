"""Choosing a setting by cross-validation on training rows, and how many rows a time budget allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from deepwright.contenders._lesson import sample
from deepwright.core.contender import NOT_REPEATABLE

T = TypeVar("T")
Rows = np.ndarray
Values = Callable[[Rows], np.ndarray]
"""Row numbers → (B, K) values, as `Lesson.y` has them."""

_ROWS = 5_000
"""Rows that choose a setting: more cost time and hardly change the choice."""


class Clock:
    """Seconds since it was made, against a budget that may be None (no limit); says once that it cut something."""

    def __init__(self, seconds: float | None, note: Callable[[str], None] | None = None) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._seconds = seconds
        self._note = note

    def cut(self, what: str) -> None:
        """The clock, and not the data, decided `what`: what was fitted depends on how fast the machine was."""
        if self._note is not None:
            self._note(f"The clock {what}. {NOT_REPEATABLE}")
            self._note = None

    @property
    def left(self) -> float | None:
        """Seconds left, never below zero; None: no limit."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def spent(self, share: float) -> bool:
        """Whether more than this share of the budget is used."""
        return self._seconds is not None and (self.left or 0.0) <= self._seconds * (1.0 - share)


def by_folds(
    ladder: Sequence[T], start: int, fit: Callable[[T, Rows], Values], y: np.ndarray, seed: int, clock: Clock
) -> T:
    """The setting with the smallest mean squared error of its values (for probabilities: the Brier score) over folds.

    ladder: settings in their natural order, from which the search climbs up and then down, beginning at number
    `start`, as long as it gets better and no more than half the time is used. At most 5,000 rows are dealt.
    """
    if len(ladder) == 1:
        return ladder[0]
    rows = sample(y, _ROWS, seed)
    folds = _folds(y[rows], 5 if len(rows) <= 1_000 else 3, seed)

    def error(place: int) -> float:
        return sum(float(((fit(ladder[place], rows[~held])(rows[held]) - y[rows[held]]) ** 2).sum()) for held in folds)

    best, least = start, error(start)
    for step in (1, -1):
        place = best + step
        while 0 <= place < len(ladder):
            if clock.spent(0.5):
                clock.cut("ended the search for a setting")
                break
            found = error(place)
            if found >= least * (1.0 - 1e-9):
                break
            best, least, place = place, found, place + step
        if best > start:
            break
    return ladder[best]


def affordable(
    y: np.ndarray,
    fit: Callable[[Rows], object],
    clock: Clock,
    seed: int,
    *,
    power: float = 1.0,
    pilot: int = 2_000,
    times: float = 1.0,
) -> Rows:
    """The rows that the fit to come can take in 70 % of the time left: all of them, or a sample.

    `fit` is tried on `pilot` rows, then on four times as many and so on as long as that costs little. The fit to come
    costs `times` as much as `fit`, and the cost grows with the number of rows to this power.
    """
    size = pilot
    while clock.left is not None and size < len(y):
        started = time.monotonic()
        fit(sample(y, size, seed))
        cost = max(time.monotonic() - started, 1e-4)
        budget = 0.7 * (clock.left or 0.0)
        most = int(size * (budget / (times * cost)) ** (1.0 / power))
        if most >= len(y):
            break
        if cost * 4.0**power > 0.15 * budget or most < 4 * size:
            rows = sample(y, max(most, pilot), seed)
            clock.cut(f"left time for {len(rows):,} of {len(y):,} training rows")
            return rows
        size *= 4
    return np.arange(len(y))


def shortened(used: int, rows: int) -> str:
    """What to say when only some rows could be used; empty when all were."""
    return f" Fitted on {used:,} of {rows:,} training rows, to stay within the time." if used < rows else ""


def _folds(y: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """(n,) bool for each fold: rows dealt in turn, class by class, so that every fold sees every class it can."""
    order = np.random.default_rng(seed).permutation(len(y))
    if y.shape[1] > 1:
        order = order[np.argsort(y[order].argmax(axis=1), kind="stable")]
    dealt = np.empty(len(y), dtype=np.int64)
    dealt[order] = np.arange(len(y)) % min(count, max(2, len(y)))
    return [dealt == fold for fold in range(min(count, max(2, len(y))))]
