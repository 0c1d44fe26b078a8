"""Gaussian mixture: rows come from a few normal distributions; how many is chosen on validation."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepwright.blocks.counter import uniform
from deepwright.contenders._generative import GenerativeModel, dequantised, noise, row_keys
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

_MOST_NUMBERS = 1 << 22
"""In all covariances together; wider rows get fewer components."""
_WORSE = 2
"""Numbers of components in a row that are worse than the best of their kind, after which larger ones are not tried."""

Try = tuple[float, "GaussianMixtureModel"]
"""Mean log-likelihood of the validation rows, and the model that gives it."""


class GaussianMixtureContender(Contender):
    """Scikit-learn's expectation maximisation, from k-means; on dequantised rows. Saved as plain numbers."""

    name: ClassVar[str] = "gaussian_mixture"
    family: ClassVar[str] = "classical"
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})

    class Options(Config):
        """The contender's keys in a recipe."""

        components: tuple[int, ...] = Field(default=(1, 2, 5, 10, 15, 20, 30), min_length=1)
        """Numbers of components to try, in rising order; the one that makes the validation rows likeliest stays."""
        covariance: tuple[Literal["full", "diag"], ...] = Field(default=("full", "diag"), min_length=1)
        """Shapes of a component to try: any ellipsoid, or one along the columns."""
        ridge: tuple[float, ...] = Field(default=(0.001, 0.003, 0.03), min_length=1)
        """Variances to try that are added to every column's, in units of its spread: more for fewer rows."""

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> GaussianMixtureModel:
        assert isinstance(self.options, GaussianMixtureContender.Options)
        task = brief.task
        known, unseen = (task.values(rows, brief.encoding) for rows in (train, valid))
        known, unseen = (dequantised(rows, task, row_keys(rows)) for rows in (known, unseen))
        rows = (known - task.mean) / task.spread  # (N, D)
        ends = math.inf if brief.seconds is None else time.monotonic() + brief.seconds / 2

        def tries(shape: str, ridge: float) -> Iterator[Try]:
            for components in self._sizes(shape, rows):
                brief.progress(None, f"{components} components, {shape} covariance")
                model = GaussianMixtureModel(_fitted(rows, components, shape, ridge, brief.seed), task, brief.encoding)
                yield float(model.log_density(unseen, row_keys(unseen)).mean()), model

        kinds = product(self.options.covariance, self.options.ridge)
        found = chain.from_iterable(_while_better(tries(shape, ridge)) for shape, ridge in kinds)
        _, best = max(_in_time(found, ends), key=itemgetter(0))
        return best

    def _sizes(self, shape: str, rows: np.ndarray) -> list[int]:
        """Numbers of components that rows (N, D) and memory are enough for; the smallest in any case."""
        assert isinstance(self.options, GaussianMixtureContender.Options)
        count, width = rows.shape
        each = width**2 if shape == "full" else width
        first, *others = self.options.components
        return [first, *(k for k in others if k <= count // 2 and k * each <= _MOST_NUMBERS)]

    @classmethod
    def load(cls, folder: Path, task: Any, encoding: Encoding, *, trust: Sequence[str] = ()) -> GaussianMixtureModel:
        saved = read_json(inside(folder, "mixture.json"))
        arrays = read_tensors(inside(folder, "mixture.safetensors"))
        with boundary(folder):
            found = Mixture(**arrays, ridge=float(saved["ridge"]))
            found.check(task.width, str(folder))
        return GaussianMixtureModel(found, task, encoding)


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """K components of D columns, standardised.

    weights (K,), means (K, D), roots: lower triangles L with L Lᵀ the covariance (K, D, D), or their diagonals (K, D).
    """

    weights: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    ridge: float

    def check(self, width: int, where: str) -> None:
        """RunError where the arrays do not fit each other or the task."""
        count = len(self.weights)
        fits = self.means.shape == (count, width) and self.roots.shape in ((count, width), (count, width, width))
        scales = self.roots if self.roots.ndim == 2 else np.diagonal(self.roots, axis1=1, axis2=2)
        if not (fits and count and abs(self.weights.sum() - 1) < 1e-6 and self.weights.min() >= 0 and scales.min() > 0):
            raise RunError("its components do not fit the task.", where=where)

    def push(self, chosen: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """(B,) components and (B, D) standard normal → (B, D) rows"""
        if self.roots.ndim == 2:
            return self.means[chosen] + self.roots[chosen] * noise
        return self.means[chosen] + np.einsum("bde,be->bd", self.roots[chosen], noise)

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """(B, D) → (B,)"""
        from scipy.linalg import solve_triangular
        from scipy.special import logsumexp

        found = np.empty((len(rows), len(self.weights)))  # (B, K)
        for k, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            away = rows - mean  # (B, D)
            scales = root if root.ndim == 1 else np.diag(root)  # (D,)
            white = away / root if root.ndim == 1 else solve_triangular(root, away.T, lower=True).T  # (B, D)
            found[:, k] = -0.5 * np.square(white).sum(axis=1) - np.log(scales).sum()
        with np.errstate(divide="ignore"):
            return logsumexp(found + np.log(self.weights), axis=1) - 0.5 * rows.shape[1] * math.log(2 * math.pi)


class GaussianMixtureModel(GenerativeModel):
    """A fitted mixture."""

    def __init__(self, mixture: Mixture, task: Any, encoding: Encoding) -> None:
        self.mixture = mixture
        self.task = task
        self.encoding = encoding

    def draw(self, drawn: Tensor, temperature: float) -> np.ndarray:
        upto = self.mixture.weights.cumsum()  # (K,)
        place = uniform(drawn, 1)[:, 0].double().numpy() * upto[-1]  # (B,)
        chosen = np.minimum(np.searchsorted(upto, place), len(upto) - 1)  # (B,)
        rows = self.mixture.push(chosen, temperature * noise(drawn, self.task.width).numpy())
        return rows * self.task.spread + self.task.mean

    def log_density(self, values: np.ndarray, drawn: Tensor) -> np.ndarray:
        return self.mixture.log_density((values - self.task.mean) / self.task.spread) - np.log(self.task.spread).sum()

    def save(self, folder: Path) -> None:
        write_json(folder / "mixture.json", {"ridge": self.mixture.ridge})
        arrays = {name: getattr(self.mixture, name) for name in ("weights", "means", "roots")}
        write_tensors(folder / "mixture.safetensors", arrays)

    def explain(self) -> str:
        count, full = len(self.mixture.weights), self.mixture.roots.ndim == 3
        shape = "of any direction" if full else "along the columns"
        return (
            f"{count} normal distribution{'s' if count > 1 else ''} with spreads {shape}, chosen on validation "
            f"(ridge {self.mixture.ridge:g})."
        )


def _fitted(rows: np.ndarray, components: int, shape: str, ridge: float, seed: int) -> Mixture:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(min(components, len(rows)), covariance_type=shape, reg_covar=ridge, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # validation says whether it is good enough
        mixture.fit(rows)
    found = mixture.covariances_
    roots = np.linalg.cholesky(found) if shape == "full" else np.sqrt(found)
    return Mixture(weights=mixture.weights_, means=mixture.means_, roots=roots, ridge=ridge)


def _while_better(tries: Iterator[Try]) -> Iterator[Try]:
    """Tries as they come, until a few in a row were worse than the best."""
    best, worse = -math.inf, 0
    for score, model in tries:
        yield score, model
        worse = 0 if score > best else worse + 1
        best = max(best, score)
        if worse == _WORSE:
            return


def _in_time(tries: Iterator[Try], ends: float) -> Iterator[Try]:
    """The first try, and more while the clock has not reached `ends`."""
    for found in tries:
        yield found
        if time.monotonic() > ends:
            return
