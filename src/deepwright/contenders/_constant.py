"""The model of the plainest rules: the same answer for every row."""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._lesson import predictions
from deepwright.core.contender import Model
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, read_json, write_json
from deepwright.core.task import TargetTask


@final
class ConstantModel(Model):
    """`values` (K,) for every row, as `Lesson.y` has them; `text` says it in words."""

    def __init__(self, task: TargetTask, values: np.ndarray, text: str) -> None:
        self._task = task
        self._values = values
        self._text = text

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._task, np.tile(self._values, (frame.height, 1)))

    def save(self, folder: Path) -> None:
        write_json(folder / "constant.json", {"values": self._values, "text": self._text})

    def explain(self) -> str:
        return self._text

    @classmethod
    def load(cls, folder: Path, task: TargetTask) -> ConstantModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        with boundary(folder / "constant.json"):
            state = read_json(folder / "constant.json")
            values, text = np.array(state["values"], dtype=np.float64), str(state["text"])
        expected = (1 if task.name == "regression" else task.outcomes,)
        if values.shape != expected:
            raise RunError(
                f"expected {expected[0]} numbers, it has {values.size}.", where=str(folder / "constant.json")
            )
        return ConstantModel(task, values, text)
