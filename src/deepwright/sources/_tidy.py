"""Tidy: a frame of any polars types becomes one of the types that kinds know."""

from __future__ import annotations

from math import isnan

import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._pictures import format_of

_PLAIN = (pl.String, pl.Boolean, pl.Date, pl.Float32, pl.Float64)


def tidy(frame: pl.DataFrame, pictures: frozenset[str] | None = None) -> tuple[pl.DataFrame, list[str]]:
    """The frame with number, text, boolean, date, datetime and list columns only, and notes on what was changed.

    Structs are opened into "column.field", but one of a picture's bytes and path is the picture; decimals become
    floats; integers wider than 64 bits, categories become text; durations become seconds, times of day text; NaN
    becomes missing; columns of objects are left out, and columns of bytes unless they are among `pictures` (None: as
    `picture_columns` says).
    Raises DataError when no column is left.
    """
    notes: list[str] = []
    columns: list[pl.Series] = []
    pictures = picture_columns(frame.lazy()) if pictures is None else pictures
    for column in frame.get_columns():
        columns.extend([_bytes_of(column)] if column.name in pictures else _tidy(column, notes))
    if not columns:
        raise DataError("no column holds numbers, text, times or lists.", remedy="Give at least one such column.")
    return pl.DataFrame(_unique(columns, notes)), notes


def picture_columns(lazy: pl.LazyFrame) -> frozenset[str]:
    """Names of the columns of bytes, or of objects {bytes, path}, whose first value is a picture."""
    schema = lazy.collect_schema()
    wanted = {name: _bytes_in(name, kind) for name, kind in schema.items() if kind == pl.Binary or _is_held(kind)}
    if not wanted:
        return frozenset()
    first = lazy.select(held.drop_nulls().first().bin.slice(0, 64).alias(name) for name, held in wanted.items())
    row = first.collect().row(0, named=True)
    return frozenset(name for name, head in row.items() if format_of(head or b"") is not None)


def _is_held(kind: pl.DataType) -> bool:
    """Whether a picture's bytes may lie in it as libraries of data sets write them, beside the path it had."""
    fields = {field.name: field.dtype for field in kind.fields} if isinstance(kind, pl.Struct) else {}
    return fields.get("bytes") == pl.Binary and set(fields) <= {"bytes", "path"}


def _bytes_in(name: str, kind: pl.DataType) -> pl.Expr:
    return pl.col(name) if kind == pl.Binary else pl.col(name).struct.field("bytes")


def _bytes_of(column: pl.Series) -> pl.Series:
    return column if column.dtype == pl.Binary else column.struct.field("bytes").alias(column.name)


def _tidy(column: pl.Series, notes: list[str]) -> list[pl.Series]:
    kind, name = column.dtype, column.name
    if kind in (pl.Float32, pl.Float64):
        return [column.fill_nan(None) if _has_nan(column) else column]
    if kind in _PLAIN or isinstance(kind, pl.Datetime) or (kind.is_integer() and kind not in (pl.Int128, pl.UInt128)):
        return [column]
    if isinstance(kind, pl.Struct):
        notes.append(f"Column '{name}' holds objects: its fields are read as '{name}.…'.")
        opened = [field.alias(f"{name}.{field.name}") for field in column.struct.unnest().get_columns()]
        return [tidied for field in opened for tidied in _tidy(field, notes)]
    return _changed(column, notes)


def _has_nan(column: pl.Series) -> bool:
    """The sum says in half the time that there is none; only where it is no number does each value count."""
    return isnan(column.sum()) and bool(column.is_nan().any())


def _changed(column: pl.Series, notes: list[str]) -> list[pl.Series]:
    kind, name = column.dtype, column.name
    if kind in (pl.Int128, pl.UInt128):
        return [_wide_integers(column, notes)]
    if isinstance(kind, (pl.Decimal,)) or kind.is_numeric():
        return [column.cast(pl.Float32 if kind == pl.Float16 else pl.Float64, strict=False)]
    if isinstance(kind, (pl.Categorical, pl.Enum)) or kind in (pl.Null, pl.Time):
        return [column.cast(pl.String)]
    if isinstance(kind, pl.Duration):
        notes.append(f"Column '{name}' holds durations: read as seconds.")
        return [column.dt.total_microseconds().cast(pl.Float64) / 1e6]
    if isinstance(kind, pl.Array):
        column, kind = column.arr.to_list(), pl.List(kind.inner)
    if isinstance(kind, pl.List) and not kind.inner.is_nested() and kind.inner not in (pl.Binary, pl.Object):
        return [column.cast(pl.List(pl.String)) if isinstance(kind.inner, (pl.Categorical, pl.Enum)) else column]
    notes.append(f"Column '{name}' is left out: it holds {_called(kind)}, which no kind reads.")
    return []


def _wide_integers(column: pl.Series, notes: list[str]) -> pl.Series:
    narrow = column.cast(pl.Int64, strict=False)
    if narrow.null_count() == column.null_count():
        return narrow
    notes.append(f"Column '{column.name}' is read as text: its integers have more digits than a number keeps.")
    return column.cast(pl.String)


def _called(kind: pl.DataType) -> str:
    return {"Binary": "bytes", "Object": "Python objects", "List": "lists of lists or objects"}.get(
        type(kind).__name__, str(kind)
    )


def _unique(columns: list[pl.Series], notes: list[str]) -> list[pl.Series]:
    names, renamed = unique_names([column.name for column in columns])
    notes.extend(renamed)
    return [column.alias(name) for column, name in zip(columns, names, strict=True)]


def unique_names(names: list[str]) -> tuple[list[str], list[str]]:
    """Names made distinct and never empty, and a note for each change.

    Spaces around are cut; an empty name becomes column_N by its place; a repeated name gets _2, _3 ….
    """
    taken = set(names)
    found: set[str] = set()
    unique, notes = [], []
    for place, given in enumerate(names, start=1):
        base = given.strip() or f"column_{place}"
        name, count = base, 1
        while name in found or (name != given and name in taken):
            count += 1
            name = f"{base}_{count}"
        if not given.strip():
            notes.append(f"Column {place} has no name: read as '{name}'.")
        elif name != given.strip():
            notes.append(f"The column name '{base}' occurs again at column {place}: read as '{name}'.")
        found.add(name)
        unique.append(name)
    return unique, notes
