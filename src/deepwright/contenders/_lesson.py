"""Lesson: the training rows of a contender, with the target as numbers in the user's own units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.task import TargetTask


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Rows whose target is known, and that target as K numbers a row.

    frame: (n rows) input columns and target.
    y:     (n, K) float64: regression the value itself (K = 1), classification one-hot, tagging 0 and 1.
    """

    task: TargetTask
    frame: pl.DataFrame
    y: np.ndarray

    def __len__(self) -> int:
        return self.frame.height

    @property
    def codes(self) -> np.ndarray:
        """(n,) the class of each row, for classification."""
        return self.y.argmax(axis=1)

    def take(self, rows: np.ndarray) -> Lesson:
        """The lesson of some rows."""
        return Lesson(task=self.task, frame=self.frame[rows], y=self.y[rows])


def lesson(task: TargetTask, frame: pl.DataFrame) -> Lesson:
    """The rows of `frame` whose target is a number, a known class or a list of tags.

    Raises DataError when none is left, or when a classification has a single class.
    """
    frame = frame.filter(pl.col(task.target).is_not_null())
    y = _numbers(task, frame) if frame.height else np.empty((0, 1))
    kept = np.flatnonzero(np.isfinite(y).all(axis=1))
    if not len(kept):
        raise DataError(f"expected training rows with a value in column '{task.target}', there are none.")
    if task.name == "classification" and y.shape[1] < 2:
        raise DataError(
            f"expected at least two classes in column '{task.target}', there is one.",
            remedy="There is nothing to learn; choose another target.",
        )
    return Lesson(task=task, frame=frame if len(kept) == frame.height else frame[kept], y=y[kept])


def predictions(task: TargetTask, values: np.ndarray) -> pl.DataFrame:
    """Values (B, K), as `Lesson.y` has them, → the task's table of predictions."""
    return task.predictions(values[:, 0] if task.name == "regression" else values)


def labels(task: TargetTask) -> list[str]:
    """The names of the K outcomes: classes, tags, or the target itself for regression."""
    if task.name == "regression":
        return [task.target]
    columns = task.predictions(np.full((1, task.outcomes), 1.0 / task.outcomes)).columns
    return [match[1] for match in (re.fullmatch(r"p\((.*)\)", column, re.DOTALL) for column in columns) if match]


def sample(y: np.ndarray, size: int, seed: int) -> np.ndarray:
    """(≤ size + K,) sorted row numbers without repeats, at least one of every outcome that has any."""
    if len(y) <= size:
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    firsts = [order[np.argmax(column[order] > 0)] for column in y.T if (column > 0).any()] if y.shape[1] > 1 else []
    return np.unique(np.concatenate([order[:size], np.array(firsts, dtype=np.int64)]))


def listed(words: Sequence[str], most: int = 5) -> str:
    """ "a, b, c and 4 more"."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown


def softened(shares: np.ndarray, rows: np.ndarray | int, task: str) -> np.ndarray:
    """Shares (…, K) among so many rows, with one row more that is spread evenly over the classes (half a tag): nothing
    is impossible because a few rows did not show it, and the order of the shares stays."""
    even = 0.5 if task == "tagging" else 1.0 / shares.shape[-1]
    return (rows * shares + even) / (rows + 1.0)


def said(task: TargetTask, values: np.ndarray) -> str:
    """One answer (K,) in words: "Gentoo (95%)", "350.5", "sport (80%) and politics (60%)"."""
    names = labels(task)
    if task.name == "regression":
        return f"{values[0]:.5g}"
    if task.name == "classification":
        return f"{names[values.argmax()]} ({values.max():.0%})"
    given = [f"{name} ({value:.0%})" for name, value in zip(names, values, strict=True) if value > 0.5]
    return " and ".join(given) if given else "no tag"


def _numbers(task: TargetTask, frame: pl.DataFrame) -> np.ndarray:
    """(rows, K) float64, NaN where the target is missing or of an unknown class."""
    target = frame.get_column(task.target)
    if task.name == "regression":
        return target.cast(pl.Float64).to_numpy().reshape(-1, 1)
    encoded = np.asarray(task.encode(target))
    if encoded.ndim == 2:
        return encoded.astype(np.float64)
    one_hot = np.eye(task.outcomes)[encoded]
    one_hot[encoded < 0] = np.nan
    return one_hot
