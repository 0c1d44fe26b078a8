"""Boosted trees: gradient-boosted decision trees by LightGBM, stopped early on the validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._booster_text import checked
from deepwright.contenders._boosting import Ensemble, boost
from deepwright.contenders._choose import Clock, shortened
from deepwright.contenders._columns import TreeColumns
from deepwright.contenders._lesson import lesson, listed, predictions
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.files import boundary, read_json, read_text, write_json, write_text
from deepwright.core.task import TargetTask


@final
class BoostedTrees(Contender):
    """LightGBM (Ke et al. 2017) with settings that follow the number of rows: small tables get few leaves and small
    leaves, larger ones the library's own. Missing numbers take their own way in every tree. One ensemble a tag."""

    name = "boosted_trees"
    family = "classical"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How trees are grown; None everywhere means: by the number of training rows."""

        rounds: int = Field(default=2_000, ge=1)
        """Most rounds of boosting (one tree an outcome each), from 1."""
        learning_rate: float | None = Field(default=None, gt=0, le=1)
        """What each tree adds, 0 to 1; None: 0.05."""
        leaves: int | None = Field(default=None, ge=2, le=4_096)
        """Most leaves of a tree, from 2; None: 7 below 500 rows, 15 below 5,000, else 31."""
        smallest_leaf: int | None = Field(default=None, ge=1)
        """Rows in the smallest leaf, from 1; None: 5 below 1,000 rows, else 20."""
        patience: int = Field(default=100, ge=1)
        """Rounds without a better validation loss before it stops."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> BoostedTreesModel:
        clock = Clock(brief.seconds, brief.note)
        learnt, held = lesson(brief.task, train), None
        if valid.height:
            held = lesson(brief.task, valid)
        columns = TreeColumns.of(brief.encoding)
        rows, ensembles = boost(columns, learnt, held, self.options, brief, clock)
        return BoostedTreesModel(brief.task, columns, ensembles, shortened(rows, len(learnt)))

    @classmethod
    def load(
        cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()
    ) -> BoostedTreesModel:
        return BoostedTreesModel.load(folder, task, encoding)


@final
class BoostedTreesModel(Model):
    """LightGBM's trees, kept as its own text."""

    def __init__(self, task: TargetTask, columns: TreeColumns, ensembles: list[Ensemble], note: str) -> None:
        self._task = task
        self._columns = columns
        self._ensembles = ensembles
        self._note = note

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        x = self._columns.rows(frame)
        values = np.concatenate([ensemble.values(x) for ensemble in self._ensembles], axis=1)
        if self._task.name == "classification" and values.shape[1] == 1:
            values = np.concatenate([1.0 - values, values], axis=1)
        return predictions(self._task, values)

    def explain(self) -> str:
        trees = sum(ensemble.trees for ensemble in self._ensembles)
        many = f" in {len(self._ensembles)} ensembles, one a tag" if len(self._ensembles) > 1 else ""
        shares = sorted(self.importances().items(), key=lambda entry: -entry[1])
        used = [f"{column} ({share:.0%})" for column, share in shares if share > 0]
        return f"LightGBM, {trees:,} trees{many}. Most used columns: {listed(used) or 'none'}.{self._note}"

    def importances(self) -> dict[str, float]:
        """Share of each input column in what all splits took away from the training loss."""
        gains = sum((ensemble.gains() for ensemble in self._ensembles), np.zeros(len(self._columns.names)))
        total = gains.sum() or 1.0
        shares = dict.fromkeys(self._columns.encoding.columns, 0.0)
        for column, gain in zip(self._columns.columns, gains, strict=True):
            shares[column] += float(gain / total)
        return shares

    def save(self, folder: Path) -> None:
        for i, ensemble in enumerate(self._ensembles):
            write_text(folder / f"trees-{i}.txt", ensemble.text)
        scales = [{"center": e.center, "scale": e.scale} for e in self._ensembles]
        write_json(folder / "boosted_trees.json", {"ensembles": scales, "note": self._note})

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding) -> BoostedTreesModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        columns = TreeColumns.of(encoding)
        outcomes = task.outcomes if task.name == "classification" and task.outcomes > 2 else 1
        with boundary(folder / "boosted_trees.json"):
            state = read_json(folder / "boosted_trees.json")
            note, scales = str(state["note"]), [(float(e["center"]), float(e["scale"])) for e in state["ensembles"]]
            if len(scales) != (task.outcomes if task.name == "tagging" else 1):
                raise ValueError("it has another number of ensembles than the task")
        ensembles = []
        for i, (center, scale) in enumerate(scales):
            path = folder / f"trees-{i}.txt"
            with boundary(path):
                text = checked(read_text(path, limit_bytes=1 << 30), len(columns.names), outcomes)
                ensemble = Ensemble(text=text, outcomes=outcomes, center=center, scale=scale)
                if ensemble.booster.num_feature() != len(columns.names):
                    raise ValueError("it was made for other columns")
            ensembles.append(ensemble)
        return BoostedTreesModel(task, columns, ensembles, note)
