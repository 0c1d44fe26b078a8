"""Moments: mean, spread and range of the finite values of a column, in one pass through the cache each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    unit = size if size > 1e150 else 1.0
    mean = sum(float((block / unit if unit != 1.0 else block).sum()) for block in blocks) / total
    squares = 0.0
    for block in blocks:
        deviations = (block / unit if unit != 1.0 else block) - mean
        squares += float(np.dot(deviations, deviations))
    sd = min(float(np.sqrt(squares / total)) * unit, np.finfo(np.float64).max)
    mean = min(max(mean * unit, minimum), maximum)
    return Moments(total, mean, 0.0 if minimum == maximum else sd, minimum, maximum)
