"""Arrow IPC files (Feather version 2) and IPC streams, read and streamed with polars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.source import Source
from deepwright.core.table import Table
from deepwright.sources._typed import read_typed, stream_typed


class Arrow(Source):
    """Columns keep their types; `_tidy` lists the few that change."""

    name: ClassVar[str] = "arrow"
    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        return read_typed(path, self.name, _scan)

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        return stream_typed(path, self.name, _scan, rows)


def _scan(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:
        in_file_format = file.read(6) == b"ARROW1"
    if in_file_format:
        return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()  # the stream format has no index: it is read whole
