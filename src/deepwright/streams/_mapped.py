"""Columns in memory-mapped files: for encoded data larger than the memory it may take.

Files are plain little-endian arrays (.npy), written chunk by chunk. Pages of a mapped file that were read stay in the
process's memory until the system wants them back, so `Mapped` gives them back itself within its budget.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepwright.core.errors import DataError, InternalError

_READ_AROUND = 1 << 21
"""Bytes that the system may bring in with one page that is touched: a large page of its cache."""


def write_mapped(folder: Path, chunks: Iterable[dict[str, np.ndarray]], rows: int) -> None:
    """Write columns of `rows` rows into `folder` (existing), one .npy file a column; chunks follow each other.

    Each chunk maps a column's name to (b, …); all chunks have the same columns and trailing shapes.
    Raises InternalError when the chunks do not add up to `rows`.
    """
    files: dict[str, np.memmap] = {}
    filled = 0
    for chunk in chunks:
        size = len(next(iter(chunk.values())))
        for number, (name, values) in enumerate(chunk.items()):
            if name not in files:
                shape = (rows, *values.shape[1:])
                files[name] = np.lib.format.open_memmap(_path(folder, number, name), "w+", values.dtype, shape)
            files[name][filled : filled + size] = values
            files[name].flush()
            _forget(files[name])
        filled += size
    if filled != rows:
        raise InternalError(f"expected {rows} rows to write, got {filled}.")


class Mapped:
    """Columns that `write_mapped` wrote; batches are gathered from the files, within `memory` bytes.

    folder: where the files are.
    memory: bytes of the files that may be in memory at a time; at least a few MiB.
    """

    def __init__(self, folder: Path, *, memory: int = 64 << 20) -> None:
        paths = sorted(folder.glob("*.npy"))
        if not paths:
            raise DataError("there are no columns to learn from.", where=str(folder))
        self._files = {_name(path): np.load(path, mmap_mode="r", allow_pickle=False) for path in paths}
        self._budget = memory
        self._touched = 0
        self._device = torch.device("cpu")
        self.rows = len(next(iter(self._files.values())))
        self.at_once = 1  # a batch at a time: what is gathered ahead would be memory outside the budget
        self._cost = sum(_row_cost(array) for array in self._files.values())

    def on(self, device: torch.device) -> Mapped:
        """The same; only batches cross to the device."""
        self._device = device
        return self

    def gather(self, index: Tensor) -> dict[str, Tensor]:
        """(B,) row numbers → name → (B, …) tensors of their own memory."""
        rows = index.numpy(force=True)
        step = max(1, self._budget // self._cost)
        pieces = [self._piece(rows[start : start + step]) for start in range(0, len(rows), step)]
        return {
            name: torch.from_numpy(np.concatenate([piece[name] for piece in pieces])).to(self._device)
            for name in self._files
        }

    def whole(self) -> dict[str, Tensor]:
        """Every row at once, whatever the budget says: a full batch is what it is."""
        return self.gather(torch.arange(self.rows))

    def _piece(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        self._touched += len(rows) * self._cost
        if self._touched > self._budget:
            for file in self._files.values():
                _forget(file)
            self._touched = len(rows) * self._cost
        return {name: file[rows] for name, file in self._files.items()}


def _row_cost(array: np.ndarray) -> int:
    """Bytes of the file that reading one row may bring into memory."""
    row = array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
    return min(row + _READ_AROUND, max(array.nbytes, 1))


def _forget(array: np.memmap) -> None:
    """Give the pages back; what was written has been flushed, what is read again comes from the file."""
    if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which trims mapped pages by itself
        array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def _path(folder: Path, number: int, name: str) -> Path:
    """A file name that keeps the columns' order and survives names such as "tokens:a/b"."""
    return folder / f"{number:03d}-{name.encode().hex()}.npy"


def _name(path: Path) -> str:
    return bytes.fromhex(path.stem.split("-", 1)[1]).decode()
