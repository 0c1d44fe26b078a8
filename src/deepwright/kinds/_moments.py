"""Moments: mean, spread and range of the finite values of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

_LARGE = 1e150
"""Squares of values beyond this leave float64."""
_BLOCK = 16_384
"""Values at a time: they stay in the cache between the steps."""


@dataclass(frozen=True)
class Moments:
    """Statistics of the finite values of a column."""

    count: int
    mean: float
    sd: float
    minimum: float
    maximum: float


def column_moments(column: pl.Series) -> Moments:
    """The same as `moments` of a float64 column, whose missing values do not count.

    polars sums where every value is finite and squares stay within float64; else it is done carefully.
    """
    mean, sd = column.mean(), column.std(ddof=0)
    if isinstance(mean, float) and isinstance(sd, float) and np.isfinite(mean) and np.isfinite(sd):
        low, high = float(column.min()), float(column.max())  # type: ignore[arg-type]
        if max(abs(low), abs(high)) < _LARGE and (low == high or sd > 1e-150):
            return Moments(len(column) - column.null_count(), min(max(mean, low), high), sd * (low < high), low, high)
    return moments(column.to_numpy())


def moments(values: np.ndarray) -> Moments:
    """Mean, population standard deviation, minimum and maximum of the finite ones of (B,) float64 values.

    Two passes, block by block, so that each block stays in the cache and the deviations are taken from the mean.
    """
    blocks = [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]
    blocks = [block if np.isfinite(block).all() else block[np.isfinite(block)] for block in blocks]
    blocks = [block for block in blocks if len(block)]
    total = sum(len(block) for block in blocks)
    if total == 0:
        return Moments(0, 0.0, 0.0, 0.0, 0.0)
    # Halves and quarters keep sums and squares of the largest float64 values finite.
    minimum, maximum = min(float(block.min()) for block in blocks), max(float(block.max()) for block in blocks)
    size = max(abs(minimum), abs(maximum))
    unit = size if size > _LARGE else 1.0
    mean = sum(float((block / unit if unit != 1.0 else block).sum()) for block in blocks) / total
    squares = 0.0
    for block in blocks:
        deviations = (block / unit if unit != 1.0 else block) - mean
        # Not a dot product: its library may split so short a one among threads, which costs a hundred times the work.
        squares += float(np.multiply(deviations, deviations, out=deviations).sum())
    sd = min(float(np.sqrt(squares / total)) * unit, np.finfo(np.float64).max)
    mean = min(max(mean * unit, minimum), maximum)
    return Moments(total, mean, 0.0 if minimum == maximum else sd, minimum, maximum)
