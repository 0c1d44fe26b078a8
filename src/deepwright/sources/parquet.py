"""Parquet files, read and streamed with polars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.source import Source
from deepwright.core.table import Table
from deepwright.sources._typed import read_typed, stream_typed


class Parquet(Source):
    """Columns keep their types; `_tidy` lists the few that change."""

    name: ClassVar[str] = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        return read_typed(path, self.name, _scan)

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        return stream_typed(path, self.name, _scan, rows)


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)
