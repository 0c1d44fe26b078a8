"""Contenders keep within their seconds, say so when they had to leave rows out, and log nothing of the clock."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from contender_cases import Case, classes, classification, numbers

from deepwright.contenders._choose import Clock, affordable, by_folds
from deepwright.core.contender import NOT_REPEATABLE
from deepwright.core.find import find

LARGE = ("one_rule", "linear", "polynomial", "naive_bayes", "decision_tree", "random_forest", "svm", "boosted_trees")


def test_affordable_takes_all_rows_or_as_many_as_fit() -> None:
    y = np.random.default_rng(0).normal(size=(20_000, 1))

    def slow(rows: np.ndarray) -> None:
        time.sleep(len(rows) * 50e-6)  # 0.1 s for the pilot, 1 s for all

    assert len(affordable(y, slow, Clock(None), 0)) == 20_000
    assert len(affordable(y, slow, Clock(60.0), 0)) == 20_000
    some = affordable(y, slow, Clock(0.5), 0)
    assert 1_000 < len(some) < 10_000 and len(np.unique(some)) == len(some)


def test_a_sample_has_every_class() -> None:
    from deepwright.contenders._lesson import sample

    y = np.eye(3)[[0] * 5_000 + [1] * 5_000 + [2]]
    rows = sample(y, 100, 0)
    assert y[rows].any(axis=0).all() and len(rows) <= 103


def test_the_search_climbs_to_the_best_setting_and_stops_in_time() -> None:
    y = np.random.default_rng(0).normal(size=(60, 1))
    tried: list[int] = []

    def fit(setting: int, rows: np.ndarray):  # type: ignore[no-untyped-def]
        tried.append(setting)
        return lambda held: y[held] + abs(setting - 5)

    assert by_folds(range(8), 2, fit, y, 0, Clock(None)) == 5
    assert by_folds(range(8), 7, fit, y, 0, Clock(None)) == 5
    tried.clear()
    assert by_folds(range(8), 2, fit, y, 0, Clock(0.0)) == 2
    assert set(tried) == {2}


_BUSY = 4.0
"""What a machine with other work may add to a wall-clock time; without a limit these fits take far longer."""


def test_boosting_stops_when_its_seconds_are_over() -> None:
    case, _, _ = classification(rows=3_000)
    held = case.frame.sample(500, seed=0)
    case.fit("boosted_trees", valid=held, rounds=2)  # the library is loaded: that is no part of the seconds
    began = time.monotonic()
    model = case.fit("boosted_trees", valid=held, seconds=1.0, rounds=100_000, patience=100_000)
    assert time.monotonic() - began < _BUSY * 1.0
    assert model.predict(held).height == 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["one_rule", "linear", "polynomial", "naive_bayes", "decision_tree", "random_forest", "svm", "boosted_trees"],
)
def test_200_000_rows_within_the_time(name: str) -> None:
    frame, x = numbers(200_000, 30)
    frame = frame.with_columns(pl.Series("y", classes(x)))
    case = Case(frame, "y", "classification")
    seconds = 15.0
    began = time.monotonic()
    model = case.fit(name, valid=frame[:5_000], seconds=seconds)
    assert time.monotonic() - began < _BUSY * seconds
    found = model.predict(frame[-5_000:])
    assert (found["prediction"] == frame["y"][-5_000:]).mean() > 0.55  # the largest class has half the rows


@pytest.mark.parametrize("name", ["linear", "boosted_trees", "decision_tree"])
def test_what_the_clock_did_not_cut_has_no_note(name: str) -> None:
    case, _, _ = classification(rows=300)
    notes: list[str] = []
    contender = find("contender", name)
    contender(contender.Options()).fit(case.frame, case.frame, replace(case.brief(600.0), note=notes.append))
    assert notes == []


@pytest.mark.parametrize(
    ("name", "rows", "seconds", "options", "said"),
    [
        ("boosted_trees", 600, 1.0, {"rounds": 100_000, "patience": 100_000}, "ended boosting after"),
        ("linear", 6_000, 0.0, {}, "ended the search for a setting"),
        ("decision_tree", 6_000, 0.0, {"leaves": 4}, "left time for 2,000 of 6,000 training rows"),
    ],
)
def test_what_the_clock_cut_says_once_that_it_does_not_repeat(
    name: str, rows: int, seconds: float, options: dict[str, int], said: str
) -> None:
    case, _, _ = classification(rows=rows)
    notes: list[str] = []
    contender = find("contender", name)
    brief = replace(case.brief(seconds), note=notes.append)
    contender(contender.Options(**options)).fit(case.frame, case.frame[:200], brief)
    assert len(notes) == 1 and notes[0].startswith(f"The clock {said}") and notes[0].endswith(NOT_REPEATABLE)
