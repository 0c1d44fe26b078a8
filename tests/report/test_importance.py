"""Permutation importance and the worst mistakes, on models whose truth is known."""

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.contender import Model
from deepwright.core.find import find, names
from deepwright.explanation.mistakes import worst_mistakes
from deepwright.explanation.permutation import importance


class Formula(Model):
    """Predicts 10 * a + b and ignores c; waits `delay` seconds each time."""

    def __init__(self, task, delay=0.0):
        self.task, self.delay, self.calls = task, delay, 0

    def predict(self, frame):
        self.calls += 1
        time.sleep(self.delay)
        return self.task.predictions((10 * frame["a"] + frame["b"]).to_numpy())

    def save(self, folder: Path) -> None: ...

    def explain(self) -> str:
        return "10 a + b"


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.normal(0, 1, 400) for name in "abc"})
    return frame.with_columns((10 * pl.col("a") + pl.col("b") + rng.normal(0, 0.5, 400)).alias("y"))


@pytest.fixture
def task(table):
    return find("task", "regression").fit(table["y"], {})


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_used_columns_drop_and_unused_ones_do_not(table, task, metric):
    found = importance(Formula(task), table, table["y"], ["c", "b", "a"], task, find("metric", metric)(), seconds=20)
    by_name = {entry["column"]: entry for entry in found["columns"]}
    assert [entry["column"] for entry in found["columns"]] == ["a", "b", "c"]
    assert by_name["a"]["low"] > by_name["b"]["high"] > by_name["b"]["low"] > 0
    assert [by_name["c"][key] for key in ("drop", "low", "high")] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found["skipped"] == [] and found["rows"] == 400 and found["repeats"] == 10


def test_the_drop_agrees_with_theory(table, task):
    """Shuffling b adds twice its variance to the squared error, whatever else the model does."""
    found = importance(Formula(task), table, table["y"], ["b"], task, find("metric", "mse")(), seconds=20, repeats=30)[
        "columns"
    ][0]
    assert found["low"] < 2 * table["b"].var() < found["high"]
    assert found["drop"] == pytest.approx(2 * table["b"].var(), rel=0.25)


def test_time_is_kept_and_what_was_not_reached_is_named(table, task):
    model = Formula(task, delay=0.05)
    started = time.perf_counter()
    found = importance(model, table, table["y"], list("abc"), task, find("metric", "rmse")(), seconds=0.16)
    assert time.perf_counter() - started < 1.5
    assert [e["column"] for e in found["columns"]] + found["skipped"] and set(found["skipped"]) <= set("abc")
    assert {e["column"] for e in found["columns"]} | set(found["skipped"]) == set("abc")
    assert found["skipped"]


def test_same_seed_same_numbers(table, task):
    first, second = (
        importance(Formula(task), table, table["y"], list("abc"), task, find("metric", "rmse")(), seconds=60, seed=3)
        for _ in "12"
    )
    assert first == second


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_no_error(table, task, rows):
    found = importance(
        Formula(task), table.head(rows), table.head(rows)["y"], ["a"], task, find("metric", "rmse")(), seconds=5
    )
    assert found["rows"] == rows


def test_rows_without_a_target_do_not_count(table, task):
    holes = table.with_columns(pl.when(pl.int_range(pl.len()) < 50).then(None).otherwise(pl.col("y")).alias("y"))
    assert importance(Formula(task), holes, holes["y"], ["a"], task, find("metric", "rmse")(), seconds=5)["rows"] == 350


def test_worst_residuals_first_with_their_rows(table, task):
    predictions = task.predictions(table["y"].to_numpy() + np.arange(400))
    found = worst_mistakes(task, predictions, table["y"], table.drop("y"), np.arange(1000, 1400), limit=3)
    assert found["row"].to_list() == [1399, 1398, 1397]
    assert found["wrongness"].to_list() == pytest.approx([399, 398, 397])
    assert found["input:a"].to_list() == table["a"].tail(3).reverse().to_list()
    assert found.columns == ["row", "truth", "prediction", "wrongness", "input:a", "input:b", "input:c"]


def test_classes_only_wrong_rows_the_surest_first():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "row": [0, 0, 0, 0], "kind": ["a", "b", "a", "b"]})
    task = find("task", "classification").fit(frame["kind"], {})
    predictions = task.predictions(np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]))
    found = worst_mistakes(task, predictions, frame["kind"], frame.drop("kind"), np.arange(4))
    assert found["row"].to_list() == [1, 2]
    assert found["wrongness"].to_list() == pytest.approx([0.8, 0.6])
    assert found["truth"].to_list() == ["b", "a"] and found["prediction"].to_list() == ["a", "b"]
    assert "input:row" in found.columns


def test_nothing_wrong_gives_an_empty_frame():
    frame = pl.DataFrame({"x": [1, 2], "kind": ["a", "b"]})
    task = find("task", "classification").fit(frame["kind"], {})
    assert (
        worst_mistakes(task, task.predictions(np.eye(2)), frame["kind"], frame.drop("kind"), np.arange(2)).height == 0
    )


def test_a_class_that_training_never_showed_is_a_mistake():
    frame = pl.DataFrame({"x": [1, 2], "kind": ["a", "b"]})
    task = find("task", "classification").fit(frame["kind"], {})
    strange = frame.with_columns(pl.Series("kind", ["a", "new"]))
    found = worst_mistakes(task, task.predictions(np.eye(2)), strange["kind"], strange.drop("kind"), np.arange(2))
    assert found["truth"].to_list() == ["new"]


@pytest.mark.skipif("tagging" not in names("task"), reason="no tagging yet")
def test_tags_count_wrong_ones_by_their_weight():
    frame = pl.DataFrame({"x": [1, 2, 3], "tags": [["a"], ["b"], ["a", "b"]]})
    task = find("task", "tagging").fit(frame["tags"], {})
    predictions = task.predictions(np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.3]]))
    found = worst_mistakes(task, predictions, frame["tags"], frame.drop("tags"), np.arange(3))
    assert found["row"].to_list() == [1, 2]
    assert found["wrongness"].to_list() == pytest.approx([1.8, 0.7])
