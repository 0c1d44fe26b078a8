"""Picture cache: what was decoded once is not decoded again, whoever asks, as long as the process lives.

Keyed by content: the same picture under two names is decoded once, a file that was written again is decoded again.
Pixels lie in files without a name, one for each shape, in TMPDIR or, where that is not set, /var/tmp: the system keeps
in memory what it has room for. They are gone with the process, however it ends.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import threading
from collections.abc import Callable
from typing import IO

import numpy as np

from deepwright.core.errors import DataError

LIMIT = 8 << 30
"""Bytes of pixels that are kept on disk at most; beyond, pictures are decoded whenever they are asked for."""

Shape = tuple[int, int, int]


class PictureCache:
    """Decoded pictures of every shape that was asked for. Safe to use from several threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._lock = threading.Lock()
        self._shelves: dict[Shape, _Shelf] = {}
        self._left = limit

    def pixels(self, content: bytes, recipe: str, shape: Shape, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """(C, H, W) uint8 of that shape: what `decode` gave for the same content and recipe, or gives now.

        recipe: what else decides the pixels. Raises what `decode` raises; of content that once raised DataError, the
        same again.
        """
        mark = hashlib.blake2b(content, digest_size=16)
        mark.update(b"\0" + recipe.encode())
        key = mark.digest()
        with self._lock:
            shelf = self._shelves.setdefault(shape, _Shelf(shape))
            found = shelf.get(key)
        if isinstance(found, DataError):
            raise found
        if found is not None:
            return found
        try:
            made = decode()
        except DataError as error:
            with self._lock:
                shelf.damaged[key] = error
            raise
        with self._lock:
            if made.nbytes <= self._left and shelf.put(key, made):
                self._left -= made.nbytes
        return made


class _Shelf:
    """Pictures of one shape, one after the other in a file."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.damaged: dict[bytes, DataError] = {}
        self._size = math.prod(shape)
        self._places: dict[bytes, int] = {}
        self._file: IO[bytes] | None = None

    def get(self, key: bytes) -> np.ndarray | DataError | None:
        """The pixels, why there are none, or None where the content has not been seen."""
        place = self._places.get(key)
        if place is None or self._file is None:
            return self.damaged.get(key)
        self._file.seek(place * self._size)
        kept = self._file.read(self._size)
        return np.frombuffer(kept, dtype=np.uint8).reshape(self.shape) if len(kept) == self._size else None

    def put(self, key: bytes, pixels: np.ndarray) -> bool:
        """Keep them; whether that was needed and there was room on the disk."""
        if key in self._places:
            return False
        try:
            if self._file is None:
                place = _place()  # the file lives as long as the process
                self._file = tempfile.TemporaryFile(buffering=0, prefix="deepwright-", dir=place)  # noqa: SIM115
            self._file.seek(len(self._places) * self._size)
            written = self._file.write(pixels.tobytes())
        except OSError:
            return False
        if written == self._size:
            self._places[key] = len(self._places)
        return written == self._size


def _place() -> str | None:
    """Where files lie on a disk; the system's first choice is often in memory."""
    on_disk = "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK)
    return "/var/tmp" if on_disk else None


CACHE = PictureCache()
"""The one of this process."""
