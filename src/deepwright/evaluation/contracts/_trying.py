"""What trying a contender out needs, whatever it is asked."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding

_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def brief_for(task: Any, encoding: Encoding, metric: str, folder: Path, seconds: float | None = None) -> Brief:
    """A brief that logs nothing, for trying a contender out."""
    return Brief(
        task=task,
        encoding=encoding,
        metric=metric,
        seconds=seconds,
        seed=0,
        folder=folder,
        log=lambda report: None,
        rewind=lambda step: None,
        progress=lambda fraction, text: None,
    )


def assert_close(one: pl.DataFrame, other: pl.DataFrame, tolerance: float) -> None:
    """Equal, numbers (also those in lists) up to a relative tolerance."""
    assert one.schema == other.schema, f"other columns: {one.schema} and {other.schema}"
    for column in one.columns:
        a, b = (frame[column].explode() if frame[column].dtype.is_nested() else frame[column] for frame in (one, other))
        if a.dtype.is_numeric():
            assert len(a) == len(b) and a.is_null().equals(b.is_null()), f"column '{column}' has other holes"
            x, y = (s.drop_nulls().cast(pl.Float64).to_numpy() for s in (a, b))
            gap = np.abs(x - y) / (1.0 + np.abs(x))
            assert gap.max(initial=0.0) <= tolerance, f"column '{column}' differs by {gap.max():.2g}"
        else:
            assert a.equals(b), f"column '{column}' differs"


def pickled(file: Path) -> bool:
    """Whether a file is a pickle or an archive."""
    start = file.read_bytes()[:2] if file.is_file() else b""
    return start in _PICKLES or start == b"PK"


def refuse(*_: Any, **__: Any) -> None:
    """Stands in for what must not be called."""
    raise AssertionError("something was unpickled")


class NoUnpickler(pickle.Unpickler):
    """A class, as libraries subclass it when they are imported."""

    def load(self) -> None:
        refuse()
