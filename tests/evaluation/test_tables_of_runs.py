"""Contest table and comparison of runs: 80 columns, readable without colour, nothing compared that cannot be."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from deepwright.core.errors import DataError
from deepwright.evaluation.compare import compare, render
from deepwright.evaluation.parts import MetricPart, Scores
from deepwright.evaluation.record import Record
from deepwright.evaluation.table import contest_table, contest_text
from deepwright.tasks.classification import Classification

METRIC = MetricPart(name="accuracy", title="accuracy", greater_is_better=True)


def entry(name: str, score: float, **more: Any) -> Scores:
    base = {"name": name, "family": "classical", "score": score, "low": score - 0.05, "high": score + 0.05}
    costs = {"fit_seconds": 1.2, "predict_microseconds_per_row": 3.4, "bytes": 5600, "valid_score": score}
    return Scores(**{**base, **costs, **more})


SCORES = [
    entry("linear", 0.8),
    entry("a_contender_with_a_very_long_name_indeed", 0.9),
    Scores(name="svm", family="classical", state="out_of_time"),
    Scores(name="tabm", family="deep", state="failed", why="no"),
    entry("majority", 0.4, family="rule", bytes=123_456_789_012, fit_seconds=36_000.0),
]


def printed(thing: Any, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, no_color=True, force_terminal=False).print(thing)
    return out.getvalue()


def test_the_best_stands_first_and_the_winner_is_marked() -> None:
    lines = contest_text(SCORES, METRIC, "linear").splitlines()
    assert lines[1].strip().startswith("a_cont") and lines[2].startswith("▶ linear") and "majority" in lines[3]
    assert sum(line.startswith("▶") for line in lines) == 1
    assert "0.80 [0.75, 0.85]" in lines[2]
    assert "out of time" in lines[4] and "failed" in lines[5]


def test_errors_are_ranked_from_the_smallest() -> None:
    metric = MetricPart(name="rmse", title="RMSE", greater_is_better=False)
    lines = contest_text([entry("far", 9.0), entry("near", 1.0)], metric, "near").splitlines()
    assert lines[1].startswith("▶ near") and lines[2].strip().startswith("far")


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_eighty_columns_are_enough(scale: float) -> None:
    scaled = [
        s.model_copy(update={"score": s.score * scale, "low": s.low * scale, "high": s.high * scale}) for s in SCORES
    ]
    for text in (contest_text(scaled, METRIC, "linear"), printed(contest_table(scaled, METRIC, "linear"))):
        assert max(map(len, text.splitlines())) <= 80, text
        assert "linear" in text and "majority" in text and text.count("…") <= 2


def test_both_tables_say_the_same() -> None:
    plain = contest_text(SCORES, METRIC, "linear").split()
    assert printed(contest_table(SCORES, METRIC, "linear")).split() == plain


def test_nobody_entered() -> None:
    assert contest_text([], METRIC, None).startswith("  contender")


# -------------------------------------------------------------------- compare
def run_folder(folder: Path, *, skill: float = 0.8, seed: int = 0, fingerprint: str = "f", **changes: Any) -> Record:
    """The parts of a run folder that a comparison reads; the truth depends on the test rows only."""
    rng = np.random.default_rng(seed)
    rows = np.sort(np.random.default_rng(changes.get("split", 0)).choice(1000, 200, replace=False))
    truth = np.where(rows % 3 == 0, "yes", "no")
    called = np.where(rng.random(200) < skill, truth, np.where(truth == "yes", "no", "yes"))
    task = Classification.fit(pl.Series("bought", truth), {})
    metric = {
        "name": changes.get("metric", "accuracy"),
        "title": changes.get("metric", "accuracy"),
        "greater_is_better": True,
    }
    run = {
        "format": 1,
        "state": changes.get("state", "done"),
        "name": folder.name,
        "data": {"fingerprint": fingerprint},
        "task": {"name": "classification", "target": changes.get("target", "bought"), "metric": metric},
        "split": {"test": 200},
    }
    scores = {
        "name": "linear",
        "family": "classical",
        "score": float((called == truth).mean()),
        "low": 0.1,
        "high": 0.9,
    }
    (folder / "contenders" / "linear").mkdir(parents=True)
    files: dict[str, Any] = {
        "run.json": run,
        "schema.json": {"target": "bought", "task": {"name": "classification", "state": task.state()}},
        "contenders/linear/scores.json": scores,
    }
    if changes.get("judged", True):
        files["verdict.json"] = {"winner": "linear"}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    if changes.get("kept", True):
        pl.DataFrame({"contender": "linear", "row": rows, "truth": truth, "prediction": called}).write_parquet(
            folder / "predictions.parquet"
        )
    return Record(folder)


def test_runs_on_the_same_rows_are_compared_in_pairs(tmp_path: Path) -> None:
    records = [run_folder(tmp_path / "good", skill=0.95), run_folder(tmp_path / "bad", skill=0.6, seed=1)]
    found = compare(records)
    assert found["comparable"] and not found["reasons"]
    (difference,) = found["differences"]
    expected = found["runs"][0]["score"] - found["runs"][1]["score"]
    assert difference["difference"] == pytest.approx(expected) and difference["low"] > 0
    assert "good (linear) is better than bad (linear)" in printed(render(found))
    assert "good (linear) is better than bad (linear)" in printed(render(compare(records[::-1])))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_run_and_itself_cannot_be_told_apart(tmp_path: Path) -> None:
    record = run_folder(tmp_path / "one")
    found = compare([record, record])
    assert found["differences"][0]["difference"] == 0
    assert "cannot be told apart" in printed(render(found))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fingerprint": "g"}, "read different data"),
        ({"split": 7}, "different test rows"),
        ({"metric": "f1"}, "different metrics: accuracy and f1"),
        ({"target": "sold"}, "different targets: bought and sold"),
        ({"judged": False, "state": "stopped"}, "no verdict (states: done, stopped)"),
    ],
)
def test_what_cannot_be_compared_is_not(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = compare([run_folder(tmp_path / "a"), run_folder(tmp_path / "b", **changes)])
    assert not found["comparable"] and not found["differences"]
    assert words in found["reasons"][0]
    assert "must not be compared" in printed(render(found))


def test_without_predictions_there_is_no_difference(tmp_path: Path) -> None:
    found = compare([run_folder(tmp_path / "a", kept=False), run_folder(tmp_path / "b", kept=False)])
    assert found["comparable"] and not found["differences"]
    assert "no predictions were kept" in printed(render(found), 200)


def test_one_run_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two runs or more"):
        compare([run_folder(tmp_path / "a")])
