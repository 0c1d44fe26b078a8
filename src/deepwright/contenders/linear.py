"""Linear: ridge regression or logistic regression on standardised columns; its coefficients are its explanation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import labels, lesson, predictions
from deepwright.contenders._linear import LINKS, Weights, fit_linear
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.files import boundary, read_json, write_json
from deepwright.core.task import TargetTask


@final
class Linear(Contender):
    """Ridge regression (Hoerl and Kennard 1970), multinomial logistic regression, or one logistic regression a tag,
    by scikit-learn. Missing numbers become the mean, with a column that says so; texts stay TF-IDF."""

    name = "linear"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How strongly coefficients are pulled towards zero."""

        alpha: float | None = Field(default=None, ge=0)
        """Strength of the L2 penalty on standardised columns (for classes 1 / C); 0: none, plain least squares;
        None: chosen among 0.001 to 1,000 by cross-validation on the training rows."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> LinearModel:
        clock = Clock(brief.seconds, brief.note)
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame)
        brief.progress(None, "choosing the penalty")
        x = design.rows(learnt.frame)
        fitted = fit_linear(lambda rows: x[rows], learnt, self.options.alpha, brief.seed, clock)
        note = shortened(fitted.rows, len(learnt))
        return LinearModel(brief.task, design, fitted.weights, fitted.strength, note)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> LinearModel:
        return LinearModel.load(folder, task, encoding)


@final
class LinearModel(Model):
    """Coefficients on the columns of a design."""

    def __init__(self, task: TargetTask, design: Design, weights: Weights, strength: float, note: str) -> None:
        self._task = task
        self._design = design
        self._weights = weights
        self._strength = strength
        self._note = note

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._task, self._weights.values(self._design.rows(frame)))

    def explain(self) -> str:
        kind = "ridge regression" if self._task.name == "regression" else "logistic regression"
        count = len(self._design.names)
        strongest = sorted(self.coefficients(), key=lambda entry: -abs(entry["coefficient"]))
        shown = ", ".join(
            f"{entry['name']}{' for ' + entry['outcome'] if entry['outcome'] else ''} {entry['coefficient']:+.3g}"
            for entry in strongest[:5]
            if entry["coefficient"]
        )
        return (
            f"{kind} on {count} columns, penalty {self._strength:g}. "
            f"Strongest coefficients (for one standard deviation): {shown or 'none'}.{self._note}"
        )

    def coefficients(self) -> list[dict[str, Any]]:
        """One entry for each design column and outcome: name, column, outcome (None for regression), coefficient (for
        one standard deviation of the column) and per_unit (in the column's own unit); the intercept is named so."""
        width = len(self._design.scale)
        scale, center = np.ones(len(self._design.names)), np.zeros(len(self._design.names))
        scale[:width], center[:width] = self._design.scale, self._design.center
        outcomes = [None] if self._task.name == "regression" else labels(self._task)
        table: list[dict[str, Any]] = []
        for outcome, row, start in zip(outcomes, self._weights.coefficients, self._weights.intercept, strict=True):
            per_unit = row / scale
            head = {"name": "(intercept)", "column": None, "outcome": outcome, "coefficient": float(start)}
            table.append({**head, "per_unit": float(start - per_unit @ center)})
            table += [
                {"name": name, "column": column, "outcome": outcome, "coefficient": float(c), "per_unit": float(u)}
                for name, column, c, u in zip(self._design.names, self._design.columns, row, per_unit, strict=True)
            ]
        return table

    def importances(self) -> dict[str, float] | None:
        """Share of the sum of absolute standardised coefficients of each input column."""
        sizes = np.abs(self._weights.coefficients).sum(axis=0)
        total = sizes.sum() or 1.0
        shares = dict.fromkeys(self._design.encoding.columns, 0.0)
        for column, size in zip(self._design.columns, sizes, strict=True):
            shares[column] += float(size / total)
        return shares

    def save(self, folder: Path) -> None:
        self._design.save(folder)
        self._weights.save(folder)
        write_json(folder / "linear.json", {"penalty": self._strength, "note": self._note})
        write_json(folder / "coefficients.json", self.coefficients())

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding) -> LinearModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        design = Design.load(folder, encoding)
        outputs = 1 if task.name == "regression" else task.outcomes
        weights = Weights.load(folder, len(design.names), outputs, LINKS[task.name])
        with boundary(folder / "linear.json"):
            state = read_json(folder / "linear.json")
            return LinearModel(task, design, weights, float(state["penalty"]), str(state["note"]))
