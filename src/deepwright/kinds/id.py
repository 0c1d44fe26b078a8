"""Identifiers: a different value in every row; they tell rows apart and predict nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._shared import count, distinct, is_blank, read_state, says_identifier

_LEAST = 20
"""Rows below which "all different" means nothing."""


class Id(Kind):
    """Row numbers, customer numbers, uuids: recognised, shown, and given to no model (no fields, no columns).

    Values of a type that no kind understands (nested records, raw bytes) end here too.
    """

    name = "id"

    @classmethod
    def example(cls) -> pl.Series:
        return pl.Series("customer_id", [f"C-{1000 + 7 * i}" for i in range(23)] + [None])

    def recognise(self, column: pl.Series) -> Guess:
        dtype = column.dtype
        if not (dtype.is_integer() or dtype == pl.String):
            return Guess(confidence=0.01, reason=f"values of type {dtype}")
        known = column.filter(~is_blank(column))
        rows = len(known)
        parts = (known.head(100), known)  # most columns repeat within a few rows
        if rows < _LEAST or any(distinct(part) < len(part) for part in parts):
            return Guess(
                confidence=0.01, reason=f"values repeat in {count(rows, 'row')}" if rows else "no value at all"
            )
        named = says_identifier(column.name)
        different = f"{rows:,} distinct values in {count(rows, 'row')}"
        if dtype == pl.String:
            return _guess_text(known, named, different)
        low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
        if low in (0, 1) and high - low + 1 == rows:
            return Guess(confidence=0.95 if named else 0.9, reason=f"counts the rows from {low} to {high:,}")
        return Guess(
            confidence=0.9 if named else 0.1, reason=different + (", and named like an identifier" if named else "")
        )

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        missing = int(is_blank(column).sum())
        return IdEncoder(IdState(column=column.name, rows=len(column), missing=missing))

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return IdEncoder(read_state(IdState, state, self.name))


class IdState(Config):
    """What is remembered of an identifier: nothing but how many there were."""

    column: str
    rows: int
    missing: int


class IdEncoder(Encoder):
    """Contributes nothing. Every value is new by nature, so none counts as unseen."""

    kind = "id"

    def __init__(self, state: IdState) -> None:
        self.column = state.column
        self._state = state

    @property
    def fields(self) -> tuple[Field, ...]:
        return ()

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return {}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        return np.zeros((len(column), 0)), []

    def unseen(self, column: pl.Series) -> pl.Series:
        return pl.Series(column.name, np.zeros(len(column), dtype=bool))

    def describe(self) -> str:
        return f"identifies {count(self._state.rows - self._state.missing, 'row')}; not used"

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")


def _guess_text(known: pl.Series, named: bool, different: str) -> Guess:
    """One word each, with digits in nearly all of them, or a column named like an identifier."""
    one_word = float((known.str.strip_chars().str.count_matches(r"\s") == 0).mean() or 0.0)  # type: ignore[arg-type]
    digits = float(known.str.contains(r"\d").mean() or 0.0)  # type: ignore[arg-type]
    if one_word > 0.95 and (named or digits > 0.9):
        return Guess(confidence=0.95 if named else 0.85, reason=f"{different}, one word each")
    return Guess(confidence=0.05, reason=different)
