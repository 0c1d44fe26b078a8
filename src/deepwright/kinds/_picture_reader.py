"""Picture reader: values of a column become pixels of one shape, on all cores, each picture decoded once a process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._picture_cache import CACHE
from deepwright.kinds._picture_files import PictureFiles
from deepwright.kinds._picture_operations import Operation
from deepwright.kinds._pictures import fitted
from deepwright.kinds._shared import is_blank

_BLOCK = 1 << 26
"""Bytes of pixels that are decoded ahead of whoever reads them."""
_FEWEST = 8
"""Pictures for which a thread is worth starting."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How pictures are read.

    shape:      (channels, height, width) of each.
    operations: done first, in order.
    """

    shape: tuple[int, int, int]
    operations: tuple[Operation, ...] = ()

    def read(self, column: pl.Series) -> Iterator[np.ndarray | None]:
        """(C, H, W) uint8 for each row, None where it is missing or cannot be read."""
        ahead = max(_FEWEST, _BLOCK // int(np.prod(self.shape)))
        blanks = is_blank(column)
        threads = max(1, min(pl.thread_pool_size(), len(column) // _FEWEST))
        with ThreadPoolExecutor(threads) as pool:
            at_once = map if threads == 1 else pool.map  # a thread that is not needed is not started
            for start in range(0, len(column), ahead):
                values = column.slice(start, ahead).zip_with(~blanks.slice(start, ahead), _nothing(column)).to_list()
                each = -(-len(values) // threads)
                parts = [values[i : i + each] for i in range(0, len(values), each)]
                for pixels in at_once(self._part, parts):
                    yield from pixels

    def _part(self, values: list[Any]) -> list[np.ndarray | None]:
        """What one thread does; it has open files of its own."""
        with PictureFiles() as files:
            return [None if value is None else self._pixels(files, value) for value in values]

    def _pixels(self, files: PictureFiles, value: Any) -> np.ndarray | None:
        try:
            content, where = files.content(value)
            if content[:2] in (b"P5", b"P6") and not self.operations:  # not encoded at all: reading is all there is
                return fitted(content, where, self.shape)
            return CACHE.pixels(
                content, self._recipe, self.shape, lambda: fitted(content, where, self.shape, self.operations)
            )
        except DataError:
            return None

    @property
    def _recipe(self) -> str:
        return json.dumps(self.operations) if self.operations else ""


def _nothing(column: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=column.dtype)
