"""CSV and TSV files of any dialect, encoding and notation of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint
from deepwright.sources._typed import one_boundary


class Csv(Source):
    """First version: polars' own detection."""

    name: ClassVar[str] = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab", ".txt", ".data")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        separator = "\t" if path.endswith(".tsv") else ","
        with one_boundary(path, self.name):
            frame = pl.read_csv(path, separator=separator, infer_schema_length=10_000, null_values=["NA", "?"])
        return Table(frame=frame, origin=Origin(source=path, format="csv", fingerprint=fingerprint(Path(path))))

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        yield from self.read(path, reading).frame.iter_slices(rows)
