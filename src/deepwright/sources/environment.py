"""Environments of Gymnasium: a table of episodes to train, choose and test an agent in, one a row."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.environment import NAME, PREFIX, Episode, gymnasium, module_asked, open_environment
from deepwright.core.errors import DataError, not_found
from deepwright.core.source import Source
from deepwright.core.table import PARTS, Origin, Table

_COUNTS = {"train": 20, "valid": 20, "test": 100}
_KEYS = (*_COUNTS, "seed")


class Environment(Source):
    """Columns `episode` ("CartPole-v1#17": environment and seed) and `part` ("train", "valid", "test").

    reading: `train`, `valid` and `test`, how many episodes of each (20, 20, 100); `seed`, that of the first (0).
    An id with a module, "mylab.worlds:Maze-v0", imports that module first, which registers its environments. That
    happens here only: rows, models and run folders name the environment without the module.
    """

    name: ClassVar[str] = "environment"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        name = _registered(path.removeprefix(PREFIX))
        open_environment(name).close()
        said = {**_COUNTS, "seed": 0, **_checked(reading, name)}
        parts = [part for part in PARTS for _ in range(said[part])]
        episodes = [str(Episode(name, said["seed"] + i)) for i in range(len(parts))]
        mark = hashlib.sha256(f"{gymnasium().__version__} {episodes[0]} {said}".encode()).hexdigest()
        origin = Origin(source=path, format=self.name, reading=said, fingerprint=mark)
        return Table(frame=pl.DataFrame({"episode": episodes, "part": parts}), origin=origin)

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        yield from self.read(path, reading).frame.iter_slices(rows)


def names_environment(source: object) -> bool:
    """Whether a source that may be a path names an environment: "env:…", or "…-v1" where there is no such file."""
    if not isinstance(source, str):
        return False
    if source.startswith(PREFIX):
        return True
    return bool(re.fullmatch(rf"(?:[\w.]+:)?{NAME}", source)) and not Path(source).exists()


def _registered(said: str) -> str:
    """The name without its module, which is imported; a run folder's recipe comes here only where it is trusted."""
    module = module_asked(said)
    if module is None:
        return said
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"its module cannot be imported: {error}.", where=said, remedy="Install it first.") from error
    return said.rpartition(":")[2]


def _checked(reading: Mapping[str, Any], name: str) -> dict[str, int]:
    for key, value in reading.items():
        if key not in _KEYS:
            raise not_found("key", key, _KEYS, where="data.reading")
        least = 0 if key == "seed" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 1_000_000:
            raise DataError(
                f"expected a whole number from {least} to 1,000,000 for {key}, got {value!r}.",
                where=f"{name}, data.reading",
                remedy="For example reading: {train: 20, valid: 20, test: 100}.",
            )
    return dict(reading)
