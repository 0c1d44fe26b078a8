"""Rows for networks: a frame as tensors, in memory, or in mapped files where it is larger than it may be.

Axes: B rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from deepwright.core.encoding import Encoding
from deepwright.core.task import TargetTask
from deepwright.streams._mapped import Mapped, write_mapped

if TYPE_CHECKING:
    import polars as pl

Batch = dict[str, Tensor]
Columns = Batch | Mapped

_CHUNK = 1 << 26
"""Bytes that are encoded at a time where not all rows are, pictures being larger than numbers."""
_FEW = 64
"""Rows that tell how large one is."""
_FORWARD = 1_024, 1 << 21
"""Rows, and bytes of them, that go through a network at a time when nothing is learned: what a network makes of a
picture on the way takes up to a hundred times the picture."""
_SEEN = 100_000, _CHUNK
"""Rows, and bytes of them, that `Network.prepare` looks at, at most."""


def encoded(frame: pl.DataFrame, encoding: Encoding, task: TargetTask, place: Path, budget: int) -> Columns:
    """Inputs, and the target as "target". Larger than `budget` bytes, they go to files below `place`."""
    few = _arrays(frame.head(_FEW), encoding, task)
    row = sum(array.nbytes for array in few.values()) / max(1, min(_FEW, frame.height))
    if row * frame.height <= budget:
        whole = few if frame.height <= _FEW else _arrays(frame, encoding, task)
        return {name: torch.from_numpy(array) for name, array in whole.items()}
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    at_once = max(1, int(min(_CHUNK, budget // 4) / row))
    chunks = (_arrays(part, encoding, task) for part in frame.iter_slices(at_once))
    write_mapped(place, chunks, frame.height)
    return Mapped(place, memory=max(budget // 4, 8 << 20))


def in_parts(frame: pl.DataFrame, encoding: Encoding) -> Iterator[pl.DataFrame]:
    """The frame, so many rows at a time as may be in memory at once."""
    row = sum(array.nbytes for array in encoding.tensors(frame.head(1)).values()) if frame.height else 1
    return frame.iter_slices(max(1, _CHUNK // max(1, row)))


def inputs(frame: pl.DataFrame, encoding: Encoding) -> Batch:
    """The input columns only."""
    return {name: torch.from_numpy(array) for name, array in _writable(encoding.tensors(frame)).items()}


def in_batches(columns: Columns) -> Iterator[Batch]:
    """All rows in order, a bounded number at a time."""
    for index in torch.arange(rows_in(columns)).split(_at_most(columns, *_FORWARD)):
        yield _take(columns, index)


def sample(columns: Columns) -> Batch:
    """Evenly spaced rows, enough for statistics."""
    rows = rows_in(columns)
    return _take(columns, torch.arange(0, rows, max(1, -(-rows // _at_most(columns, *_SEEN)))))


def spread(columns: Columns, count: int) -> tuple[Batch, Tensor]:
    """At most `count` rows, evenly spaced from the first to the last, and (B,) their numbers."""
    index = torch.linspace(0, rows_in(columns) - 1, min(count, rows_in(columns))).round().long()
    return _take(columns, index), index


def head(columns: Columns, rows: int) -> Batch:
    """The first rows."""
    return _take(columns, torch.arange(min(rows, rows_in(columns))))


def rows_in(columns: Columns) -> int:
    """How many."""
    return columns.rows if isinstance(columns, Mapped) else len(next(iter(columns.values())))


def _at_most(columns: Columns, rows: int, size: int) -> int:
    """How many rows make up to `rows` and to `size` bytes; at least one."""
    row = sum(column.nbytes for column in head(columns, 1).values())
    return max(1, min(rows, size // max(1, row)))


def _take(columns: Columns, index: Tensor) -> Batch:
    if isinstance(columns, Mapped):
        return columns.gather(index)
    return {name: column[index] for name, column in columns.items()}


def _arrays(frame: pl.DataFrame, encoding: Encoding, task: TargetTask) -> dict[str, np.ndarray]:
    return _writable({**encoding.tensors(frame), "target": task.encode(frame.get_column(task.target))})


def _writable(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """polars may hand out views that PyTorch warns of."""
    return {name: array if array.flags.writeable else array.copy() for name, array in arrays.items()}
