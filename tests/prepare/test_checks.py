"""Checks fire on the injected fault and are silent on the same data without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.core.recipe import SplitRecipe
from deepwright.core.table import Origin, Table
from deepwright.prepare.checks import Check, check
from deepwright.prepare.infer import infer_kinds
from deepwright.prepare.splits import split

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="shared data not beside the checkout")


def found_in(frame: pl.DataFrame, target: str, task: str, **keys: Any) -> dict[str, Check]:
    table = Table(frame=frame, origin=Origin(source="made.csv", format="frame"))
    kinds = {name: view.kind for name, view in infer_kinds(frame).items()}
    dealt = split(table, target, SplitRecipe(**keys), stratify=task == "classification")
    return {found.id: found for found in check(table, dealt, kinds, target, task)}


def healthy(rows: int = 800, seed: int = 0) -> pl.DataFrame:
    """Three noisy inputs, a number to predict and a class to predict."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(10, 3, rows), rng.normal(5, 2, rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    y = 2 * a - b + 3 * (colour == "red") + rng.normal(0, 2, rows)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "colour": colour,
            "y": y,
            "label": np.where(y + rng.normal(0, 3, rows) > y.mean(), "yes", "no"),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_healthy_data_is_left_in_peace(seed: int) -> None:
    frame = healthy(seed=seed)
    assert found_in(frame.drop("label"), "y", "regression") == {}
    assert found_in(frame.drop("y"), "label", "classification") == {}


LEAKS: dict[str, tuple[str, Any]] = {
    "a copy": ("y", lambda f: f["y"]),
    "another unit": ("y", lambda f: 1.8 * f["y"] + 32),
    "a curve": ("y", lambda f: (f["y"] / 10).exp()),
    "nearly a copy": ("y", lambda f: f["y"] + 0.02 * pl.Series(np.random.default_rng(1).normal(size=len(f)))),
    "the class in other words": ("label", lambda f: f["label"].replace_strict({"yes": "GRANTED", "no": "denied"})),
    "a code of the class": ("label", lambda f: f["label"].replace_strict({"yes": 7, "no": 2})),
    "a number only one class has": ("label", lambda f: pl.Series(np.where(f["label"] == "yes", f["a"], np.nan))),
    "a threshold": ("label", lambda f: f["a"] / 100 + (f["label"] == "yes").cast(pl.Float64)),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_column_that_gives_the_target_away_is_named(name: str) -> None:
    target, make = LEAKS[name]
    task = "regression" if target == "y" else "classification"
    frame = healthy().drop("label" if target == "y" else "y")
    found = found_in(frame.with_columns(make(frame).alias("leak")), target, task)
    assert "target_leakage:leak" in found, found
    leak = found["target_leakage:leak"]
    assert leak.severity in ("warn", "error") and "'leak'" in leak.message and "data.ignore: [leak]" in str(leak.remedy)
    assert leak.to_dict()["numbers"]["score"] > 0.99


@pytest.mark.parametrize("noise", [0.15, 0.5, 1.0])
def test_a_strong_honest_column_is_no_leak(noise: float) -> None:
    frame = healthy().drop("label")
    strong = frame["y"] + noise * frame["y"].std() * pl.Series(np.random.default_rng(2).normal(size=len(frame)))  # type: ignore[operator]
    assert found_in(frame.with_columns(strong.alias("strong")), "y", "regression") == {}


@pytest.mark.parametrize(
    ("how", "formula"),
    [
        (lambda u, v: u + v, "u + v"),
        (lambda u, v: u - v, "u - v"),
        (lambda u, v: 2.5 * u + 0.5 * v + 3, "2.5 × u + 0.5 × v + 3"),
        (lambda u, v: u * v, "u × v"),
        (lambda u, v: u / v, "u × v^-1"),
    ],
)
def test_two_columns_that_make_the_target_are_named(how: Any, formula: str) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"u": rng.uniform(1, 9, 500), "w": rng.normal(size=500), "v": rng.uniform(1, 9, 500)})
    found = found_in(frame.with_columns(y=how(frame["u"], frame["v"])), "y", "regression")
    leaks = [key for key in found if key.startswith("target_leakage")]
    assert leaks == ["target_leakage:u+v"], "a pair is one finding"
    told = found["target_leakage:u+v"]
    assert told.numbers["columns"] == ["u", "v"] and "data.ignore: [u, v]" in str(told.remedy)
    assert sorted(formula.split()) == sorted(told.message.partition(": ")[2].partition(" (")[0].split())
    noisy = how(frame["u"], frame["v"]) + pl.Series(rng.normal(0, 1, 500))
    assert not [key for key in found_in(frame.with_columns(y=noisy), "y", "regression") if key.startswith("target")]


def test_series_are_alike_in_time_without_a_leak() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=600))
    when = pl.Series([1_600_000_000 + 86_400 * i for i in range(600)]).cast(pl.Datetime("ms"))
    frame = pl.DataFrame({"day_number": np.arange(5, 605) * 1.5, "when": when, "y": walk})
    assert not [key for key in found_in(frame, "y", "regression") if key.startswith("target_leakage")]


def test_repeated_rows_across_parts() -> None:
    frame = healthy().drop("label")
    assert "duplicates_across_splits" not in found_in(frame, "y", "regression")
    copied = pl.concat([frame, frame.head(200)])
    found = found_in(copied, "y", "regression")["duplicates_across_splits"]
    assert found.severity == "warn" and found.numbers["rows"] > 10
    test, train = (int(word) for word in found.numbers["examples"][0].replace("row ", "").split(" equals "))
    assert copied.drop("y").row(test - 1) == copied.drop("y").row(train - 1)


def test_few_valued_columns_meet_by_chance() -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.choice(["a", "b", "c"], 600) for name in "pqr"}).with_columns(
        y=rng.normal(size=600)
    )
    assert found_in(frame, "y", "regression")["duplicates_across_splits"].severity == "info"


def test_texts_that_differ_in_capitals_are_the_same() -> None:
    rng = np.random.default_rng(0)
    words = np.array("the quick brown fox jumps over a lazy dog while seven wizards box quietly".split())  # noqa: SIM905
    texts = [" ".join(rng.choice(words, 12)) for _ in range(600)]
    frame = pl.DataFrame({"note": texts, "y": rng.normal(size=600)})
    assert found_in(frame, "y", "regression") == {}
    twice = pl.concat([frame, frame.head(100).with_columns(pl.col("note").str.to_uppercase() + " ")])
    assert found_in(twice, "y", "regression")["duplicates_across_splits"].severity == "warn"


def test_groups_that_straddle() -> None:
    frame = healthy(900).drop("label").with_columns(patient_id=pl.Series(np.arange(900) // 9))
    found = found_in(frame, "y", "regression")
    assert found["groups_straddle:patient_id"].severity == "warn"
    assert "--split group:patient_id" in str(found["groups_straddle:patient_id"].remedy)
    assert "groups_straddle:patient_id" not in found_in(frame, "y", "regression", by="group", column="patient_id")
    alone = frame.with_columns(patient_id=pl.Series(np.arange(900)))
    assert found_in(alone, "y", "regression") == {}


def test_time_that_runs_backwards() -> None:
    when = pl.Series([1_600_000_000_000 + 3_600_000 * i for i in range(800)]).cast(pl.Datetime("ms"))
    frame = healthy().drop("label").with_columns(when=when)
    assert "--split time:when" in str(found_in(frame, "y", "regression")["time_runs_backwards:when"].remedy)
    assert found_in(frame, "y", "regression", by="time", column="when") == {}
    shuffled = frame.with_columns(when=when.shuffle(seed=0))  # a date of birth: no order of the file
    assert found_in(shuffled, "y", "regression") == {}


def test_missing_targets_are_counted() -> None:
    frame = healthy().drop("label").with_columns(y=pl.when(pl.int_range(pl.len()) < 40).then(None).otherwise("y"))
    frame = frame.with_columns(pl.Series("y", [None] * 40 + healthy()["y"].to_list()[40:]))
    found = found_in(frame, "y", "regression")
    assert found["missing_target"].numbers["rows"] == 40 and found["missing_target"].severity == "info"


def test_classes_of_one_row_and_unseen_and_skewed_ones() -> None:
    frame = healthy().drop("y")
    labels = frame["label"].to_list()
    found = found_in(frame.with_columns(label=pl.Series(["lonely", *labels[1:]])), "label", "classification")
    assert found["rare_class"].severity == "warn" and "lonely" in found["rare_class"].message
    skewed = pl.Series(["yes" if i % 25 == 0 else "no" for i in range(800)])
    assert "96.0%" in found_in(frame.with_columns(label=skewed), "label", "classification")["class_imbalance"].message
    part = pl.Series(["train"] * 500 + ["valid"] * 150 + ["test"] * 150)
    late = pl.Series([*labels[:790], *["new"] * 10])
    found = found_in(frame.with_columns(label=late, part=part), "label", "classification", by="column", column="part")
    assert found["unseen_class"].numbers == {"part": "test", "rows": 10, "share": 10 / 150}


def test_small_data_is_said() -> None:
    found = found_in(healthy(60).drop("label"), "y", "regression")
    assert found["small_test"].severity == "warn" and found["few_rows"].severity == "info"


def test_the_worst_comes_first() -> None:
    frame = healthy(60).drop("label")
    found = found_in(frame.with_columns(leak=2 * frame["y"]), "y", "regression")
    rank = {"error": 0, "warn": 1, "info": 2}
    order = [rank[one.severity] for one in found.values()]
    assert order == sorted(order) and len(order) >= 3


REAL: list[tuple[str, dict[str, Any], str, str, set[str]]] = [
    ("tabular_classification/titanic/titanic.csv", {}, "Survived", "classification", set()),
    ("tabular_classification/penguins/penguins.csv", {}, "species", "classification", {"small_test"}),
    ("tabular_regression/california_housing/housing.csv", {}, "median_house_value", "regression", set()),
    ("tabular_regression/bike_sharing/hour.csv", {}, "cnt", "regression",
     {"target_leakage:casual+registered", "time_runs_backwards:dteday"}),
    ("tabular_regression/wine_quality/winequality-red.csv", {"has_header": False}, "column_11", "regression",
     {"duplicates_across_splits"}),
]  # fmt: skip


@needs_shared
@pytest.mark.parametrize(
    ("path", "reading", "target", "task", "expected"), REAL, ids=[row[0].split("/")[1] for row in REAL]
)
def test_real_tables(path: str, reading: dict[str, Any], target: str, task: str, expected: set[str]) -> None:
    frame = pl.read_csv(SHARED / path, null_values=["NA"], infer_schema_length=10_000, **reading)
    assert set(found_in(frame, target, task)) == expected
