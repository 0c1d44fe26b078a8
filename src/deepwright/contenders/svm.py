"""Support-vector machine: a margin in the space of an RBF kernel; a straight one for texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, Rows, affordable, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import Lesson, lesson, sample
from deepwright.contenders._model import DesignModel
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

_FOLDS = 5
_CHUNK = 1 << 22
"""Pairs of row and support vector whose kernel is computed at once."""


@final
class Svm(Contender):
    """Support-vector machines (Cortes and Vapnik 1995) by scikit-learn on standardised columns: one against the rest
    for classes and tags, with probabilities by Platt (1999) on five-fold decision values; epsilon-regression."""

    name = "svm"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """The kernel, and how much a row on the wrong side costs."""

        kernel: Literal["auto", "rbf", "linear"] = "auto"
        """auto: linear where there are text columns (which then stay TF-IDF), else rbf."""
        cost: float = Field(default=1.0, gt=0)
        """C, what a row on the wrong side of the margin costs; 0.01 to 1,000 is usual."""
        most_rows: int = Field(default=10_000, ge=10)
        """rbf: training rows used, as the time grows with their square; more are sampled."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DesignModel:
        clock = Clock(brief.seconds, brief.note)
        learnt = lesson(brief.task, train)
        wordy = any(field.form == "tokens" for field in brief.encoding.signature.fields)
        linear = self.options.kernel == "linear" or (self.options.kernel == "auto" and wordy)
        design = Design.fit(brief.encoding, learnt.frame, dense=not linear, seed=brief.seed)
        few = learnt if linear else learnt.take(sample(learnt.y, self.options.most_rows, brief.seed))
        x = design.rows(few.frame)
        brief.progress(None, "widening the margin")

        def fit(rows: Rows) -> Machine:
            return _fit(x[rows], few.take(rows), linear, self.options.cost, brief.seed)

        rows = affordable(few.y, fit, clock, brief.seed, power=1.0 if linear else 2.0, pilot=500)
        machine = fit(rows)
        kernel = f"RBF kernel, {len(machine.support):,} support vectors" if not linear else "linear kernel"
        why = "" if linear or len(few) == len(learnt) else " (option most_rows)"
        text = f"support-vector machine, {kernel}, cost {self.options.cost:g}."
        return DesignModel(brief.task, design, machine, f"{text}{shortened(len(rows), len(learnt))}{why}")

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> DesignModel:
        def machine(folder: Path, width: int, outputs: int) -> Machine:
            return Machine.load(folder, width, outputs, _LINKS[task.name])

        return DesignModel.load(folder, task, encoding, machine)


_LINKS = {"regression": "identity", "classification": "shares", "tagging": "logistic"}


@final
@dataclass(frozen=True, kw_only=True)
class Machine:
    """decision = kernel(x, support) @ weights.T + bias; values = link(slope * decision + offset).

    support (S, D), gamma () of exp(-gamma |x - s|²); gamma 0 is the linear kernel, then weights are (K, D) and support
    is (0, D). weights (K, S), bias, slope, offset (K,). link: "identity", "logistic", or "shares" (logistic, brought
    to the sum 1).
    """

    support: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    gamma: np.ndarray
    link: str

    def decision(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K) signed distance from the margin's middle."""
        if not self.gamma:
            return np.asarray(x @ self.weights.T) + self.bias
        step = max(1, _CHUNK // max(1, len(self.support)))
        own = (self.support**2).sum(axis=1)
        parts = [np.empty((0, len(self.bias)))]
        for start in range(0, x.shape[0], step):
            part = x[start : start + step]
            squares = (part**2).sum(axis=1)[:, None] + own - 2.0 * (part @ self.support.T)  # (b, S)
            parts.append(np.exp(-self.gamma * np.maximum(squares, 0.0)) @ self.weights.T + self.bias)
        return np.concatenate(parts)

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K), as `Lesson.y` has them."""
        scores = self.slope * self.decision(x) + self.offset
        if self.link == "identity":
            return scores
        chances = 0.5 * (1.0 + np.tanh(0.5 * scores))
        if self.link == "logistic":
            return chances
        return chances / np.maximum(chances.sum(axis=1, keepdims=True), 1e-300)

    def save(self, folder: Path) -> None:
        """Write `machine.safetensors`."""
        arrays = {name: array for name, array in self.__dict__.items() if name != "link"}
        write_tensors(folder / "machine.safetensors", arrays)

    @staticmethod
    def load(folder: Path, width: int, outputs: int, link: str) -> Machine:
        """Rebuild what `save` wrote; raises RunError where the shapes do not fit."""
        path = folder / "machine.safetensors"
        arrays = read_tensors(path)
        each = dict.fromkeys(("bias", "slope", "offset"), (outputs,))
        count = len(arrays.get("support", ()))
        inner = count if np.any(arrays.get("gamma", 0.0)) else width
        expected = {**each, "support": (count, width), "weights": (outputs, inner), "gamma": ()}
        sound = all(np.isfinite(array).all() for array in arrays.values())
        if {name: array.shape for name, array in arrays.items()} != expected or not sound:
            raise RunError("its shapes do not fit the columns of the run.", where=str(path))
        return Machine(link=link, **arrays)


def _fit(x: Matrix, learnt: Lesson, linear: bool, cost: float, seed: int) -> Machine:
    """One machine an outcome; their support vectors stand in one table."""
    name = learnt.task.name
    gamma = 0.0 if linear else 1.0 / (x.shape[1] * float(x.var()) or 1.0)
    parts = []
    for y in learnt.y.T:
        parts.append(_distance(x, y, gamma, cost, seed) if name == "regression" else _margin(x, y, gamma, cost, seed))
    weights, bias, slope, offset = (np.stack([part[i] for part in parts]) for i in range(4))  # weights (K, n or D)
    used = np.flatnonzero(weights.any(axis=0)) if gamma else np.arange(0)
    return Machine(
        support=np.asarray(x[used]) if gamma else np.zeros((0, x.shape[1])),
        weights=np.ascontiguousarray(weights[:, used]) if gamma else weights,
        bias=bias,
        slope=slope,
        offset=offset,
        gamma=np.array(gamma),
        link=_LINKS[name],
    )


def _distance(x: Matrix, y: np.ndarray, gamma: float, cost: float, seed: int) -> tuple[Any, ...]:
    """Weights (n,) of the rows, or (D,) of the columns where gamma is 0, bias, slope and offset: epsilon-regression
    on the target standardised, as cost and epsilon count in its unit."""
    from sklearn.svm import SVR, LinearSVR

    center, scale = y.mean(), y.std() or 1.0
    model = SVR(gamma=gamma, C=cost) if gamma else LinearSVR(C=cost, epsilon=0.1, random_state=seed, max_iter=10_000)
    model.fit(x, (y - center) / scale)
    return *_weights(model, x.shape[0], gamma), np.asarray(scale), np.asarray(center)


def _margin(x: Matrix, y: np.ndarray, gamma: float, cost: float, seed: int) -> tuple[Any, ...]:
    """The same for a yes-or-no outcome; slope and offset make probabilities of decision values."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import SVC, LinearSVC

    yes, no = int(y.sum()), int(len(y) - y.sum())
    width = x.shape[0] if gamma else x.shape[1]
    if not yes or not no:
        return np.zeros(width), np.array(0.0), np.array(1.0), np.array(np.log((yes + 0.5) / (no + 0.5)))
    codes = y.astype(np.int64)
    model = SVC(gamma=gamma, C=cost) if gamma else LinearSVC(C=cost, random_state=seed, max_iter=10_000)
    folds = min(_FOLDS, yes, no)
    if folds > 1:
        dealt = StratifiedKFold(folds, shuffle=True, random_state=seed)
        held = cross_val_predict(model, x, codes, cv=dealt, method="decision_function")
    model.fit(x, codes)
    if folds < 2:
        held = model.decision_function(x)
    return *_weights(model, x.shape[0], gamma), *_platt(held, y)


def _weights(model: Any, rows: int, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    if not gamma:
        return np.ravel(model.coef_), np.asarray(np.ravel(model.intercept_)[0])
    weights = np.zeros(rows)
    weights[model.support_] = model.dual_coef_[0]
    return weights, np.asarray(model.intercept_[0])


def _platt(decision: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset of the logistic curve from decision values to probabilities, with Platt's softened targets."""
    from scipy.optimize import minimize

    yes, no = y.sum(), len(y) - y.sum()
    soft = np.where(y > 0, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
    unit = max(float(np.abs(decision).max()), 1e-12)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        score = parameters[0] * decision / unit + parameters[1]
        residual = 0.5 * (1.0 + np.tanh(0.5 * score)) - soft
        value = (np.logaddexp(0.0, score) - soft * score).sum()
        return float(value), np.array([(residual * decision / unit).sum(), residual.sum()])

    start = np.array([1.0, np.log((yes + 1.0) / (no + 1.0))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return np.asarray(found.x[0] / unit), np.asarray(found.x[1])
