"""Counting values: sorted numbers and compared texts count as polars' own hashing does."""

from __future__ import annotations

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from deepwright.kinds._shared import counted, distinct

_FLOATS = st.lists(st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf]), max_size=60)
_TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "b", "red", "naïve", "c", "d", "e"]), max_size=60)


def by_polars(column: pl.Series) -> int:
    return column.drop_nulls().n_unique()


@given(_FLOATS)
def test_distinct_floats(values: list[float | None]) -> None:
    for kind in (pl.Float64, pl.Float32):
        column = pl.Series("x", values, dtype=pl.Float64).cast(kind)
        assert distinct(column) == by_polars(column)


@given(st.lists(st.none() | st.integers(0, 100), max_size=60))
def test_distinct_integers(values: list[int | None]) -> None:
    for kind in (pl.Int8, pl.UInt64, pl.Int64, pl.Int128):
        column = pl.Series("x", values, dtype=kind)
        assert distinct(column) == by_polars(column)


@given(_TEXTS)
def test_texts_are_counted(values: list[str | None]) -> None:
    column = pl.Series("x", values, dtype=pl.String)
    assert distinct(column) == by_polars(column)
    known = column.drop_nulls()
    counts = dict(counted(known).iter_rows())
    assert counts == {value: known.to_list().count(value) for value in set(known)}
