"""Typed files: what Parquet and Arrow share, one error boundary and one way of streaming."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from deepwright.core.errors import DataError, DeepwrightError
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint, head_of, open_content
from deepwright.sources._tidy import picture_columns, tidy

_PIECE = 1 << 20
_GIANT = 4 << 30
_UNFOLDS = 1000
"""A table may take so many times the bytes of its file, where it takes more than 4 GiB."""
_HUSH = threading.RLock()


@contextmanager
def one_boundary(path: str, format: str) -> Iterator[None]:
    """Whatever a library raises on a damaged file (panics too) leaves as one DataError naming the file."""
    try:
        yield
    except (DeepwrightError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # polars' PanicException is no Exception
        lines = str(error).strip().splitlines()
        raise DataError(
            f"the file is cut off or damaged, or not {format} ({lines[0][:200] if lines else type(error).__name__}).",
            where=path,
            remedy="Write or download it again.",
        ) from error


def read_typed(path: str, format: str, scan: Callable[[Path], pl.LazyFrame]) -> Table:
    """The whole file as a Table; raises DataError for damage and for a file without rows."""
    with _plain(path) as plain, one_boundary(path, format), _hushed():
        _check_size(scan(plain), plain, path)
        frame = scan(plain).collect()
        if not frame.height or not frame.width:
            raise DataError("the file has no rows.", where=path, remedy="Give a table with at least one row.")
        frame, notes = tidy(frame)
    return Table(
        frame=frame,
        origin=Origin(source=path, format=format, fingerprint=fingerprint(Path(path)), notes=tuple(notes)),
    )


def stream_typed(path: str, format: str, scan: Callable[[Path], pl.LazyFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Tidy frames of at most `rows` rows in order, each batch decoded when it is asked for."""
    with _plain(path) as plain, one_boundary(path, format):
        with _hushed():
            _check_size(scan(plain), plain, path)
            pictures = picture_columns(scan(plain))
            batches = iter(scan(plain).collect_batches(chunk_size=rows, maintain_order=True))
        while True:
            with _hushed():
                batch = next(batches, None)
            if batch is None:
                return
            if batch.height:
                yield from tidy(batch, pictures)[0].iter_slices(rows)


def _check_size(lazy: pl.LazyFrame, plain: Path, path: str) -> None:
    """Raises DataError where a small file says that it unfolds to a giant table."""
    rows, columns = lazy.select(pl.len()).collect().item(), len(lazy.collect_schema())
    if rows * columns * 8 > max(_GIANT, _UNFOLDS * plain.stat().st_size):
        raise DataError(
            f"{plain.stat().st_size:,} bytes unfold to {rows:,} rows of {columns:,} columns.",
            where=path,
            remedy="If you trust it, cut it into smaller files.",
        )


@contextmanager
def _hushed() -> Iterator[None]:
    """Standard error goes nowhere: polars' threads print panics there before they reach the error boundary."""
    with _HUSH:
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


@contextmanager
def _plain(path: str) -> Iterator[Path]:
    """The file itself, or a temporary decompressed copy, because these formats are read out of order."""
    place = Path(path)
    _, compression = head_of(place, path)
    if not compression:
        yield place
        return
    with tempfile.NamedTemporaryFile(prefix="deepwright-") as copy:
        with open_content(place, path, compression) as content:
            while piece := content.read(_PIECE):
                copy.write(piece)
        copy.flush()
        yield Path(copy.name)
