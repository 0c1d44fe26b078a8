"""Categories: a few values that repeat, each with its own code; 0 is unknown or rare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._shared import (
    BLANK,
    FEW,
    count,
    counted,
    distinct,
    floats,
    is_blank,
    known_values,
    read_state,
    says_identifier,
    shorten,
    texts,
)

if TYPE_CHECKING:
    import scipy.sparse

_MOST_CODES = 20_000
"""Values with a code of their own; more than these are rare whatever their count."""
_MOST_RARE = 20_000
"""Rare values that are remembered, so that they are not taken for unseen ones."""
_WIDE = 100
"""From so many one-hot columns on, the matrix is sparse."""


class Category(Kind):
    """Values without an order: texts, yes and no, small whole numbers that stand for something.

    Codes by frequency: 0 is every value that training showed fewer than r times or never (r is one for every 50
    training rows, 1 to 5), 1 … K the others, K + 1 missing where training had any (else missing is 0 too).
    For classical models one column a code: "island=Dream", "island=(other)", "island=(missing)".
    """

    name = "category"

    @classmethod
    def example(cls) -> pl.Series:
        return pl.Series("island", ["Biscoe", "Dream", None, "Biscoe", "Torgersen", "Dream", "Biscoe", "Dream"] * 3)

    def recognise(self, column: pl.Series) -> Guess:
        dtype = column.dtype
        if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.String, pl.Categorical, pl.Enum)):
            return Guess(confidence=0.0, reason=f"values of type {dtype}")
        known = column.filter(~is_blank(column))
        rows = len(known)
        if rows == 0:
            return Guess(confidence=0.1, reason="no value at all")
        if dtype == pl.Boolean:
            return Guess(confidence=1.0, reason=f"true or false in {count(rows, 'row')}")
        if (dtype.is_float() or dtype.is_decimal()) and not _whole(known):
            return Guess(confidence=0.0, reason="decimal numbers")
        values = distinct(known)
        numbers = known if dtype.is_numeric() else _as_numbers(known)
        reason = (
            f"{count(values, 'distinct ' + ('text' if numbers is None else 'whole number'))} in {count(rows, 'row')}"
        )
        if numbers is not None:
            return Guess(confidence=_sure_of_numbers(numbers, values, rows), reason=reason)
        return Guess(confidence=_sure_of_texts(values, rows), reason=reason)

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        rows = len(column)
        if rows == 0:
            raise DataError("a category column needs at least one training row.", where=f"column '{column.name}'")
        least = int(min(5, max(1, rows // 50)))
        counts = (
            counted(texts(column))
            .filter(pl.col("value").str.contains(BLANK).not_())
            .sort("count", "value", descending=[True, False])
        )
        common = counts.filter(pl.col("count") >= least)["value"].to_list()[:_MOST_CODES]
        state = CategoryState(
            column=column.name,
            values=tuple(common),
            rare=tuple(counts["value"].to_list()[len(common) :][:_MOST_RARE]),
            rare_rows=int(counts["count"][len(common) :].sum()),
            least=least,
            missing=rows - int(counts["count"].sum()),
        )
        return CategoryEncoder(state)

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return CategoryEncoder(read_state(CategoryState, state, self.name))


class CategoryState(Config):
    """What a category column learned from the training rows."""

    column: str
    values: tuple[str, ...]
    """With a code of their own, 1 and on, the most frequent first."""
    rare: tuple[str, ...]
    """Seen in training, but too seldom for a code: they share code 0 with values never seen."""
    rare_rows: int
    least: int
    """Training rows that a value needs for a code."""
    missing: int
    """Training rows without a value; a code of their own when there are any."""


class CategoryEncoder(Encoder):
    """A fitted category column."""

    kind = "category"

    def __init__(self, state: CategoryState) -> None:
        self.column = state.column
        self._state = state
        self._known = known_values(state.values + state.rare, state.column)
        self._codes = 1 + len(state.values) + (state.missing > 0)
        self._code_of = np.concatenate([np.arange(len(state.values)) + 1, np.zeros(max(1, len(state.rare)), np.int64)])

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(form="category", name=self.column, size=self._codes),)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return {self.column: self._encode(column)}

    def _encode(self, column: pl.Series) -> np.ndarray:
        """(B,) int64 codes."""
        if column.dtype == pl.String and len(self._state.values) <= FEW and not column.has_nulls():
            found = self._compared(column)
            if found is not None:
                return found
        places = self._places(column)
        if not places.has_nulls():
            return self._code_of[places.to_numpy()]
        known = places.is_not_null().to_numpy()
        codes = np.zeros(len(column), dtype=np.int64)
        codes[known] = self._code_of[places.drop_nulls().to_numpy()]
        if self._state.missing:
            codes[is_blank(column).to_numpy()] = self._codes - 1
        return codes

    def _compared(self, column: pl.Series) -> np.ndarray | None:
        """(B,) int64 codes by comparing with each value; None where some text is none of them."""
        codes = np.zeros(len(column), dtype=np.uint8)
        for code, value in enumerate(self._state.values, start=1):
            codes += (column == value).to_numpy() * np.uint8(code)
        return codes.astype(np.int64) if codes.all() else None

    def _places(self, column: pl.Series) -> pl.Series:
        """(B,) where each value stands among values and rare; null when it is missing or never seen."""
        return texts(column).cast(self._known, strict=False).to_physical()

    def matrix(self, column: pl.Series) -> tuple[np.ndarray | scipy.sparse.csr_matrix, list[str]]:
        codes = self._encode(column)
        labels = ["(other)", *self._state.values, *["(missing)"] * (self._state.missing > 0)]
        names = [f"{self.column}={label}" for label in labels]
        if self._codes >= _WIDE:
            import scipy.sparse

            cells = (np.ones(len(codes)), (np.arange(len(codes)), codes))
            return scipy.sparse.csr_matrix(cells, shape=(len(codes), self._codes)), names
        block = np.zeros((len(codes), self._codes))
        block[np.arange(len(codes)), codes] = 1.0
        return block, names

    def unseen(self, column: pl.Series) -> pl.Series:
        return (self._places(column).is_null() & ~is_blank(column)).alias(column.name)

    def describe(self) -> str:
        known = self._state
        parts = [
            f"{count(len(known.values), 'value')}: {shorten(list(known.values))}"
            if known.values
            else "no value repeats"
        ]
        if known.rare_rows:
            values = f"{len(known.rare):,}{'+' if len(known.rare) == _MOST_RARE else ''} rare"
            parts.append(f"{values} ones ({count(known.rare_rows, 'row')}, each value in fewer than {known.least})")
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        return ", ".join(parts)

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")


def _whole(known: pl.Series) -> bool:
    """No fractions; looks at a few values first, because most decimal columns show one at once."""
    return all(
        bool((np.isfinite(part) & (part == np.round(part))).all()) for part in (floats(known.head(100)), floats(known))
    )


def _as_numbers(known: pl.Series) -> pl.Series | None:
    """Texts that are all whole numbers as numbers, else None."""
    if known.dtype != pl.String or not np.isfinite(floats(known.head(100))).all():
        return None
    values = floats(known)
    numbers = pl.Series(known.name, values)
    return numbers if np.isfinite(values).all() and _whole(numbers) else None


def _sure_of_numbers(numbers: pl.Series, distinct: int, rows: int) -> float:
    """Whole numbers stand for categories when there are two, when they count 0 … 9 or 1 … 10, or when named an id."""
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    if distinct <= 2:
        return 0.9
    if distinct <= 10 and low in (0.0, 1.0) and high - low + 1 == distinct and rows >= 10 * distinct:
        return 0.85
    if says_identifier(numbers.name) and rows >= 1.5 * distinct:
        return 0.85
    return 0.2


def _sure_of_texts(distinct: int, rows: int) -> float:
    share = distinct / rows
    if rows < 20:
        return 0.7
    return 0.9 if share <= 0.05 or distinct <= 10 else 0.8 if share <= 0.2 else 0.65 if share <= 0.5 else 0.3
