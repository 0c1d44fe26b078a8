"""What trying a contender out needs, whatever it is asked."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl

from deepwright.core.contender import Brief, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError

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


def assert_reloads(model: Model, load: Callable[[Path], Model], valid: pl.DataFrame) -> None:
    """Saved and loaded it is the same, and nothing is unpickled."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as locked:
        model.save(Path(name))
        for file in Path(name).rglob("*"):
            assert not _pickled(file), f"{file.name} is a pickle or an archive"
        for way, other in (("load", _refuse), ("loads", _refuse), ("Unpickler", _NoUnpickler)):
            locked.enter_context(mock.patch.object(pickle, way, other))
        again = load(Path(name))
        assert again.predict(valid).equals(model.predict(valid)), "other predictions after loading"
        assert again.explain() == model.explain(), "another explanation after loading"


def assert_misses_files(model: Model, load: Callable[[Path], Model]) -> None:
    """A file that is missing, cut or empty is a RunError, or was not needed."""
    with tempfile.TemporaryDirectory() as name:
        model.save(Path(name))
        needed = 0
        for file in sorted(file for file in Path(name).rglob("*") if file.is_file()):
            whole = file.read_bytes()
            for part in (None, whole[: len(whole) // 2], b""):
                file.unlink(missing_ok=True)
                if part is not None:
                    file.write_bytes(part)
                try:
                    load(Path(name))
                except RunError:
                    needed += 1
            file.write_bytes(whole)
        assert needed, "no file seems to be needed"


def _pickled(file: Path) -> bool:
    """Whether a file is a pickle or an archive."""
    start = file.read_bytes()[:2] if file.is_file() else b""
    return start in _PICKLES or start == b"PK"


def _refuse(*_: Any, **__: Any) -> None:
    """Stands in for what must not be called."""
    raise AssertionError("something was unpickled")


class _NoUnpickler(pickle.Unpickler):
    """A class, as libraries subclass it when they are imported."""

    def load(self) -> None:
        _refuse()
