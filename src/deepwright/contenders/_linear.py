"""Linear models as arrays: fitted by scikit-learn, kept and applied as plain coefficients.

Axes: B rows, D columns of the design, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from deepwright.contenders._choose import Clock, Rows, Values, affordable, by_folds
from deepwright.contenders._lesson import Lesson
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0)
"""Strengths of the L2 penalty that the search climbs, beginning at 1."""
_NEWTON = 400
"""Coefficients up to which Newton's method is the quicker one."""


@final
@dataclass(frozen=True, kw_only=True)
class Weights:
    """values = link(x @ coefficients.T + intercept); coefficients (K, D), intercept (K,).

    link: "identity" for regression, "softmax" for classes (of two, the first has coefficients 0), "logistic" for tags.
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    link: str

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K), as `Lesson.y` has them."""
        scores = np.asarray(x @ self.coefficients.T) + self.intercept  # (B, K)
        if self.link == "softmax":
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        if self.link == "logistic":
            return 0.5 * (1.0 + np.tanh(0.5 * scores))
        return scores

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors`."""
        write_tensors(folder / "weights.safetensors", {"coefficients": self.coefficients, "intercept": self.intercept})

    @staticmethod
    def load(folder: Path, width: int, outputs: int, link: str) -> Weights:
        """Rebuild what `save` wrote; raises RunError where the shapes are not (outputs, width)."""
        path = folder / "weights.safetensors"
        arrays = read_tensors(path)
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != {"coefficients": (outputs, width), "intercept": (outputs,)}:
            raise RunError(f"expected coefficients ({outputs}, {width}), it has {shapes}.", where=str(path))
        return Weights(link=link, **arrays)


LINKS = {"regression": "identity", "classification": "softmax", "tagging": "logistic"}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Weights, the strength of the penalty that was chosen, and how many rows they were fitted on."""

    weights: Weights
    strength: float
    rows: int


def fit_linear(take: Callable[[Rows], Matrix], lesson: Lesson, strength: float | None, seed: int, clock: Clock) -> Fit:
    """Ridge regression, multinomial logistic regression, or one logistic regression a tag.

    take: row numbers → their columns.
    strength: of the L2 penalty: alpha of ridge, 1 / C of logistic regression; None: chosen by cross-validation;
    0 is plain least squares, or logistic regression without a penalty.
    """
    solve = _SOLVERS[lesson.task.name]

    def values(candidate: float, rows: Rows) -> Values:
        weights = solve(take(rows), lesson.y[rows], candidate)
        return lambda held: weights.values(take(held))

    ladder, start = (STRENGTHS, STRENGTHS.index(1.0)) if strength is None else ((strength,), 0)
    chosen = by_folds(ladder, start, values, lesson.y, seed, clock)
    rows = affordable(lesson.y, lambda some: solve(take(some), lesson.y[some], chosen), clock, seed)
    weights = solve(take(rows), lesson.y[rows], chosen)
    return Fit(weights=weights, strength=chosen, rows=len(rows))


def _ridge(x: Matrix, y: np.ndarray, strength: float) -> Weights:
    from sklearn.linear_model import LinearRegression, Ridge

    model = LinearRegression() if strength == 0 else Ridge(alpha=strength)
    model.fit(x, y[:, 0])
    return Weights(coefficients=model.coef_[None, :], intercept=np.array([model.intercept_]), link="identity")


def _multinomial(x: Matrix, y: np.ndarray, strength: float) -> Weights:
    present = np.flatnonzero(y.any(axis=0))
    # A class without a row in a fold gets next to no probability.
    coefficients, intercept = np.zeros((y.shape[1], x.shape[1])), np.full(y.shape[1], -50.0)
    if len(present) == 1:
        intercept[present] = 0.0
    elif len(present) == 2:
        intercept[present[0]] = 0.0
        coefficients[present[1]], intercept[present[1]] = _binary(x, y[:, present[1]], strength)
    else:
        model = _logistic(strength, x, len(present)).fit(x, y.argmax(axis=1))
        coefficients[present], intercept[present] = model.coef_, model.intercept_
    return Weights(coefficients=coefficients, intercept=intercept, link="softmax")


def _one_a_tag(x: Matrix, y: np.ndarray, strength: float) -> Weights:
    pairs = [_binary(x, column, strength) for column in y.T]
    coefficients, intercept = zip(*pairs, strict=True)
    return Weights(coefficients=np.stack(coefficients), intercept=np.array(intercept), link="logistic")


def _binary(x: Matrix, y: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """(D,) coefficients and intercept of the log odds of y being 1; smoothed odds where y is constant."""
    if y.min() == y.max():
        return np.zeros(x.shape[1]), float(np.log((y.sum() + 0.5) / (len(y) - y.sum() + 0.5)))
    model = _logistic(strength, x, 1).fit(x, y.astype(np.int64))
    return model.coef_[0], float(model.intercept_[0])


def _logistic(strength: float, x: Matrix, outcomes: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    newton = isinstance(x, np.ndarray) and strength > 0 and x.shape[1] * outcomes <= _NEWTON
    return LogisticRegression(
        C=np.inf if strength == 0 else 1.0 / strength,
        solver="newton-cholesky" if newton else "lbfgs",
        tol=1e-6 if newton else 1e-5,
        max_iter=100 if newton else 2_000,
    )


_SOLVERS: dict[str, Callable[[Matrix, np.ndarray, float], Weights]] = {
    "regression": _ridge,
    "classification": _multinomial,
    "tagging": _one_a_tag,
}
