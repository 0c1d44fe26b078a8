"""Mean: the average of the training rows' target, whatever the row says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import polars as pl

from deepwright.contenders._constant import ConstantModel
from deepwright.contenders._lesson import lesson
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.task import TargetTask


@final
class Mean(Contender):
    """Predicts the mean, the constant with the smallest squared error on the training rows."""

    name = "mean"
    family = "rule"
    tasks = frozenset({"regression"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ConstantModel:
        value = lesson(brief.task, train).y.mean(axis=0)
        return ConstantModel(brief.task, value, f"always {value[0]:.6g}, the mean of the training rows")

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> ConstantModel:
        return ConstantModel.load(folder, task)
