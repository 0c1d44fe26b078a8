"""Frames: polars and pandas frames, dicts of arrays and NumPy arrays become tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.table import Origin, Table
from deepwright.sources._tidy import tidy


def is_frame(data: Any) -> bool:
    """Whether `data` holds rows itself, and is not the name of something that does."""
    return isinstance(data, (pl.DataFrame, pl.LazyFrame, np.ndarray, Mapping)) or _pandas_frame(data)


def table_of(data: Any) -> Table:
    """A Table of a polars frame (lazy ones are collected), a pandas frame, a dict of equally long columns, a 2-D or
    structured NumPy array (unnamed columns are called column_1 …).

    Raises DataError where lengths differ, there is no row, or a column's values have no type in common.
    """
    try:
        frame = _polars(data)
    except DataError:
        raise
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError, ImportError) as error:
        raise DataError(
            f"the data cannot be made a table: {str(error).splitlines()[0]}.",
            where=type(data).__name__,
            remedy="Give columns of equal length, each of one type.",
        ) from error
    if not frame.width or not frame.height:
        raise DataError(
            f"expected at least one row and one column, got {frame.height} × {frame.width}.",
            where=type(data).__name__,
            remedy="Give a table with data.",
        )
    frame, notes = tidy(frame)
    return Table(frame=frame, origin=Origin(source="frame", format="frame", notes=tuple(notes)))


def _polars(data: Any) -> pl.DataFrame:
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, np.ndarray):
        return _from_array(data)
    if _pandas_frame(data):
        return _from_pandas(data)
    return pl.DataFrame({str(name): _column(str(name), values) for name, values in data.items()})


def _column(name: str, values: Any) -> pl.Series:
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise DataError(
            f"expected one value a row, got an array of shape {values.shape}.",
            where=f"column '{name}'",
            remedy="Give 1-D arrays.",
        )
    if isinstance(values, np.ndarray) and values.dtype == object:
        values = values.tolist()
    return pl.Series(name, values, strict=False) if isinstance(values, (list, tuple)) else pl.Series(name, values)


def _from_array(array: np.ndarray) -> pl.DataFrame:
    if array.dtype.names:
        return pl.DataFrame({name: _column(name, np.ascontiguousarray(array[name])) for name in array.dtype.names})
    if array.ndim != 2:
        raise DataError(
            f"expected an array of rows and columns, got the shape {array.shape}.",
            where="ndarray",
            remedy="Give a 2-D or a structured array, or a dict of 1-D arrays.",
        )
    return pl.DataFrame([_column(f"column_{i + 1}", np.ascontiguousarray(array[:, i])) for i in range(array.shape[1])])


def _pandas_frame(data: Any) -> bool:
    """Without importing pandas: who holds a pandas frame has imported it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _from_pandas(frame: Any) -> pl.DataFrame:
    """By hand and without pyarrow; the index is left out, missing values of any sort become null."""
    repeated = frame.columns[frame.columns.duplicated()].tolist()
    if repeated:
        raise DataError(f"the column name '{repeated[0]}' occurs twice.", where="DataFrame", remedy="Rename one.")
    return pl.DataFrame([_from_pandas_series(str(name), frame[name]) for name in frame.columns])


def _from_pandas_series(name: str, series: Any) -> pl.Series:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biufM":
        column = pl.Series(name, series.to_numpy())
        return column.fill_nan(None) if column.dtype.is_float() else column
    missing = series.isna().to_numpy()
    values = [None if gone else value for value, gone in zip(series.tolist(), missing, strict=True)]
    return pl.Series(name, values, strict=False)
