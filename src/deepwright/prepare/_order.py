"""The order of a column of times or numbers, as plain float64."""

from __future__ import annotations

import numpy as np
import polars as pl

from deepwright.kinds._dates import days_of, detect_format


def order_of(column: pl.Series) -> np.ndarray | None:
    """(B,) float64 that sorts like the column's dates, times or numbers, NaN where missing; None for other values.

    Texts count where nearly all of them are dates in one format, or numbers.
    """
    if column.dtype.is_temporal():
        return days_of(column, None)
    if column.dtype == pl.String:
        layout = detect_format(column)
        if layout is not None:
            return days_of(column, layout.format)
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
        return numbers.to_numpy() if numbers.null_count() <= column.null_count() else None
    return column.cast(pl.Float64).fill_nan(None).to_numpy() if column.dtype.is_numeric() else None
