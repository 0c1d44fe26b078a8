"""Questions to one column: where to cut it into pieces so that the target differs most between them.

Axes: n rows, B bins, K outcomes, P pieces.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import polars as pl

from deepwright.contenders._lesson import Lesson
from deepwright.core.kind import Encoder
from deepwright.kinds._shared import floats, texts

Cost = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(rows (…), sum of y (…, K), sum of y² (…)) → cost (…) of answering all these rows alike."""

_BINS = 64
_WORDS = 1_000
_GAIN = 0.01
"""Share of the cost that one more piece must take away."""


@dataclass(frozen=True, kw_only=True)
class Question(ABC):
    """What is asked of one column; each row falls into one piece."""

    column: str

    @abstractmethod
    def pieces(self, frame: pl.DataFrame) -> np.ndarray:
        """(B,) int64 number of each row's piece; P for a missing cell."""

    @abstractmethod
    def conditions(self) -> list[str]:
        """P conditions in words, one for each piece."""

    @abstractmethod
    def sentence(self, outcomes: list[str]) -> str:
        """The whole rule in words, given the outcome of each piece and of a missing cell."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-able; `question_from` rebuilds it."""


@final
@dataclass(frozen=True, kw_only=True)
class Thresholds(Question):
    """Pieces of a number column: x <= t1, t1 < x <= t2, …, x > tP-1."""

    thresholds: tuple[float, ...]

    def pieces(self, frame: pl.DataFrame) -> np.ndarray:
        x = as_numbers(frame.get_column(self.column))
        found = np.searchsorted(np.array(self.thresholds), x, side="left")
        return np.where(np.isnan(x), len(self.thresholds) + 1, found)

    def conditions(self) -> list[str]:
        cuts = [f"{t:.10g}" for t in self.thresholds]
        inner = [f"{low} < {self.column} <= {high}" for low, high in itertools.pairwise(cuts)]
        return [f"{self.column} <= {cuts[0]}", *inner, f"{self.column} > {cuts[-1]}"]

    def sentence(self, outcomes: list[str]) -> str:
        last = f"if {self.column} > {self.thresholds[-1]:.10g} then {outcomes[-2]}"
        inner = [
            f"if {self.column} > {t:.10g} then {outcome}"
            for t, outcome in zip(self.thresholds[-2::-1], outcomes[-3:0:-1], strict=True)
        ]
        return ", else ".join([last, *inner]) + f", otherwise {outcomes[0]}"

    def state(self) -> dict[str, Any]:
        return {"form": "thresholds", "column": self.column, "thresholds": self.thresholds}


@final
@dataclass(frozen=True, kw_only=True)
class Values(Question):
    """Pieces of a category column: one for each listed value, and one for all others (unseen ones too)."""

    values: tuple[str, ...]

    def pieces(self, frame: pl.DataFrame) -> np.ndarray:
        cells = texts(frame.get_column(self.column))
        places = {value: place for place, value in enumerate(self.values)}
        others, missing = len(self.values), len(self.values) + 1
        known = cells.replace_strict(places, default=others, return_dtype=pl.Int64)
        return pl.select(pl.when(cells.is_null()).then(missing).otherwise(known)).to_series().to_numpy()

    def conditions(self) -> list[str]:
        return [*(f"{self.column} is {value}" for value in self.values), f"{self.column} is something else"]

    def sentence(self, outcomes: list[str]) -> str:
        by_outcome: dict[str, list[str]] = {}
        for value, outcome in zip(self.values, outcomes, strict=False):
            by_outcome.setdefault(outcome, []).append(value)
        parts = [f"if {self.column} is {' or '.join(values)} then {out}" for out, values in by_outcome.items()]
        return ", else ".join(parts) + f", otherwise {outcomes[len(self.values)]}"

    def state(self) -> dict[str, Any]:
        return {"form": "values", "column": self.column, "values": self.values}


@final
@dataclass(frozen=True, kw_only=True)
class Word(Question):
    """Pieces of a text column: with the word, without it."""

    word: str

    def pieces(self, frame: pl.DataFrame) -> np.ndarray:
        without = ~words_of(texts(frame.get_column(self.column))).list.contains(self.word)
        return without.cast(pl.Int64).fill_null(2).to_numpy()

    def conditions(self) -> list[str]:
        return [f"{self.column} has the word '{self.word}'", f"{self.column} has no word '{self.word}'"]

    def sentence(self, outcomes: list[str]) -> str:
        return f"if {self.column} has the word '{self.word}' then {outcomes[0]}, otherwise {outcomes[1]}"

    def state(self) -> dict[str, Any]:
        return {"form": "word", "column": self.column, "word": self.word}


def question_from(state: dict[str, Any]) -> Question:
    """Rebuild from `Question.state()`; raises KeyError, TypeError or ValueError on damage."""
    column = str(state["column"])
    if state["form"] == "thresholds":
        thresholds = tuple(float(t) for t in state["thresholds"])
        if not thresholds or list(thresholds) != sorted(thresholds):
            raise ValueError("thresholds do not rise")
        return Thresholds(column=column, thresholds=thresholds)
    if state["form"] == "values":
        return Values(column=column, values=tuple(str(value) for value in state["values"]))
    if state["form"] == "word":
        return Word(column=column, word=str(state["word"]))
    raise ValueError(f"unknown form of question '{state['form']}'")


def segments_cost(task: str) -> Cost:
    """What the pieces should make small: squared error, left-one-out; for classes training errors join it."""

    def squared(rows: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
        within = squares - (sums**2).sum(axis=-1) / np.maximum(rows, 1)
        return within * (rows / np.maximum(rows - 1, 1)) ** 2

    def mixed(rows: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
        return rows - sums.max(axis=-1) + 0.1 * squared(rows, sums, squares)

    return mixed if task == "classification" else squared


def best_question(
    encoder: Encoder, lesson: Lesson, cost: Cost, most: int, smallest: int
) -> tuple[Question, float] | None:
    """The best question to one column and how much of the cost it takes away; None where no question can be asked."""
    column = lesson.frame.get_column(encoder.column)
    forms = {field.form for field in encoder.fields}
    y = lesson.y - lesson.y.mean(axis=0) if lesson.task.name == "regression" else lesson.y
    if forms == {"tokens"}:
        return _best_word(column, y, cost, smallest)
    if "category" in forms or column.dtype == pl.Boolean:
        return None if column.dtype.is_nested() else _best_values(column, y, cost, 4 * most, smallest)
    if column.dtype.is_temporal() or (encoder.kind == "number" and not column.dtype.is_nested()):
        return _best_thresholds(column, y, cost, most, smallest)
    return None


def as_numbers(column: pl.Series) -> np.ndarray:
    """(B,) float64, NaN for missing and infinite; times count in their own unit."""
    x = floats(column.to_physical() if column.dtype.is_temporal() else column)
    return np.where(np.isfinite(x), x, np.nan)


def words_of(cells: pl.Series) -> pl.Series:
    """(B,) lists of each text's distinct words of two letters or more, in lower case."""
    return cells.str.to_lowercase().str.extract_all(r"\w{2,}").list.unique()


def _best_thresholds(
    column: pl.Series, y: np.ndarray, cost: Cost, most: int, smallest: int
) -> tuple[Question, float] | None:
    x = as_numbers(column)
    seen = ~np.isnan(x)
    distinct = np.unique(x[seen])
    if len(distinct) < 2:
        return None
    if len(distinct) > _BINS:
        ranks = np.linspace(0, seen.sum() - 1, _BINS + 1).astype(np.int64)[1:]
        distinct = np.unique(np.sort(x[seen])[ranks])
    bins = np.minimum(np.searchsorted(distinct, x[seen], side="left"), len(distinct) - 1)
    rows, sums, squares = _totals(bins, y[seen], len(distinct))
    ends, costs = _segment(rows, sums, squares, cost, most, smallest)
    if not ends:
        return None
    above = np.array([x[seen][x[seen] > distinct[end]].min() for end in ends])
    thresholds = tuple(_short(low, high) for low, high in zip(distinct[ends], above, strict=True))
    question = Thresholds(column=column.name, thresholds=thresholds)
    return question, costs[0] - costs[len(ends)] + _apart(y, seen, cost)


def _segment(
    rows: np.ndarray, sums: np.ndarray, squares: np.ndarray, cost: Cost, most: int, smallest: int
) -> tuple[list[int], list[float]]:
    """Last bin of each piece but the last, and the least cost with 1, 2, … pieces (Bellman 1961, exact)."""
    n, s, q = (np.concatenate([np.zeros_like(a[:1]), np.cumsum(a, axis=0)]) for a in (rows, sums, squares))
    first, last = np.triu_indices(len(rows))  # segments of bins first..last
    table = np.full((len(rows), len(rows)), np.inf)  # (B, B)
    inside = n[last + 1] - n[first]
    found = cost(inside, s[last + 1] - s[first], q[last + 1] - q[first])
    table[first, last] = np.where(inside >= smallest, found, np.inf)
    least, back = [table[0]], []
    costs = [float(cost(n[-1:], s[-1:], q[-1:])[0])]
    for _ in range(1, most):
        through = least[-1][:-1, None] + table[1:]  # (B - 1, B): the last piece begins at bin row + 1
        back.append(through.argmin(axis=0))
        least.append(through.min(axis=0))
        costs.append(float(least[-1][-1]))
    pieces = 1
    while pieces < most and costs[pieces - 1] - costs[pieces] > _GAIN * costs[0]:
        pieces += 1
    ends: list[int] = []
    end = len(rows) - 1
    for step in range(pieces - 2, -1, -1):
        end = int(back[step][end])
        ends.insert(0, end)
    return ends, costs


def _best_values(
    column: pl.Series, y: np.ndarray, cost: Cost, most: int, smallest: int
) -> tuple[Question, float] | None:
    counts = (
        texts(column)
        .drop_nulls()
        .value_counts(sort=True, name="rows")
        .sort(["rows", column.name], descending=[True, False])
    )
    named = counts.filter(pl.col("rows") >= smallest).head(most).get_column(column.name).to_list()
    if counts.height < 2 or not named:
        return None
    named = named[:-1] if len(named) == counts.height else named  # the last one is what "otherwise" means
    question = Values(column=column.name, values=tuple(named))
    pieces = question.pieces(pl.DataFrame([column]))
    parts = _totals(pieces, y, len(named) + 2)
    return question, _cost_of_all(y, cost) - float(cost(*parts)[parts[0] > 0].sum())


def _best_word(column: pl.Series, y: np.ndarray, cost: Cost, smallest: int) -> tuple[Question, float] | None:
    lists = pl.DataFrame({"row": np.arange(len(y)), "word": words_of(texts(column))})
    exploded = lists.explode("word", empty_as_null=False).drop_nulls("word")
    counts = exploded.group_by("word").len().filter((pl.col("len") >= smallest) & (pl.col("len") <= len(y) - smallest))
    words = counts.sort(["len", "word"], descending=[True, False]).head(_WORDS).get_column("word").to_list()
    if not words:
        return None
    places = {word: place for place, word in enumerate(words)}
    exploded = exploded.filter(pl.col("word").is_in(words))
    place = exploded.get_column("word").replace_strict(places, return_dtype=pl.Int64).to_numpy()
    rows, sums, squares = _totals(place, y[exploded.get_column("row").to_numpy()], len(words))
    without = (len(y) - rows, y.sum(axis=0) - sums, (y**2).sum() - squares)
    costs = cost(rows, sums, squares) + cost(*without)
    best = int(costs.argmin())
    return Word(column=column.name, word=words[best]), _cost_of_all(y, cost) - float(costs[best])


def _totals(pieces: np.ndarray, y: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (count,), sum of y (count, K) and of y² (count,) in each piece."""
    rows = np.bincount(pieces, minlength=count).astype(np.float64)
    sums = np.stack([np.bincount(pieces, weights=column, minlength=count) for column in y.T], axis=1)
    return rows, sums, np.bincount(pieces, weights=(y**2).sum(axis=1), minlength=count)


def _cost_of_all(y: np.ndarray, cost: Cost) -> float:
    return float(cost(*_totals(np.zeros(len(y), dtype=np.int64), y, 1))[0])


def _apart(y: np.ndarray, seen: np.ndarray, cost: Cost) -> float:
    """What setting the missing cells apart takes away from the cost."""
    if seen.all() or not seen.any():
        return 0.0
    return _cost_of_all(y, cost) - _cost_of_all(y[seen], cost) - _cost_of_all(y[~seen], cost)


def _short(low: float, high: float) -> float:
    """The number with the fewest digits that is at least `low` and below `high`, near their middle."""
    middle = low + (high - low) / 2
    for digits in range(1, 17):
        rounded = float(f"{middle:.{digits}g}")
        if low <= rounded < high:
            return rounded
    return float(low)
