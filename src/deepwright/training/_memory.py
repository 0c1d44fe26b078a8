"""Memory: what a step frees is kept for the next one, instead of going back to the system and coming anew.

glibc asks the system for every large block by itself and returns it when it is freed, or returns the end of its heap;
each time the pages are cleared again, which takes a third of a step where maps are large. Other C libraries are left
as they are.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
_WHILE_TRAINING = (1 << 30, 1 << 30)
"""Bytes: free space at the end of the heap that is kept; blocks from which on the system is asked."""
_OTHERWISE = (64 << 20, 32 << 20)
"""What glibc comes to by itself where large blocks are used."""


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """In the block freed memory is kept; after it the system gets back what is free."""
    library = _glibc()
    if library is None:
        yield
        return
    _set(library, _WHILE_TRAINING)
    try:
        yield
    finally:
        _set(library, _OTHERWISE)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, limits: tuple[int, int]) -> None:
    for option, value in zip((_TRIM, _MAP), limits, strict=True):
        library.mallopt(option, value)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no handle of the process itself
        return None
    return library
