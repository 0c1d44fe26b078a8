"""Kind: what a column is, and how its values become tensors; the contract of `kinds/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.core.fields import Field

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import scipy.sparse

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
"""No options: every kind has sensible defaults."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """How sure a kind is that a column is of it, and why, for people: ("12 distinct texts in 344 rows")."""

    confidence: float
    """0 (no) to 1 (certain); the kind with the highest wins, ties go to the order of names."""
    reason: str


class Kind(ABC):
    """What a column is. One file each in `kinds/`; the file's name is the kind's name.

    A kind is stateless: `recognise` looks at a column, `fit` returns an Encoder that holds what was learned
    from the training rows, `load` rebuilds that encoder from its JSON state and arrays.
    """

    name: ClassVar[str]

    @abstractmethod
    def recognise(self, column: pl.Series) -> Guess:
        """How well the column (as read, up to 100,000 rows) fits this kind. Never raises."""

    @classmethod
    @abstractmethod
    def example(cls) -> pl.Series:
        """A small column (16 rows or more, with a missing value) that this kind recognises; its contract runs on it."""

    @abstractmethod
    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        """Learn from the training rows (missing values included); raises DataError naming the column.

        `options` are said once for all columns; a kind reads those it knows: "scale" ("standard", "quantile",
        "minmax" or "none", for numbers), "size", "channels" and "operations" (for images).
        """

    @abstractmethod
    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        """Rebuild an encoder from `Encoder.state()` and `Encoder.arrays()`; raises RunError on damage."""


class Encoder(ABC):
    """A fitted kind for one column: values in, arrays out. Immutable; encoding is a pure function of each row.

    Never raises on a value it has not seen: it takes the documented way (unknown slot, clipping, missing indicator).
    """

    column: str
    kind: str

    @property
    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """What `encode` gives, in order."""

    @abstractmethod
    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        """For networks: field name → (B,) float32 for numbers, (B,) int64 for categories, (B, T) int64 for tokens,
        (B, C, H, W) uint8 for images."""

    @abstractmethod
    def matrix(self, column: pl.Series) -> tuple[np.ndarray | scipy.sparse.csr_matrix, list[str]]:
        """For classical models: (B, D) float64 and D names; numbers in the user's own units, NaN where missing;
        categories and tags one-hot; text TF-IDF."""

    @abstractmethod
    def unseen(self, column: pl.Series) -> pl.Series:
        """(B,) bool: which rows hold a value that training never showed (missing is not unseen)."""

    @abstractmethod
    def describe(self) -> str:
        """One line for people: "mean 43.9, sd 5.5, 2 missing", "3 values: Adelie, Chinstrap, Gentoo"."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-able state without row data beyond vocabularies and statistics."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Larger state, saved as safetensors beside the JSON; none by default."""
        return {}
