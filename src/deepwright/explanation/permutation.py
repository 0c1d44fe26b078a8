"""Permutation importance: how much worse the score gets when one column's values are shuffled among the rows.

After Breiman, "Random forests" (2001), section 10, for any fitted model (Fisher, Rudin and Dominici, 2019). The
interval covers both sources of chance: which rows were held out (bootstrap) and how they were shuffled (repeats).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.contender import Model
from deepwright.core.metric import Answers, Metric
from deepwright.core.task import Task

_DRAWS = 200
"""Bootstrap samples of the rows, the same ones for every column."""

_ROWS = 2000
"""Rows used at most; more would only narrow the interval."""


def importance(
    model: Model,
    frame: pl.DataFrame,
    truth: pl.Series,
    columns: Sequence[str],
    task: Task,
    metric: Metric,
    *,
    seconds: float = 10.0,
    seed: int = 0,
    repeats: int = 10,
    part: str = "valid",
) -> dict[str, Any]:
    """What `importance.json` holds, the contender's name apart; columns with the largest drop first.

    frame:   held-out rows with the input columns.
    truth:   (B,) what the task judges predictions of these rows against.
    columns: the input columns to shuffle, one at a time.
    seconds: wall-clock bound, kept within one prediction and one column's bootstrap. Every column is shuffled once
             before any is shuffled twice; columns that were not reached stand in `skipped`.
    drop:    in units of the metric, positive where the column helps, whether greater or smaller is better.

    Columns that tell the same story stand in for each other: both can look unimportant. Rows without a target do not
    count.
    """
    rng = np.random.default_rng(seed)
    rows = _sample(truth, rng)
    frame, truth = frame[rows], truth.gather(rows)
    deadline = time.perf_counter() + seconds
    shuffled = _shuffled(model, frame, truth, columns, task, rng, repeats, time.perf_counter() + seconds / 2)
    base = task.answers(model.predict(frame), truth)
    draws = rng.integers(0, max(1, len(base)), (_DRAWS, len(base)))
    base_scores = _scores(metric, base, draws)
    skipped = [column for column in columns if not shuffled[column]]
    found: list[dict[str, Any]] = []
    for column in columns:
        if shuffled[column] and (time.perf_counter() < deadline or not found):
            found.append({"column": column, **_drop(metric, base, base_scores, shuffled[column], draws)})
        elif shuffled[column]:
            skipped.append(column)
    return {
        "metric": metric.name,
        "part": part,
        "rows": frame.height,
        "repeats": min((len(shuffled[entry["column"]]) for entry in found), default=0),
        "columns": sorted(found, key=lambda entry: -np.nan_to_num(entry["drop"], nan=-np.inf)),
        "skipped": skipped,
    }


def _sample(truth: pl.Series, rng: np.random.Generator) -> np.ndarray:
    """Row numbers, in order, of at most `_ROWS` rows that have a truth."""
    known = np.flatnonzero(truth.is_not_null().to_numpy())
    return known if len(known) <= _ROWS else np.sort(rng.choice(known, _ROWS, replace=False))


def _shuffled(
    model: Model,
    frame: pl.DataFrame,
    truth: pl.Series,
    columns: Sequence[str],
    task: Task,
    rng: np.random.Generator,
    repeats: int,
    deadline: float,
) -> dict[str, list[Answers]]:
    """Column → the answers after each shuffle of it; repeats go round all columns until the deadline."""
    answers: dict[str, list[Answers]] = {column: [] for column in columns}
    for _ in range(repeats if frame.height else 0):
        for column in columns:
            if time.perf_counter() >= deadline:
                return answers
            order = rng.permutation(frame.height)
            mixed = frame.with_columns(frame[column].gather(order).alias(column))
            answers[column].append(task.answers(model.predict(mixed), truth))
    return answers


def _drop(
    metric: Metric, base: Answers, base_scores: np.ndarray, shuffled: list[Answers], draws: np.ndarray
) -> dict[str, float]:
    sign = 1.0 if metric.greater_is_better else -1.0
    drop = sign * (metric.score(base) - float(np.mean([metric.score(answers) for answers in shuffled])))
    # Each shuffle judges its share of the bootstrap samples, so that their spread holds both kinds of chance.
    spread = np.empty(len(draws))
    for i, answers in enumerate(shuffled):
        share = slice(i, None, len(shuffled))
        spread[share] = sign * (base_scores[share] - _scores(metric, answers, draws[share]))
    low, high = np.nanquantile(spread, [0.025, 0.975]) if np.isfinite(spread).any() else (np.nan, np.nan)
    return {"drop": drop, "low": float(low), "high": float(high)}


def _scores(metric: Metric, answers: Answers, draws: np.ndarray) -> np.ndarray:
    """The score of each bootstrap sample; at once where the metric is a mean over rows."""
    terms = metric.per_row(answers)
    if terms is not None:
        return terms[draws].mean(axis=1) if len(terms) else np.full(len(draws), np.nan)
    return np.array([metric.score(answers.take(rows)) for rows in draws])
