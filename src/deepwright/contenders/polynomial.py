"""Polynomial: a linear model that also sees squares and products of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import lesson, sample
from deepwright.contenders._linear import LINKS, Weights, fit_linear
from deepwright.contenders._model import DesignModel, by_column
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

_CLEARLY = 3.0
"""Standard errors that a correlation must be away from zero."""
_SEEN = 20_000
"""Training rows that choose and standardise the products."""
_CHUNK = 8_192
"""Rows whose products are computed at once."""


@final
class Polynomial(Contender):
    """Ridge or logistic regression (by scikit-learn) on standardised columns and all their products of two; of a wide
    table only the columns that go best with the target, one by one, are multiplied."""

    name = "polynomial"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How many columns are multiplied, and how strongly coefficients are pulled towards zero."""

        multiplied: int = Field(default=25, ge=1, le=200)
        """Most columns whose squares and products are added, from 1 (25 give 325 more columns)."""
        alpha: float | None = Field(default=None, ge=0)
        """Strength of the L2 penalty; 0: none; None: chosen among 0.001 to 1,000 by cross-validation."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: TargetTask, encoding: Encoding) -> Config:
        return cls.Options(multiplied=6)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DesignModel:
        clock = Clock(brief.seconds, brief.note)
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame, dense=True, seed=brief.seed)
        x = np.asarray(design.rows(learnt.frame))
        seen = sample(learnt.y, _SEEN, brief.seed)
        left, right = _pairs(x[seen], learnt.y[seen], self.options.multiplied)
        products = x[seen][:, left] * x[seen][:, right]
        places = {"left": left, "right": right, "center": products.mean(axis=0), "scale": _spread(products)}
        fitted = fit_linear(lambda rows: _wide(x[rows], **places), learnt, self.options.alpha, brief.seed, clock)
        curve = Products(**places, weights=fitted.weights)
        sizes = np.abs(fitted.weights.coefficients).sum(axis=0)
        own, shared = sizes[: x.shape[1]].copy(), sizes[x.shape[1] :] / 2
        np.add.at(own, left, shared)
        np.add.at(own, right, shared)
        note = shortened(fitted.rows, len(learnt))
        text = (
            f"linear model on {x.shape[1]} columns and {len(left)} products of two, penalty {fitted.strength:g}.{note}"
        )
        return DesignModel(brief.task, design, curve, text, by_column(design, own))

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> DesignModel:
        def products(folder: Path, width: int, outputs: int) -> Products:
            return Products.load(folder, width, outputs, LINKS[task.name])

        return DesignModel.load(folder, task, encoding, products)


@final
@dataclass(frozen=True, kw_only=True)
class Products:
    """x and the products x[:, left] * x[:, right] (P of them), standardised by center and scale (P,), weighed."""

    left: np.ndarray
    right: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    weights: Weights

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K), as `Lesson.y` has them."""
        dense = np.asarray(x)
        parts = [
            self.weights.values(_wide(dense[i : i + _CHUNK], self.left, self.right, self.center, self.scale))
            for i in range(0, len(dense), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.weights.intercept)))

    def save(self, folder: Path) -> None:
        """Write `products.safetensors` and `weights.safetensors`."""
        self.weights.save(folder)
        arrays = {name: getattr(self, name) for name in ("left", "right", "center", "scale")}
        write_tensors(folder / "products.safetensors", arrays)

    @staticmethod
    def load(folder: Path, width: int, outputs: int, link: str) -> Products:
        """Rebuild what `save` wrote; raises RunError where it does not fit D = width columns."""
        path = folder / "products.safetensors"
        arrays = read_tensors(path)
        pairs = [arrays.get("left", np.zeros(0)), arrays.get("right", np.zeros(0))]
        shapes = {name: array.shape for name, array in arrays.items()}
        fits = shapes == dict.fromkeys(("left", "right", "center", "scale"), (len(pairs[0]),))
        inside = all(pair.dtype == np.int64 and ((pair >= 0) & (pair < width)).all() for pair in pairs)
        if not fits or not inside or not all(np.isfinite(array).all() for array in arrays.values()):
            raise RunError("its products do not fit the columns of the run.", where=str(path))
        weights = Weights.load(folder, width + len(pairs[0]), outputs, link)
        return Products(weights=weights, **arrays)


def _wide(x: np.ndarray, left: np.ndarray, right: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(B, D) → (B, D + P) the columns and their standardised products."""
    return np.concatenate([x, (x[:, left] * x[:, right] - center) / scale], axis=1)


def _pairs(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(P,), (P,) int64: which columns are multiplied, each with each and itself: of the columns of more than two values
    and the others that go clearly with some outcome, the `most` with the largest correlation."""
    spread = np.outer(_spread(x), _spread(y))
    correlation = np.abs((x - x.mean(axis=0)).T @ (y - y.mean(axis=0))) / len(x) / spread  # (D, K)
    best = correlation.max(axis=1)
    two_valued = np.array([len(np.unique(column)) <= 2 for column in x.T], dtype=bool)
    eligible = np.flatnonzero(~two_valued | (best > _CLEARLY / np.sqrt(len(x))))
    chosen = np.sort(eligible[np.argsort(-best[eligible], kind="stable")[:most]])
    left, right = np.triu_indices(len(chosen))
    left, right = chosen[left], chosen[right]
    kept = (left != right) | ~two_valued[left]  # the square of a column of two values repeats it
    return left[kept], right[kept]


def _spread(x: np.ndarray) -> np.ndarray:
    """(D,) standard deviation, 1 for columns that are constant but for rounding."""
    spread = x.std(axis=0)
    return np.where(spread <= 1e-12 * np.abs(x).max(axis=0, initial=0.0), 1.0, spread)
