"""Source: something that tables are read from; the contract of `sources/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.core.table import Table

if TYPE_CHECKING:
    import polars as pl


class Source(ABC):
    """A format. One file each in `sources/`; stateless.

    `reading` holds what was detected or said about how to read (CSV: delimiter, quote, encoding, decimal, header,
    missing …); it goes into the run and comes back at prediction, so that a file is never guessed twice.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    """File endings it takes, with the dot, without compression: (".csv", ".tsv")."""

    @abstractmethod
    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        """The whole table. Raises DataError naming file, row, column and remedy; never a traceback of a library."""

    @abstractmethod
    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        """Frames of at most `rows` rows, in order, all with the same columns and types, in bounded memory."""
