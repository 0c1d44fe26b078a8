"""Random forest: the mean of many trees, each grown on other rows and other columns; says its out-of-bag score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._choose import Clock, Rows, affordable, shortened
from deepwright.contenders._design import Design
from deepwright.contenders._lesson import Lesson, lesson, listed
from deepwright.contenders._model import DesignModel, by_column
from deepwright.contenders._trees import Trees, node_values
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.task import Task

_OUT_OF_BAG = {"regression": "R²", "classification": "accuracy", "tagging": "subset accuracy"}
_MOST_ROWS_A_LEAF = 10_000
"""From so many rows on leaves grow with the table, so that the forest stays within some 100 MB."""


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
        """Rows in the smallest leaf, from 1; None: 1, and from 20,000 training rows on one for every 10,000."""
        columns: float | None = Field(default=None, gt=0, le=1)
        """Share of the columns that each question may choose from; None: the square root of their number for classes
        and tags, a third of them for regression."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Task, encoding: Encoding) -> Config:
        return cls.Options(trees=60)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> DesignModel:
        clock = Clock(brief.seconds)
        learnt = lesson(brief.task, train)
        design = Design.fit(brief.encoding, learnt.frame, scaled=False, dense=True, seed=brief.seed)
        x = np.asarray(design.rows(learnt.frame)).astype(np.float32)
        brief.progress(None, f"growing {self.options.trees} trees")

        def grow(rows: Rows, trees: int) -> Any:
            return self._grow(x[rows], learnt.take(rows), trees, brief.seed)

        few = max(1, self.options.trees // 15)
        times = self.options.trees / few
        rows = affordable(learnt.y, lambda some: grow(some, few), clock, brief.seed, power=1.1, times=times)
        forest = grow(rows, self.options.trees)
        name = brief.task.name
        classes = None if name == "regression" else forest.classes_
        trees = Trees.of(
            forest.estimators_, [node_values(e, name, learnt.y.shape[1], classes) for e in forest.estimators_]
        )
        shares = by_column(design, forest.feature_importances_)
        return DesignModel(brief.task, design, trees, _text(forest, name, shares, len(rows), len(learnt)), shares)

    def _grow(self, x: np.ndarray, learnt: Lesson, trees: int, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        regression = learnt.task.name == "regression"
        forest = (RandomForestRegressor if regression else RandomForestClassifier)(
            n_estimators=trees,
            min_samples_leaf=self.options.smallest_leaf or max(1, len(learnt) // _MOST_ROWS_A_LEAF),
            max_features=self.options.columns or (1 / 3 if regression else "sqrt"),
            # With few trees some rows are in every bag, and scikit-learn warns.
            oob_score=trees >= 50,
            random_state=seed,
            n_jobs=-1 if x.size > 20_000 else 1,
        )
        target = learnt.codes if learnt.task.name == "classification" else learnt.y
        return forest.fit(x, target[:, 0] if regression else target)

    @classmethod
    def load(cls, folder: Path, task: Task, encoding: Encoding, *, trust: Sequence[str] = ()) -> DesignModel:
        return DesignModel.load(folder, task, encoding, Trees.load)


def _text(forest: Any, task: str, shares: dict[str, float], used: int, rows: int) -> str:
    best = [f"{column} ({share:.0%})" for column, share in sorted(shares.items(), key=lambda e: -e[1]) if share > 0]
    bag = f" Out-of-bag {_OUT_OF_BAG[task]} {forest.oob_score_:.3f}." if forest.oob_score else ""
    nodes = sum(estimator.get_n_leaves() for estimator in forest.estimators_)
    size = f"random forest of {len(forest.estimators_)} trees, {nodes:,} leaves"
    return f"{size}. Most used columns: {listed(best) or 'none'}.{bag}{shortened(used, rows)}"
