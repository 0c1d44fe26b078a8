"""What the tests of contenders share: fitted tasks and encodings for made frames, one call to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.find import find
from deepwright.core.task import Task
from deepwright.evaluation.contracts.contender import brief_for


class Case:
    """A frame with its target, the task and the encoding fitted on it."""

    def __init__(self, frame: pl.DataFrame, target: str, task: str, kinds: dict[str, str] | None = None) -> None:
        self.frame = frame
        self.target = target
        self.kinds = kinds or {column: "number" for column in frame.columns if column != target}
        self.task: Task = find("task", task).fit(frame.get_column(target), {})
        self.encoding = Encoding(tuple(find("kind", k)().fit(frame.get_column(c)) for c, k in self.kinds.items()))

    def brief(self, seconds: float | None = None, metric: str = "accuracy", seed: int = 0) -> Brief:
        brief = brief_for(self.task, self.encoding, metric, Path(), seconds)
        return Brief(**{**brief.__dict__, "seed": seed})

    def fit(self, name: str, *, valid: pl.DataFrame | None = None, seconds: float | None = None, **options: Any) -> Any:
        """The model of the contender called `name`, fitted on the whole frame."""
        cls: type[Contender] = find("contender", name)
        held = self.frame if valid is None else valid
        return cls(cls.Options(**options)).fit(self.frame, held, self.brief(seconds))

    def reload(self, model: Model, name: str, folder: Path) -> Model:
        """The model saved into the folder and loaded again."""
        folder.mkdir(exist_ok=True)
        model.save(folder)
        return find("contender", name).load(folder, self.task, self.encoding)


def numbers(rows: int = 300, columns: int = 5, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """A frame x0, x1, … of numbers in different units, and the same as an array."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * 10.0 ** np.arange(columns) + np.arange(columns)
    return pl.DataFrame({f"x{i}": x[:, i] for i in range(columns)}), x


def classes(x: np.ndarray, seed: int = 1) -> np.ndarray:
    """(rows,) three noisy classes "a", "b", "c" that hang on the first two columns."""
    noise = np.random.default_rng(seed).normal(size=len(x))
    z = x[:, 0] / x[:, 0].std() + 0.5 * (x[:, 1] / x[:, 1].std()) ** 2 + 0.4 * noise
    return np.array(["a", "b", "c"])[np.digitize(z, [0.0, 1.0])]


def classification(rows: int = 300, columns: int = 5, seed: int = 0) -> tuple[Case, np.ndarray, np.ndarray]:
    """The case, its (rows, columns) array and the codes of its classes."""
    frame, x = numbers(rows, columns, seed)
    y = classes(x)
    return Case(frame.with_columns(pl.Series("y", y)), "y", "classification"), x, np.searchsorted(["a", "b", "c"], y)


def regression(rows: int = 300, columns: int = 5, seed: int = 0) -> tuple[Case, np.ndarray, np.ndarray]:
    """The case, its (rows, columns) array and its values."""
    frame, x = numbers(rows, columns, seed)
    y = 1000.0 + 30.0 * x[:, 0] - x[:, 1] + 0.3 * x[:, 1] * x[:, 0] + np.random.default_rng(2).normal(size=rows)
    return Case(frame.with_columns(pl.Series("y", y)), "y", "regression"), x, y


def chances(predictions: pl.DataFrame) -> np.ndarray:
    """(B, K) the probability columns."""
    return predictions.select(pl.col("^p\\(.*\\)$")).to_numpy()
