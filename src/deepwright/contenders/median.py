"""Median: the middle value of the training rows' target, whatever the row says; steadier than the mean when skewed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._constant import ConstantModel
from deepwright.contenders._lesson import lesson
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.task import TargetTask


@final
class Median(Contender):
    """Predicts the median, the constant with the smallest absolute error on the training rows."""

    name = "median"
    family = "rule"
    tasks = frozenset({"regression"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ConstantModel:
        value = np.median(lesson(brief.task, train).y, axis=0)
        return ConstantModel(brief.task, value, f"always {value[0]:.6g}, the median of the training rows")

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> ConstantModel:
        return ConstantModel.load(folder, task)
