"""k-means: clusters around means, each row belongs to the nearest (MacQueen 1967, Lloyd 1982)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._clusters import Centres, ClusterModel, seek, taught
from deepwright.contenders._means import means_of
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.tasks.clustering import Clustering


@final
class KMeans(Contender):
    """S. Lloyd, "Least squares quantization in PCM", 1982, from starts after k-means++ (Arthur & Vassilvitskii 2007),
    by scikit-learn. The least sum of squared distances of all starts is kept."""

    name = "kmeans"
    family = "classical"
    tasks = frozenset({"clustering"})

    class Options(Config):
        """How hard it looks."""

        starts: int = Field(default=10, ge=1)
        """Random beginnings, from 1."""
        most_rows: int = Field(default=100_000, ge=2)
        """Training rows that are learnt from; more are sampled."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ClusterModel:
        def fit(points: np.ndarray, count: int) -> Centres:
            return Centres(means_of(points, count, brief.seed, self.options.starts))

        found = seek(train, brief, fit, self.options.most_rows)
        how = f"k-means on {taught(found.rows, train)}"
        return ClusterModel(brief.task, brief.encoding, found.whole, found.again, found.profile, how)

    @classmethod
    def load(cls, folder: Path, task: Clustering, encoding: Encoding, *, trust: Sequence[str] = ()) -> ClusterModel:
        return ClusterModel.load(folder, task, encoding, Centres)
