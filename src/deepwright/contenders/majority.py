"""Majority: the class that most training rows have, whatever the row says; for tags their share of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import polars as pl

from deepwright.contenders._constant import ConstantModel
from deepwright.contenders._lesson import labels, lesson, listed
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.task import TargetTask


@final
class Majority(Contender):
    """Predicts the shares of the classes (or tags) among the training rows; the largest class is the prediction."""

    name = "majority"
    family = "rule"
    tasks = frozenset({"classification", "tagging"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ConstantModel:
        learnt = lesson(brief.task, train)
        shares = learnt.y.mean(axis=0)
        names = labels(brief.task)
        if brief.task.name == "tagging":
            common = [f"{name} ({share:.0%})" for name, share in zip(names, shares, strict=True) if share > 0.5]
            text = (
                f"every row gets the tags {listed(common)}" if common else "no row gets a tag: none is on half the rows"
            )
        else:
            text = f"always {names[shares.argmax()]}, as {shares.max():.1%} of the training rows are"
        return ConstantModel(brief.task, shares, text)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> ConstantModel:
        return ConstantModel.load(folder, task)
