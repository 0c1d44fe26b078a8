"""Random forest: the mean of many trees, each grown on other rows and other columns; says its out-of-bag score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, Rows, Values, affordable, by_folds, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import Lesson, lesson, listed
from deepwright.contenders._model import DesignModel, by_column
from deepwright.contenders._trees import Trees, node_values
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.task import TargetTask

_OUT_OF_BAG = {"regression": "R²", "classification": "accuracy", "tagging": "subset accuracy"}
_LEAVES = (1, 3, 10)
"""Rows in the smallest leaf that the search climbs, beginning at 3."""
_TRIED = 40
"""Trees of the forests that choose the smallest leaf."""
_ROWS_A_LEAF = 10_000
"""Leaves grow with the table by one row for so many, so that the forest stays within some 100 MB."""


@final
class RandomForest(Contender):
    """Random forests (Breiman 2001) by scikit-learn. Missing numbers become the mean, with a column that says so;
    texts are reduced to 64 topics."""

    name = "random_forest"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How many trees, and how large."""

        trees: int = Field(default=300, ge=1)
        """Number of trees, from 1."""
        smallest_leaf: int | None = Field(default=None, ge=1)
        """Rows in the smallest leaf, from 1; None: 1, 3 or 10 by cross-validation, and at least one for every 10,000
        training rows."""
        columns: float | None = Field(default=None, gt=0, le=1)
        """Share of the columns that each question may choose from; None: the square root of their number for classes
        and tags, a third of them for regression."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: TargetTask, encoding: Encoding) -> Config:
        return cls.Options(trees=50, smallest_leaf=2)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DesignModel:
        clock = Clock(brief.seconds, brief.note)
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame, scaled=False, dense=True, seed=brief.seed)
        x = np.asarray(design.rows(learnt.frame)).astype(np.float32)
        brief.progress(None, f"growing {self.options.trees} trees")

        def grow(rows: Rows, trees: int, leaf: int) -> Any:
            return self._grow(x[rows], learnt.take(rows), trees, leaf, brief.seed)

        def values(leaf: int, rows: Rows) -> Values:
            trees = _as_trees(grow(rows, min(_TRIED, self.options.trees), leaf), learnt)
            return lambda held: trees.values(x[held])

        leaves = _LEAVES if self.options.smallest_leaf is None else (self.options.smallest_leaf,)
        leaf = by_folds(leaves, len(leaves) // 2, values, learnt.y, brief.seed, clock)
        leaf = max(leaf, len(learnt) // _ROWS_A_LEAF) if self.options.smallest_leaf is None else leaf
        few = max(1, self.options.trees // 15)
        times = self.options.trees / few
        rows = affordable(learnt.y, lambda some: grow(some, few, leaf), clock, brief.seed, power=1.1, times=times)
        forest = grow(rows, self.options.trees, leaf)
        name, trees = brief.task.name, _as_trees(forest, learnt)
        shares = by_column(design, forest.feature_importances_)
        return DesignModel(brief.task, design, trees, _text(forest, name, shares, len(rows), len(learnt)), shares)

    def _grow(self, x: np.ndarray, learnt: Lesson, trees: int, leaf: int, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        regression = learnt.task.name == "regression"
        forest = (RandomForestRegressor if regression else RandomForestClassifier)(
            n_estimators=trees,
            min_samples_leaf=leaf,
            max_features=self.options.columns or (1 / 3 if regression else "sqrt"),
            # With few trees some rows are in every bag, and scikit-learn warns.
            oob_score=trees == self.options.trees and trees >= 50,
            random_state=seed,
            n_jobs=-1 if x.size > 20_000 else 1,
        )
        target = learnt.codes if learnt.task.name == "classification" else learnt.y
        return forest.fit(x, target[:, 0] if regression else target)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> DesignModel:
        return DesignModel.load(folder, task, encoding, Trees.load)


def _as_trees(forest: Any, learnt: Lesson) -> Trees:
    name, outcomes = learnt.task.name, learnt.y.shape[1]
    classes = None if name == "regression" else forest.classes_
    return Trees.of(forest.estimators_, [node_values(e, name, outcomes, classes) for e in forest.estimators_])


def _text(forest: Any, task: str, shares: dict[str, float], used: int, rows: int) -> str:
    best = [f"{column} ({share:.0%})" for column, share in sorted(shares.items(), key=lambda e: -e[1]) if share > 0]
    bag = f" Out-of-bag {_OUT_OF_BAG[task]} {forest.oob_score_:.3f}." if forest.oob_score else ""
    nodes = sum(estimator.get_n_leaves() for estimator in forest.estimators_)
    size = f"random forest of {len(forest.estimators_)} trees, {nodes:,} leaves"
    return f"{size}. Most used columns: {listed(best) or 'none'}.{bag}{shortened(used, rows)}"
