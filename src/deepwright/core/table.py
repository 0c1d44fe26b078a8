"""Table: rows with named columns, where they came from, and how they are split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

PARTS = ("train", "valid", "test")
"""The parts of a split, in the order they are used."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a table came from and how it was read, so that it can be read the same way again.

    source:      path, database with query, or "frame".
    format:      name of the source that read it: "csv", "parquet", …
    reading:     what was detected once and is used again at prediction (delimiter, encoding, missing-value words …).
    fingerprint: sha256 of the content, "" for frames that were not hashed.
    notes:       what was done to the data on the way in, said to the user ("3 empty rows skipped").
    part:        the column that says whether a row trains, chooses or tests, as published; the split follows it unless
                 the recipe says otherwise, and no model sees it.
    target:      the column that such data is there to predict, such as the class folders' names; predicted unless the
                 recipe says otherwise.
    """

    source: str
    format: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    notes: tuple[str, ...] = ()
    part: str | None = None
    target: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A polars frame with its origin. Column names are unique; row i of the frame is row i + 1 for people."""

    frame: pl.DataFrame
    origin: Origin

    def __len__(self) -> int:
        return self.frame.height

    @property
    def columns(self) -> list[str]:
        return self.frame.columns


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which rows train, choose and test: sorted row numbers (int64) for each part, and how they were drawn.

    `how` is a sentence for people: "stratified by species: 241 train, 34 valid, 69 test, seed 0".
    `groups` holds a group id for each row of the whole table where rows belong together, else None.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    how: str
    groups: np.ndarray | None = None

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        return iter((("train", self.train), ("valid", self.valid), ("test", self.test)))
