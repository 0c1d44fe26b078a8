"""What several kinds need: values as plain numbers or texts, and states that are refused when damaged."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import numpy as np
import polars as pl
from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import RunError

State = TypeVar("State", bound=Config)

BLANK = r"^\s*$"
"""A text without anything to read; counts as missing wherever texts are read."""

_IDENTIFIER_WORD = re.compile(
    r"(^|[_\W])(ids?|uuid|guid|key|index|idx|rowid|rownames|instant|serial|nr|no)$|^unnamed", re.I
)
_IDENTIFIER_CAMEL = re.compile(r"[a-z](Id|ID|Key|Index|Nr)$")

_WIDE = (pl.Int128, pl.UInt128)
"""Integers that NumPy does not have."""

FEW = 6
"""Texts that are told apart by comparing with each, at most."""
_PROBE = 500
"""Rows that show whether the texts of a column are few."""

NUMBER_FRACTION = 0.95
"""Share of a text column's values that must read as numbers for it to count as a number column."""


def says_identifier(name: str) -> bool:
    """Does the column's name say that it identifies rows or things: "customer_id", "PassengerId", "index"?"""
    return not name.strip() or any(pattern.search(name) for pattern in (_IDENTIFIER_WORD, _IDENTIFIER_CAMEL))


def is_blank(column: pl.Series) -> pl.Series:
    """(B,) bool: missing, NaN, or a text of nothing but white space."""
    if column.dtype.is_float():
        return pl.Series(column.name, np.isnan(column.to_numpy()))
    missing = column.is_null() if column.has_nulls() else pl.Series(column.name, np.zeros(len(column), dtype=bool))
    if column.dtype != pl.String:
        return missing
    # Comparing costs a tenth of a pattern: only texts that begin with a blank, or beyond ASCII, are looked into.
    likely = ((column < "!") | (column >= "\x7f")).fill_null(False)
    if not likely.any():
        return missing
    blank = column.filter(likely).str.contains(BLANK)
    return missing | likely.scatter(likely.arg_true(), blank)


def count_blank(column: pl.Series) -> int:
    """How many values `is_blank` is true for."""
    if column.dtype.is_float():
        tainted = column.sum() != column.sum()  # not a number is not itself
        return column.null_count() + (int(column.is_nan().sum()) if tainted else 0)
    if column.dtype != pl.String:
        return column.null_count()
    return int(is_blank(column).sum())


def distinct(column: pl.Series) -> int:
    """How many different values there are, missing ones apart; NaN is one value.

    Numbers are sorted, which vector instructions do several times as fast as polars hashes them.
    """
    if not (column.dtype.is_integer() or column.dtype in (pl.Float32, pl.Float64)) or column.dtype in _WIDE:
        return max(0, column.n_unique() - int(column.has_nulls()))
    values = np.sort(column.drop_nulls().to_numpy())
    nan = int(np.count_nonzero(values != values))
    known = values[: len(values) - nan]  # sorting puts NaN last
    return int(np.count_nonzero(known[1:] != known[:-1])) + (len(known) > 0) + (nan > 0)


def few_texts(column: pl.Series) -> dict[str, int] | None:
    """Value → rows, of a text column of a few different values; None where there are more.

    Comparing with each of a few costs less than hashing every row.
    """
    values = column.head(_PROBE).unique(maintain_order=True).drop_nulls().to_list()
    if len(values) > FEW:
        return None
    counts = {value: int((column == value).sum()) for value in values}
    return counts if sum(counts.values()) + column.null_count() == len(column) else None


def counted(values: pl.Series) -> pl.DataFrame:
    """ "value" and "count" of the texts, in any order."""
    counts = few_texts(values)
    if counts is None:
        return values.alias("value").to_frame().group_by("value").len("count")
    return pl.DataFrame(
        {"value": list(counts), "count": list(counts.values())}, schema={"value": pl.String, "count": pl.UInt32}
    )


def floats(column: pl.Series) -> np.ndarray:
    """(B,) float64; NaN where missing or where a text is no number. Values that cannot be numbers are all NaN.

    Without missing values and in float64 already, this is a view of the column, not a copy.
    """
    return numbers(column).to_numpy()


def numbers(column: pl.Series) -> pl.Series:
    """What `floats` reads, as a float64 column; missing is null (or NaN, as it came)."""
    dtype = column.dtype
    if dtype == pl.String:
        column = column.str.strip_chars().cast(pl.Float64, strict=False)
    elif dtype == pl.Duration:
        column = column.dt.total_microseconds().cast(pl.Float64) / 1e6
    elif dtype != pl.Float64:
        numeric = dtype.is_numeric() or dtype == pl.Boolean
        column = column.cast(pl.Float64) if numeric else pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    return column


def texts(column: pl.Series) -> pl.Series:
    """The column as texts that do not depend on how a file was read: 3, 3.0 and "3" are "3"; true and "True" differ."""
    dtype = column.dtype
    if dtype == pl.String:
        return column
    if dtype.is_float():
        whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
        as_integers = column.set(~whole.fill_null(False), None).cast(pl.Int64).cast(pl.String)
        as_floats = column.fill_nan(None).cast(pl.String)
        return as_integers.zip_with(whole.fill_null(False), as_floats)
    if dtype in (pl.List, pl.Array, pl.Struct, pl.Object, pl.Binary, pl.Duration):
        return pl.Series(column.name, [None if value is None else str(value) for value in column], dtype=pl.String)
    return column.cast(pl.String)


def read_state(model: type[State], state: dict[str, Any], kind: str) -> State:
    """The typed state of an encoder; RunError where keys are missing, unknown or of another type."""
    try:
        return model.model_validate(state)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunError(
            f"the stored {kind} encoder is damaged: {key}: {first['msg']}.",
            where="schema.json",
            remedy="Restore the run folder, or fit again.",
        ) from None


def known_values(values: tuple[str, ...], column: str) -> pl.Enum:
    """The stored values as a type to look texts up in; RunError where they repeat."""
    if len(set(values)) < len(values):
        raise RunError("stored values repeat.", where=f"schema.json, column '{column}'", remedy="Fit again.")
    return pl.Enum(values)


def shorten(values: list[str], most: int = 6, width: int = 24) -> str:
    """The first few values for people: "Adelie, Chinstrap, Gentoo", "a, b, c, … (12 in all)"."""
    shown = [value if len(value) <= width else value[: width - 1] + "…" for value in values[:most]]
    return ", ".join(shown) + (f", … ({len(values)} in all)" if len(values) > most else "")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """ "1 value", "1,234 values"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
