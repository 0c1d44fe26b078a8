"""Gaussian mixture: clusters as bells of any width and tilt, a row belongs to the likeliest (Dempster 1977)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._clusters import ClusterModel, Groups, seek, taught
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.tasks.clustering import Clustering


@final
class GaussianMixtureClusters(Contender):
    """A. Dempster, N. Laird, D. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977, by
    scikit-learn, from k-means. Full covariances where the rows are enough for them, else one variance a column."""

    name = "gaussian_mixture_clusters"
    family = "classical"
    tasks = frozenset({"clustering"})

    class Options(Config):
        """How hard it looks."""

        starts: int = Field(default=3, ge=1)
        """Random beginnings, from 1."""
        floor: float = Field(default=1e-3, gt=0)
        """Added to every variance (the points' own are about 1), so that no bell shrinks to a point."""
        most_rows: int = Field(default=20_000, ge=2)
        """Training rows that are learnt from; more are sampled."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ClusterModel:
        def fit(points: np.ndarray, count: int) -> Bells:
            return _bells(points, count, brief.seed, self.options)

        found = seek(train, brief, fit, self.options.most_rows)
        how = f"a mixture of Gaussians on {taught(found.rows, train)}"
        return ClusterModel(brief.task, brief.encoding, found.whole, found.again, found.profile, how)

    @classmethod
    def load(cls, folder: Path, task: Clustering, encoding: Encoding, *, trust: Sequence[str] = ()) -> ClusterModel:
        return ClusterModel.load(folder, task, encoding, Bells)


@final
@dataclass(frozen=True)
class Bells(Groups):
    """log weight (K,), mean (K, D) and Cholesky factor of the inverse covariance (K, D, D) of each Gaussian."""

    weight: np.ndarray
    mean: np.ndarray
    factor: np.ndarray

    def codes(self, points: np.ndarray) -> np.ndarray:
        """The Gaussian that most likely made each point; one constant for all is left out."""
        points = points.astype(np.float64)
        scores = []
        for weight, mean, factor in zip(self.weight, self.mean, self.factor, strict=True):
            whitened = (points - mean) @ factor  # (B, D)
            scores.append(weight + np.log(np.diagonal(factor)).sum() - 0.5 * (whitened**2).sum(axis=1))
        return np.stack(scores, axis=1).argmax(axis=1)

    def named(self, order: np.ndarray) -> Bells:
        return Bells(self.weight[order], self.mean[order], self.factor[order])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"weight": self.weight, "mean": self.mean, "factor": self.factor}

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray], width: int) -> Bells:
        made = Bells(arrays["weight"], arrays["mean"], arrays["factor"])
        count = len(made.weight)
        shapes = made.weight.shape == (count,) and made.mean.shape == (count, width)
        if not count or not shapes or made.factor.shape != (count, width, width):
            raise ValueError("its Gaussians are not of points")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("its Gaussians are not finite")
        if not (np.diagonal(made.factor, axis1=1, axis2=2) > 0).all():
            raise ValueError("a covariance is not positive")
        return made


def _bells(points: np.ndarray, count: int, seed: int, options: GaussianMixtureClusters.Options) -> Bells:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    width = points.shape[1]
    full = len(points) >= 3 * count * width
    mixture = GaussianMixture(
        count, covariance_type="full" if full else "diag", n_init=options.starts, reg_covar=options.floor,
        random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best so far will do
        mixture.fit(points)
    factor = mixture.precisions_cholesky_
    factor = factor if full else np.stack([np.diag(row) for row in factor])
    return Bells(np.log(np.maximum(mixture.weights_, 1e-300)), mixture.means_, factor)
