"""Numbers: scaled, with an indicator where training had missing values."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field as Bounds

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RecipeError, RunError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._moments import Moments, column_moments
from deepwright.kinds._shared import (
    NUMBER_FRACTION,
    count,
    count_blank,
    counted,
    distinct,
    floats,
    is_blank,
    numbers,
    read_state,
)

SCALES = ("standard", "quantile", "minmax", "none")
_QUANTILES = 1000
_QUANTILE_ROWS = 100_000
_TAIL = 5.199337582605575
"""The largest normal score that quantile scaling gives: that of the probability 1 - 1e-7."""
_HUGE = 1e300
"""Quantiles stay within, so that the distance of two is still a float64."""
_CLOSE = 1e-290
"""Quantiles all nearer than this are one value: slopes between them would leave float64."""
_SCRATCH = 65_536
"""Values scaled at a time by `Encoding.tensors`."""
_LIMIT = 3e38
"""Just inside float32."""


class Number(Kind):
    """Measurements and counts. Infinite values and texts that are no number count as missing.

    For networks: scaled (standard: mean 0, variance 1; quantile: to a normal distribution; minmax: training range to
    0 … 1; none), then clipped to the training range widened by its own width on both sides, so that one wild
    value cannot throw a network. Missing: the training mean, and a field "NAME.missing" where training had any.
    For classical models: as it is, NaN where missing.
    """

    name = "number"

    @classmethod
    def example(cls) -> pl.Series:
        values = [
            3.5,
            -1.25,
            0.0,
            12.75,
            8.5,
            None,
            2.0,
            7.125,
            -3.0,
            5.5,
            4.25,
            9.75,
            1.5,
            6.0,
            10.25,
            None,
            -0.5,
            2.75,
        ]
        return pl.Series("size", values)

    def recognise(self, column: pl.Series) -> Guess:
        rows = len(column) - count_blank(column)
        dtype = column.dtype
        if rows == 0:
            sure = 0.3 if dtype.is_numeric() else 0.0
            return Guess(confidence=sure, reason="no value at all")
        if dtype == pl.String:
            return _guess_text(column, rows)
        if dtype == pl.Duration:
            return Guess(confidence=0.9, reason=f"{count(rows, 'duration')}, read as seconds")
        if not dtype.is_numeric():
            return Guess(confidence=0.0, reason=f"values of type {dtype}")
        values = distinct(column)
        low, high = float(column.min()), float(column.max())  # type: ignore[arg-type]
        what = "decimal" if dtype.is_float() else "whole"
        reason = f"{what} numbers from {low:g} to {high:g}, {values:,} distinct in {count(rows, 'row')}"
        return Guess(confidence=0.8 if values > 2 else 0.6, reason=reason)

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        scale = options.get("scale", "standard")
        if scale not in SCALES:
            raise RecipeError(
                f"there is no scale '{scale}'.", where="data.scale", remedy=f"Use one of: {', '.join(SCALES)}."
            )
        if len(column) == 0:
            raise DataError("a number column needs at least one training row.", where=f"column '{column.name}'")
        values = numbers(column)
        facts = column_moments(values)
        read = facts.count == len(column) - column.null_count()
        infinite, not_numbers = (0, 0) if read else _unusable(column, values.to_numpy())
        center, spread = _center_and_spread(scale, facts)
        state = NumberState(
            column=column.name,
            scale=scale,
            center=center,
            spread=spread,
            minimum=facts.minimum,
            maximum=facts.maximum,
            mean=facts.mean,
            sd=facts.sd,
            missing=len(values) - facts.count,
            infinite=infinite,
            not_numbers=not_numbers,
        )
        return NumberEncoder(state, _quantiles(values.to_numpy(), seed) if scale == "quantile" else None)

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        known = read_state(NumberState, state, self.name)
        if known.scale != "quantile":
            return NumberEncoder(known)
        grid = arrays.get("quantiles")
        if grid is None or grid.ndim != 1 or not len(grid) or not np.isfinite(grid).all() or (np.diff(grid) < 0).any():
            raise RunError("the stored quantiles are damaged.", where=f"column '{known.column}'", remedy="Fit again.")
        return NumberEncoder(known, grid.astype(np.float64))


class NumberState(Config):
    """What a number column learned from the training rows."""

    column: str
    scale: Literal["standard", "quantile", "minmax", "none"]
    center: float
    """Taken away before …"""
    spread: float = Bounds(gt=0)
    """… dividing by this (1 for constant columns)."""
    minimum: float
    maximum: float
    mean: float
    sd: float
    """Population standard deviation."""
    missing: int
    """Training rows without a usable number."""
    infinite: int
    """… of those, infinite."""
    not_numbers: int
    """… of those, texts that are no number."""


class NumberEncoder(Encoder):
    """A fitted number column."""

    kind = "number"

    def __init__(self, state: NumberState, quantiles: np.ndarray | None = None) -> None:
        self.column = state.column
        self._state = state
        self._quantiles = quantiles
        self._span = _span(state)
        self._fill = float(self._scaled(np.array([state.mean]))[0])
        names = [state.column] + [f"{state.column}.missing"] * (state.missing > 0)
        self._fields = tuple(Field(form="number", name=name) for name in names)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self._fields

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        values = floats(column)
        indicated = len(self._fields) > 1
        with np.errstate(over="ignore", invalid="ignore"):
            whole = np.isfinite(np.add.reduce(values))  # one pass says that nothing is missing or infinite
        if whole:
            encoded = {self.column: self._scaled(values)}
            return encoded | {self._fields[1].name: np.zeros(len(values), np.float32)} if indicated else encoded
        usable = np.isfinite(values)
        scaled = self._scaled(np.where(usable, values, self._state.mean))
        scaled[~usable] = self._fill
        encoded = {self.column: scaled}
        return encoded | {self._fields[1].name: (~usable).astype(np.float32)} if indicated else encoded

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if self._quantiles is not None:
            return _normal_scores(values, self._quantiles).astype(np.float32)
        # Taken away and divided in float64, so that large offsets cost no digits; clipped in float32, half as wide.
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.subtract(values, self._state.center, out=_scratch(len(values)))
            np.divide(scaled, self._state.spread, out=scaled)
            narrow = scaled.astype(np.float32)
        return np.clip(narrow, *self._span, out=narrow)

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        values = floats(column)
        return np.where(np.isfinite(values), values, np.nan)[:, None], [self.column]

    def unseen(self, column: pl.Series) -> pl.Series:
        values = floats(column)
        strange = (values < self._state.minimum) | (values > self._state.maximum)
        unreadable = np.isnan(values) & ~is_blank(column).to_numpy()
        return pl.Series(column.name, strange | unreadable)

    def describe(self) -> str:
        known = self._state
        parts = [f"mean {known.mean:.4g}, sd {known.sd:.4g}, {known.minimum:.4g} to {known.maximum:.4g}"]
        if known.minimum == known.maximum:
            parts = [f"always {known.minimum:.4g}"]
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        if known.infinite:
            parts.append(f"of those {known.infinite:,} infinite")
        if known.not_numbers:
            parts.append(f"of those {count(known.not_numbers, 'text')} that are no number")
        return ", ".join(parts) + ("" if known.scale == "standard" else f" (scale: {known.scale})")

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")

    def arrays(self) -> dict[str, np.ndarray]:
        return {} if self._quantiles is None else {"quantiles": self._quantiles}


_HELD = threading.local()


def _scratch(size: int) -> np.ndarray:
    """(size,) float64 of this thread, to be written over: fresh memory costs more than the arithmetic in it."""
    if size > _SCRATCH:
        return np.empty(size)
    if not hasattr(_HELD, "array"):
        _HELD.array = np.empty(_SCRATCH)
    whole: np.ndarray = _HELD.array
    return whole[:size]


def _unusable(column: pl.Series, values: np.ndarray) -> tuple[int, int]:
    """How many values are infinite, and how many are texts that are no number."""
    not_numbers = np.isnan(values) & ~is_blank(column).to_numpy()
    return int(np.isinf(values).sum()), int(not_numbers.sum())


def _guess_text(column: pl.Series, rows: int) -> Guess:
    counts = counted(column)
    numbers = int(counts["count"].filter(np.isfinite(floats(counts["value"]))).sum())
    share = numbers / rows
    if share < NUMBER_FRACTION:
        return Guess(confidence=0.0, reason=f"{share:.0%} of the texts are numbers")
    rest = "" if numbers == rows else f"; the other {rows - numbers:,} become missing"
    return Guess(confidence=0.9 if numbers == rows else 0.7, reason=f"texts, {share:.1%} of which are numbers{rest}")


def _center_and_spread(scale: str, facts: Moments) -> tuple[float, float]:
    if scale == "standard":
        center, spread = facts.mean, facts.sd
    elif scale == "minmax":
        center, spread = facts.minimum, min(facts.maximum / 2 - facts.minimum / 2, np.finfo(np.float64).max / 2) * 2
    else:
        center, spread = 0.0, 1.0
    return float(center), float(spread) if spread > 0 else 1.0


def _span(state: NumberState) -> tuple[np.float32, np.float32]:
    """Training range, widened by its width on both sides, after scaling; within what float32 holds."""
    low, high = ((edge - state.center) / state.spread for edge in (state.minimum, state.maximum))
    width = high - low
    return np.float32(max(low - width, -_LIMIT)), np.float32(min(high + width, _LIMIT))


def _quantiles(values: np.ndarray, seed: int) -> np.ndarray:
    """(Q,) sorted quantiles of the finite values at evenly spaced probabilities, from at most 100,000 rows."""
    usable = values[np.isfinite(values)]
    if not len(usable):
        return np.zeros(1)
    if len(usable) > _QUANTILE_ROWS:
        usable = np.random.default_rng(seed).choice(usable, _QUANTILE_ROWS, replace=False)
    grid = np.percentile(np.clip(usable, -_HUGE, _HUGE), np.linspace(0, 100, min(_QUANTILES, len(usable))))
    return np.maximum.accumulate(grid)


def _normal_scores(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Position among the quantiles as a normal score; tied quantiles give the middle of their positions."""
    from scipy.special import ndtri

    if quantiles[-1] - quantiles[0] < _CLOSE:
        return np.zeros(len(values))
    values = np.clip(values, -_HUGE, _HUGE)
    places = np.linspace(0, 1, len(quantiles))
    upper = np.interp(values, quantiles, places)
    lower = -np.interp(-values, -quantiles[::-1], -places[::-1])
    return np.clip(np.nan_to_num(ndtri((upper + lower) / 2)), -_TAIL, _TAIL)
