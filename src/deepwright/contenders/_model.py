"""The model of classical contenders: a design makes rows of numbers, a scorer makes values of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, final

import numpy as np
import polars as pl

from deepwright.contenders._lesson import predictions
from deepwright.core.contender import Model
from deepwright.core.encoding import Encoding
from deepwright.core.files import boundary, read_json, write_json
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.contenders._design import Design, Matrix


class Scorer(Protocol):
    """What was learnt, as plain arrays."""

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, K), as `Lesson.y` has them."""

    def save(self, folder: Path) -> None:
        """Write plain files."""


@final
class DesignModel(Model):
    """A design, a scorer, and what they are in words."""

    def __init__(
        self, task: TargetTask, design: Design, scorer: Scorer, text: str, importances: dict[str, float] | None = None
    ) -> None:
        self._task = task
        self._design = design
        self._scorer = scorer
        self._text = text
        self._importances = importances

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._task, self._scorer.values(self._design.rows(frame)))

    def explain(self) -> str:
        return self._text

    def importances(self) -> dict[str, float] | None:
        return self._importances

    def save(self, folder: Path) -> None:
        self._design.save(folder)
        self._scorer.save(folder)
        write_json(folder / "model.json", {"text": self._text, "importances": self._importances})

    @classmethod
    def load(
        cls, folder: Path, task: TargetTask, encoding: Encoding, scorer: Callable[[Path, int, int], Scorer]
    ) -> DesignModel:
        """Rebuild what `save` wrote; raises RunError on damage. scorer: (folder, D, K) → what was learnt."""
        from deepwright.contenders._design import Design

        design = Design.load(folder, encoding)
        outputs = 1 if task.name == "regression" else task.outcomes
        with boundary(folder / "model.json"):
            state = read_json(folder / "model.json")
            shares = state["importances"]
            importances = None if shares is None else {str(name): float(share) for name, share in shares.items()}
            text = str(state["text"])
        return cls(task, design, scorer(folder, len(design.names), outputs), text, importances)


def by_column(design: Design, sizes: np.ndarray) -> dict[str, float]:
    """Sizes (D,) of design columns, none negative, → share of each input column."""
    total = float(sizes.sum()) or 1.0
    shares = dict.fromkeys(design.encoding.columns, 0.0)
    for column, size in zip(design.columns, sizes, strict=True):
        shares[column] += float(size) / total
    return shares
