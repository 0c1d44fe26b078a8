"""Views: what several diagnoses ask of a record: the recipe, one contender's log, who beats whom by how much."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from deepwright.core.find import find, names
from deepwright.core.recipe import label

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Scores
    from deepwright.evaluation.record import Record

Z95 = 1.959964
"""Standard errors from the middle of a 95 % interval to its end."""
_PERFECT_R2 = 0.9999
"""What is left is a ten-thousandth of the target's variance."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One network's log as arrays over its R reports; NaN where a report did not say.

    `plan` is the training section as resolved, `stopped` why it ended ("patience", "epochs", "steps", "time", "").
    """

    contender: str
    epoch: np.ndarray
    train: np.ndarray
    valid: np.ndarray
    score: np.ndarray
    lr: np.ndarray
    skipped: np.ndarray
    update_ratio: np.ndarray
    plan: Mapping[str, Any]
    stopped: str

    def __len__(self) -> int:
        return len(self.train)

    @property
    def rate(self) -> float | None:
        """The learning rate as planned, else the largest one that was logged."""
        planned = self.plan.get("lr")
        if isinstance(planned, int | float) and planned > 0:
            return float(planned)
        seen = self.lr[np.isfinite(self.lr) & (self.lr > 0)]
        return float(seen.max()) if len(seen) else None

    @property
    def own_goals(self) -> bool:
        """Whether it was validated by a score and never by its loss: the loss is then against goals of the learner's
        own, such as an agent's values or an opponent, and its rise says nothing."""
        return bool(np.isfinite(self.score).any() and not np.isfinite(self.valid).any())

    def key(self, option: str) -> str:
        """The recipe key of one of its training options."""
        return f"contenders.{self.contender}.training.{option}"


def curves(record: Record) -> Iterator[Curve]:
    """The logs of all contenders that wrote one, in order of their names; of several restarts the best one's."""
    log = record.log.sort("step", nulls_last=True, maintain_order=True)
    for name in sorted(log["contender"].unique().to_list()):
        rows = _best_restart(log.filter(pl.col("contender") == name))
        scores = record.scores.get(name)
        deep = scores.deep if scores else None
        yield Curve(
            contender=name,
            epoch=_column(rows, "epoch"),
            train=_column(rows, "train_loss"),
            valid=_column(rows, "valid_loss"),
            score=_column(rows, "valid_score"),
            lr=_column(rows, "lr"),
            skipped=np.nan_to_num(_column(rows, "skipped")),
            update_ratio=_column(rows, "update_ratio"),
            plan=deep.plan if deep else {},
            stopped=(deep.stopped or "") if deep else "",
        )


def recipe(record: Record) -> Mapping[str, Any]:
    """The recipe as a plain tree, to read only; {} where there is none or it cannot be read."""
    return _parsed(record.recipe)


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> Mapping[str, Any]:
    import yaml

    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def component(record: Record, name: str) -> str:
    """What a contender of the run is: "linear" for {linear: {…}, as: mine}; its own name where the recipe is silent."""
    for entry in recipe(record).get("contenders") or ():
        if isinstance(entry, dict) and label(entry) == name:
            return "network" if "network" in entry else next(str(key) for key in entry if key != "as")
    return name


def sign(record: Record) -> float:
    """1 where a greater metric is better, else -1."""
    task = record.run.task
    return 1.0 if task is None or task.metric.greater_is_better else -1.0


def rows_in(record: Record, part: str) -> int:
    """Rows of "train", "valid" or "test"; 0 where the run does not say."""
    split = record.run.split
    return {"train": split.train, "valid": split.valid, "test": split.test}[part] if split else 0


def standard_error(scores: Scores) -> float:
    """Of the test score, from its 95 % interval; NaN where there is none."""
    return (scores.high - scores.low) / (2 * Z95)


def best(record: Record, *families: str) -> Scores | None:
    """The contender of these families with the best test score, None where none has one."""
    ranked = [scores for scores in record.scores.values() if scores.family in families and math.isfinite(scores.score)]
    return max(ranked, key=lambda scores: sign(record) * scores.score, default=None)


def cut_short(scores: Scores) -> bool:
    """Whether the clock ended a network before one epoch, or while its early stopping could not have spoken yet."""
    deep = scores.deep
    if deep is None or deep.stopped != "time" or not math.isfinite(deep.epochs):
        return False
    patience = deep.plan.get("patience")
    return deep.epochs < 1 or (isinstance(patience, int) and deep.epochs <= patience)


def nothing_to_gain(record: Record, scores: Scores) -> bool:
    """Whether its validation score cannot be told from a perfect one on so many rows.

    A perfect share of n rows has Wilson's interval (1927) from n / (n + z²) on: a score in it may be perfect. Metrics
    without a worst value have no such interval; for them an R² of 0.9999 is called perfect.
    """
    task = record.run.task
    if task is None or task.metric.name not in names("metric") or not math.isfinite(scores.valid_score):
        return False
    metric = find("metric", task.metric.name)
    worst, perfect = metric.bounds if metric.greater_is_better else reversed(metric.bounds)
    if scores.valid_score == perfect or scores.valid.get("r2", 0.0) >= _PERFECT_R2:
        return True
    rows = rows_in(record, "valid")
    if rows == 0 or not math.isfinite(perfect - worst):
        return False
    return abs(perfect - scores.valid_score) <= abs(perfect - worst) * Z95**2 / (rows + Z95**2)


@dataclass(frozen=True, kw_only=True)
class Lead:
    """By how much one contender is better than another on the test rows (negative: worse), with a 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Standard error."""
        return (self.high - self.low) / (2 * Z95)


def lead(record: Record, a: Scores, b: Scores) -> Lead | None:
    """`a` over `b`: as the verdict compared them in pairs, else from both intervals (wider); None: unknown."""
    for found in record.verdict.comparisons if record.verdict else ():
        if not math.isfinite(found.low + found.high + found.difference):
            continue
        if (found.a, found.b) == (a.name, b.name):
            return Lead(value=found.difference, low=found.low, high=found.high)
        if (found.a, found.b) == (b.name, a.name):
            return Lead(value=-found.difference, low=-found.high, high=-found.low)
    value = sign(record) * (a.score - b.score)
    width = Z95 * math.hypot(standard_error(a), standard_error(b))
    return Lead(value=value, low=value - width, high=value + width) if math.isfinite(value + width) else None


def noise(values: np.ndarray) -> float:
    """Robust standard deviation of a curve around its trend, from successive differences; 0 for fewer than three."""
    steps = np.diff(values[np.isfinite(values)])
    if len(steps) < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / math.sqrt(2))


def _best_restart(rows: pl.DataFrame) -> pl.DataFrame:
    if "restart" not in rows.columns or rows["restart"].drop_nulls().n_unique() < 2:
        return rows
    lowest = rows.group_by("restart").agg(pl.col("valid_loss").min()).sort("valid_loss", "restart", nulls_last=True)
    return rows.filter(pl.col("restart") == lowest["restart"][0])


def _column(rows: pl.DataFrame, name: str) -> np.ndarray:
    if name not in rows.columns:
        return np.full(rows.height, math.nan)
    return rows[name].cast(pl.Float64).fill_null(math.nan).to_numpy()
