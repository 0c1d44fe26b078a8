"""What contenders that group rows share: points, the number of clusters, a half of the rows, names by size, the model.

Axes: B rows, D numbers of a point, K clusters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from deepwright.contenders._profile import Profile
from deepwright.core.contender import Brief, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors
from deepwright.metrics._clusters import distances, silhouettes_among
from deepwright.tasks.clustering import MOST, Clustering, predictions

_JUDGED = 2_000
"""Training rows whose silhouette chooses the number of clusters."""

Fit = Callable[[np.ndarray, int], "Groups"]
"""(points (n, D), number of clusters) → groups."""


class Groups(ABC):
    """Fitted clusters, as plain arrays: a point in, its cluster out."""

    @abstractmethod
    def codes(self, points: np.ndarray) -> np.ndarray:
        """(B, D) → (B,) int64."""

    @abstractmethod
    def named(self, order: np.ndarray) -> Groups:
        """The same with cluster order[k] called k."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """All that `from_arrays` needs."""

    @staticmethod
    @abstractmethod
    def from_arrays(arrays: Mapping[str, np.ndarray], width: int) -> Groups:
        """Rebuild; raises KeyError or ValueError where they are not groups of points of that width."""


@final
@dataclass(frozen=True)
class Centres(Groups):
    """Each point belongs to the nearest of centres (K, D)."""

    centres: np.ndarray

    def codes(self, points: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        return cdist(points.astype(np.float64), self.centres).argmin(axis=1)

    def named(self, order: np.ndarray) -> Centres:
        return Centres(self.centres[order])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": self.centres}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray], width: int) -> Centres:
        centres = arrays["centres"]
        if centres.ndim != 2 or not len(centres) or centres.shape[1] != width or not np.isfinite(centres).all():
            raise ValueError("its centres are not points")
        return Centres(centres)


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What a contender finds in the training rows: clusters of all, and of a random half."""

    whole: Groups
    again: Groups
    profile: Profile
    rows: int
    """That taught."""


def seek(train: pl.DataFrame, brief: Brief, fit: Fit, most_rows: int) -> Sought:
    """Fit on the training rows (a sample where there are more than `most_rows`), and on a random half of them with the
    same number of clusters. Clusters are named by their size in training, the largest first."""
    points = brief.task.points(train, brief.encoding).astype(np.float64)
    rng = np.random.default_rng(brief.seed)
    taught = np.arange(len(points)) if len(points) <= most_rows else np.sort(rng.permutation(len(points))[:most_rows])
    learnt = points[taught]
    count = best_count(learnt, brief.task, lambda k: fit(learnt, k).codes(learnt))
    half = learnt[half_of(len(learnt), brief.seed)]
    whole = by_size(fit(learnt, count), points)
    again = by_size(fit(half, min(count, distinct(half))), points)
    codes = whole.codes(points)
    profile = Profile.of(train, codes, codes.max() + 1, brief.encoding)
    return Sought(whole=whole, again=again, profile=profile, rows=len(learnt))


def half_of(rows: int, seed: int) -> np.ndarray:
    """(rows / 2,) sorted row numbers, drawn with the seed."""
    return np.sort(np.random.default_rng([seed, 1]).permutation(rows)[: max(2, -(-rows // 2))])


def best_count(points: np.ndarray, task: Clustering, grouped: Callable[[int], np.ndarray]) -> int:
    """How many clusters: as asked for, else that from 2 to 10 whose clusters have the best silhouette on at most 2,000
    of the points, the fewer where they tie; never more than there are distinct points."""
    most = distinct(points)
    if task.clusters is not None:
        return min(task.clusters, most)
    some = np.linspace(0, len(points) - 1, min(len(points), _JUDGED)).astype(np.int64)
    apart = distances(points[some])
    counts = range(2, min(MOST, most) + 1)
    scores = {k: float(silhouettes_among(apart, grouped(k)[some]).mean()) for k in counts}
    return max(scores, key=lambda k: (round(scores[k], 9), -k), default=1)


def distinct(points: np.ndarray) -> int:
    """How many different points there are."""
    return len(np.unique(points, axis=0))


def by_size(groups: Groups, points: np.ndarray) -> Groups:
    """The groups that hold any of the points, the largest first."""
    sizes = np.bincount(groups.codes(points))
    order = np.argsort(-sizes, kind="stable")
    return groups.named(order[sizes[order] > 0])


@final
class ClusterModel(Model):
    """Clusters, those of the half, and what they are like."""

    _FILES = ("clusters.safetensors", "again.safetensors", "profile.safetensors", "model.json")

    def __init__(
        self,
        task: Clustering,
        encoding: Encoding,
        whole: Groups,
        again: Groups,
        profile: Profile,
        how: str,
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        """how: "k-means on 240 rows". shown: more exhibits, which are not saved with the model."""
        self._task, self._encoding = task, encoding
        self._whole, self._again, self._profile = whole, again, profile
        self._how, self._shown = how, dict(shown or {})

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        points = self._task.points(frame, self._encoding)
        return predictions(self._whole.codes(points), self._again.codes(points))

    def explain(self) -> str:
        return f"{self._how} finds {len(self._profile.sizes)} clusters: {self._profile.words()}."

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any]:
        return {"profile": self._profile.exhibit(), **self._shown}

    def save(self, folder: Path) -> None:
        parts = (self._whole.arrays(), self._again.arrays(), self._profile.arrays())
        for name, arrays in zip(self._FILES, parts, strict=False):
            write_tensors(folder / name, arrays)
        write_json(folder / self._FILES[-1], {"how": self._how})

    @classmethod
    def load(cls, folder: Path, task: Clustering, encoding: Encoding, groups: type[Groups]) -> ClusterModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        width = task.points(no_rows(encoding), encoding).shape[1]
        whole, again, profile = (read_tensors(inside(folder, name)) for name in cls._FILES[:3])
        with boundary(folder / cls._FILES[0]):
            made = groups.from_arrays(whole, width), groups.from_arrays(again, width)
            found = Profile.from_arrays(profile, encoding)
        path = inside(folder, cls._FILES[-1])
        how = read_json(path)
        if not isinstance(how, dict) or not isinstance(how.get("how"), str):
            raise RunError("expected how the clusters were found.", where=str(path), remedy="Restore the run folder.")
        return cls(task, encoding, *made, found, how["how"])


def no_rows(encoding: Encoding) -> pl.DataFrame:
    """A frame of no rows with the input columns, to learn widths from."""
    return pl.DataFrame({column: pl.Series([], dtype=pl.String) for column in encoding.columns})


def taught(rows: int, train: pl.DataFrame) -> str:
    """ "240 rows", or "5,000 of 80,000 rows"."""
    return f"{rows:,} rows" if rows == train.height else f"{rows:,} of {train.height:,} rows"
