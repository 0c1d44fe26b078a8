"""Contest: every contender learns within its share of the time, the winner is chosen on validation, then everyone is
scored once on test."""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deepwright.api.book import Book
from deepwright.api.briefing import brief_for
from deepwright.api.entries import Entry
from deepwright.api.ground import Ground
from deepwright.api.starting import started
from deepwright.api.telling import Teller, duration
from deepwright.core.contender import NOT_REPEATABLE, Model
from deepwright.core.errors import DeepwrightError, TrainingError
from deepwright.core.find import find
from deepwright.core.metric import Answers

if TYPE_CHECKING:
    import polars as pl

_WEIGHTS = {"rule": 1.0, "classical": 4.0, "deep": 12.0}
"""Shares of the time; what one leaves over goes to those after it."""
_LIBRARIES = {"classical": "sklearn.linear_model", "deep": "torch"}
"""What a family computes with. Loading it takes longer than many a fit: it waits until the first of the family starts,
so that the rules answer at once, and it is no part of what fitting is said to have taken."""
_TIMED_ROWS = 1_000
_TIMED_AT_LEAST = 16
"""Rows that share what a prediction costs by itself, such as opening a zip of pictures."""
_TIMED_SECONDS = 0.05
"""A prediction that takes so long is timed well enough; fewer rows than all will do."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A contender after its fit: its model (None where it failed), its scores so far, and what it predicts for the
    validation rows, also beside their truth."""

    entry: Entry
    model: Model | None
    scores: dict[str, Any]
    predictions: pl.DataFrame | None = None
    valid: Answers | None = None


def hold(
    ground: Ground, wanted: Sequence[Entry], book: Book, tell: Teller, seconds: float | None, seed: int
) -> list[Standing]:
    """Fit every contender, simplest first, or take it from the run folder where it is done already."""
    ends = None if seconds is None else time.monotonic() + seconds
    standings = []
    for position, entry in enumerate(wanted):
        kept = book.scores(entry.label)
        if not kept and entry.family in _LIBRARIES:
            tell.progress(entry.label, None, "starting")
            importlib.import_module(_LIBRARIES[entry.family])
        share = None if ends is None else _share(wanted[position:], ends - time.monotonic())
        standing = _take_up(entry, kept, ground, book) if kept else _fit(entry, ground, book, tell, share, seed)
        standings.append(standing)
        tell.clear()
        tell.line(f"  {_line(standing, ground)}")
    if all(standing.model is None for standing in standings):
        first = standings[-1].scores["why"]
        raise TrainingError(f"no contender could be fitted; the last one: {first}", remedy="See findings and recipe.")
    return standings


def judge(standings: Sequence[Standing], ground: Ground, book: Book) -> dict[str, pl.DataFrame]:
    """The one time the test rows are used: predictions of everyone who stands, by label."""
    test = ground.rows("test")
    return {s.entry.label: s.model.predict(test) for s in standings if s.model is not None}


def metric_values(ground: Ground, answers: Answers) -> dict[str, float | None]:
    """Every metric of the task over these answers; None where it is not defined."""
    values = {}
    for name in ground.metrics:
        value = ground.metric_called(name).score(answers)
        values[name] = value if value == value else None
    return values


def _share(remaining: Sequence[Entry], seconds: float) -> float:
    weights = [_WEIGHTS[entry.family] for entry in remaining]
    return max(0.0, seconds) * weights[0] / sum(weights)


def _fit(entry: Entry, ground: Ground, book: Book, tell: Teller, share: float | None, seed: int) -> Standing:
    label = entry.label
    notes: list[str] = []
    brief = replace(brief_for(label, ground, book, tell, share, seed, room=book.workroom(label)), note=notes.append)
    tell.progress(label, None, "starting")
    began = time.perf_counter()
    base: dict[str, Any] = {"name": label, "contender": entry.made.name, "family": entry.family, "state": "done"}
    try:
        contender = started(entry, ground, book, tell, share, seed)
        if share is not None:
            brief = replace(brief, seconds=max(0.0, share - (time.perf_counter() - began)))
        model = contender.fit(ground.rows("train"), ground.rows("valid"), brief)
    except DeepwrightError as error:
        return _fallen(entry, base, book, str(error), time.perf_counter() - began)
    except (ArithmeticError, ValueError, TypeError, LookupError, RuntimeError, MemoryError) as error:
        # One contender's trouble must not cost the others; the reason is kept and shown.
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return _fallen(entry, base, book, why, time.perf_counter() - began)
    base["fit_seconds"] = round(time.perf_counter() - began, 3)
    predictions, valid = _validated(model, ground)
    scores = {**base, **_scores_after_fit(model, ground, valid)}
    if scores["deep"] and scores["deep"]["stopped"] == "time":
        notes.append(f"The clock ended training after {scores['deep']['epochs']:g} epochs. {NOT_REPEATABLE}")
    scores["notes"] = notes
    exhibits = _exhibits(model, ground, notes)
    kept = book.keep_model(label, model, scores, exhibits)
    return Standing(entry=entry, model=model, scores=kept, predictions=predictions, valid=valid)


def _exhibits(model: Model, ground: Ground, notes: list[str]) -> dict[str, Any] | None:
    """What people look at; where a model of one's own cannot be looked into, that costs the pictures only."""
    try:
        return model.exhibits(ground.rows("valid"))
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        notes.append(f"What it does inside could not be shown: {type(error).__name__}: {error}")
        return None


def _scores_after_fit(model: Model, ground: Ground, valid: Answers) -> dict[str, Any]:
    train = ground.rows("train")
    sample = train.gather_every(max(1, train.height // ground.task.compared))
    scores: dict[str, Any] = {"why": None, "explain": model.explain(), "deep": model.history()}
    scores["train"] = metric_values(ground, ground.answers(model.predict(sample), sample))
    scores["valid"] = metric_values(ground, valid)
    scores["valid_score"] = scores["valid"][ground.metric.name]
    scores["predict_microseconds_per_row"] = _microseconds(model, train.head(_TIMED_ROWS))
    return scores


def _validated(model: Model, ground: Ground) -> tuple[pl.DataFrame, Answers]:
    rows = ground.rows("valid")
    predictions = model.predict(rows)
    return predictions, ground.answers(predictions, rows)


def _microseconds(model: Model, frame: pl.DataFrame) -> float:
    """The median of three predictions a row, of as many rows (at most those of `frame`) as take long enough."""
    rows, spent = 0, 0.0
    while rows < frame.height and spent < _TIMED_SECONDS:
        rows = min(frame.height, max(_TIMED_AT_LEAST, 4 * rows))
        spent = _seconds(model, frame.head(rows))
    return round(
        sorted((spent, _seconds(model, frame.head(rows)), _seconds(model, frame.head(rows))))[1] / rows * 1e6, 2
    )


def _seconds(model: Model, frame: pl.DataFrame) -> float:
    began = time.perf_counter()
    model.predict(frame)
    return time.perf_counter() - began


def _take_up(entry: Entry, scores: dict[str, Any], ground: Ground, book: Book) -> Standing:
    if scores["state"] != "done":
        return Standing(entry=entry, model=None, scores=scores)
    folder = book.folder / "contenders" / entry.label
    model = find("contender", entry.made.name).load(folder, ground.task, ground.encoding)
    predictions, valid = _validated(model, ground)
    return Standing(entry=entry, model=model, scores=scores, predictions=predictions, valid=valid)


def _fallen(entry: Entry, base: Mapping[str, Any], book: Book, why: str, spent: float) -> Standing:
    empty: dict[str, Any] = {"valid_score": None, "train": {}, "valid": {}, "explain": "", "deep": None, "bytes": 0}
    scores = {**base, **empty, "notes": [], "state": "failed", "why": why, "fit_seconds": round(spent, 3)}
    scores["predict_microseconds_per_row"] = None
    return Standing(entry=entry, model=None, scores=book.keep_model(entry.label, None, scores))


def _line(standing: Standing, ground: Ground) -> str:
    scores = standing.scores
    if standing.model is None:
        return f"{standing.entry.label:<18} could not be fitted: {scores['why']}"
    value = scores["valid_score"]
    shown = f"{value:.4g}" if value is not None else "not defined"
    spent = duration(scores["fit_seconds"])
    return f"{standing.entry.label:<18} {ground.metric.title} {shown} on validation, fitted in {spent}"
