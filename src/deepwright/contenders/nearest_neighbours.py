"""Nearest neighbours: what the most similar training rows were; how many is chosen by leaving each row out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import lesson, sample, softened
from deepwright.contenders._model import DesignModel
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

_COUNTS = (5, 7, 3, 9, 15, 25, 1, 49)
"""Numbers of neighbours that are tried, in order of preference."""
_ASKED = 3_000
"""Training rows that are left out, one at a time, to choose the number of neighbours."""

_CHUNK = 8_192
"""Rows that are answered at once."""


@final
class NearestNeighbours(Contender):
    """k nearest neighbours (Fix and Hodges 1951) by scikit-learn: Euclidean distance on standardised columns; the mean
    of the k nearest training rows (for classes and tags their shares, softened by one row spread over all of them).
    Texts are reduced to 64 topics."""

    name = "nearest_neighbours"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How many neighbours, among how many rows."""

        neighbours: int | None = Field(default=None, ge=1)
        """k, from 1; None: chosen among 1 to 49 by leaving each training row out in turn (at most 3,000 of them)."""
        most_rows: int = Field(default=50_000, ge=1)
        """Training rows that are kept, as every prediction looks at them; more are sampled."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DesignModel:
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame, dense=True, seed=brief.seed)
        rows = sample(learnt.y, self.options.most_rows, brief.seed)
        kept = learnt.take(rows)
        x = np.asarray(design.rows(kept.frame))
        count = min(self.options.neighbours or _best_count(x, kept.y, brief.seed), len(x))
        neighbours = Neighbours(x=x, y=kept.y, count=np.array(count), task=brief.task.name)
        cut = "" if len(rows) == len(learnt) else " (option most_rows)"
        text = f"mean of the {count} nearest of {len(x):,} training rows by {len(design.names)} standardised columns."
        return DesignModel(brief.task, design, neighbours, f"{text}{shortened(len(rows), len(learnt))}{cut}")

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> DesignModel:
        def neighbours(folder: Path, width: int, outputs: int) -> Neighbours:
            return Neighbours.load(folder, width, outputs, task.name)

        return DesignModel.load(folder, task, encoding, neighbours)


@final
@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Training rows x (n, D), their targets y (n, K), and how many of them answer (count, ())."""

    x: np.ndarray
    y: np.ndarray
    count: np.ndarray
    task: str

    @cached_property
    def index(self) -> Any:
        """scikit-learn's search tree over x; built anew, never stored."""
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(n_neighbors=int(self.count)).fit(self.x)

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K)."""
        means = self.means(x)
        return means if self.task == "regression" else softened(means, int(self.count), self.task)

    def means(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K) mean of the neighbours' targets."""
        parts = [
            self.y[self.index.kneighbors(x[start : start + _CHUNK], return_distance=False)].mean(axis=1)
            for start in range(0, x.shape[0], _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.y.shape[1]))

    def save(self, folder: Path) -> None:
        """Write `neighbours.safetensors`."""
        write_tensors(folder / "neighbours.safetensors", {"x": self.x, "y": self.y, "count": self.count})

    @staticmethod
    def load(folder: Path, width: int, outputs: int, task: str) -> Neighbours:
        """Rebuild what `save` wrote; raises RunError where the shapes are not (n, width) and (n, outputs)."""
        path = folder / "neighbours.safetensors"
        arrays = read_tensors(path)
        rows = len(arrays.get("x", ()))
        shapes = {name: array.shape for name, array in arrays.items()}
        fits = shapes == {"x": (rows, width), "y": (rows, outputs), "count": ()} and arrays["count"].dtype == np.int64
        if not fits or not 1 <= int(arrays["count"]) <= rows or not np.isfinite(arrays["x"]).all():
            raise RunError("its rows do not fit the columns of the run.", where=str(path))
        return Neighbours(task=task, **arrays)


def _best_count(x: np.ndarray, y: np.ndarray, seed: int) -> int:
    """The number of neighbours with the smallest mean squared error when each row is left out of its own."""
    from sklearn.neighbors import NearestNeighbors

    counts = [count for count in _COUNTS if count < len(x)]
    if not counts:
        return 1
    asked = sample(y, _ASKED, seed)
    index = NearestNeighbors(n_neighbors=max(counts) + 1).fit(x)
    near = index.kneighbors(x[asked], return_distance=False)  # (asked, most + 1)
    own = near == asked[:, None]
    own[~own.any(axis=1), -1] = True  # a twin row may stand in for the row itself
    others = near[~own].reshape(len(asked), -1)
    sums = np.cumsum(y[others], axis=1)
    errors = {count: float(((sums[:, count - 1] / count - y[asked]) ** 2).sum()) for count in counts}
    return min(counts, key=errors.__getitem__)
