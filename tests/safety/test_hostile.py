"""Run folders from a stranger: nothing executes, nothing outside is read, memory stays with the files' size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def run(without_figures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of every family on made rows with number, category, text and missing values."""
    from deepwright.api.fitting import fit

    rng = np.random.default_rng(0)
    width = rng.normal(size=240)
    frame = pl.DataFrame(
        {
            "width": width,
            "colour": rng.choice(["red", "green", None], 240),
            "note": rng.choice(["sharp and hot", "cold at the rim", "hot hot hot"], 240),
            "kind": np.where(width + 0.3 * rng.normal(size=240) > 0, "wide", "narrow"),
        }
    )
    folder = tmp_path_factory.mktemp("runs") / "run"
    network = {"network": "mlp", "config": {"widths": [8]}, "training": {"epochs": 3}}
    trees = {"boosted_trees": {}}
    fit(frame, "kind", contenders=["rule", "linear", trees, network], folder=folder, time=None, quiet=True)
    frame.drop("kind").head(20).write_parquet(folder / "rows.parquet")
    frame.write_parquet(folder.parent / "frame.parquet")
    return folder


def spoiled(run: Path, rounds: int, seed: int) -> dict[str, Any]:
    script = Path(__file__).with_name("hostile.py")
    done = subprocess.run(
        [sys.executable, str(script), str(run), str(rounds), str(seed)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def judge(found: dict[str, Any], rounds: int) -> None:
    assert found["crimes"] == []
    assert found["faults"] == []
    assert found["refused"] > 0.3 * rounds
    assert found["grown"] < found["largest"] + 64 * MEBIBYTE


@pytest.mark.slow
def test_three_hundred_hostile_folders(run: Path) -> None:
    judge(spoiled(run, 300, seed=1), 300)


@pytest.mark.soak
def test_ten_thousand_hostile_folders(run: Path) -> None:
    judge(spoiled(run, 10_000, seed=2), 10_000)


def test_accidents_to_a_finished_run_are_noticed_or_change_nothing(run: Path, tmp_path: Path) -> None:
    """Whatever single byte changes: the run refuses to predict, or predicts the very same."""
    import random
    import shutil

    from deepwright.api.run import load
    from deepwright.core.errors import RunError
    from deepwright.core.files import check_manifest

    rows = pl.read_parquet(run / "rows.parquet")
    whole = tmp_path / "whole"
    shutil.copytree(run, whole, ignore=shutil.ignore_patterns("rows.parquet"))
    assert check_manifest(whole)
    expected, rng, refused = load(whole).predict(rows), random.Random(0), 0
    files = sorted(file for file in whole.rglob("*") if file.is_file() and file.stat().st_size)
    for number in range(20):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        path = folder / rng.choice(files).relative_to(whole)
        data = bytearray(path.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(RunError):
            check_manifest(folder)
        try:
            assert load(folder).predict(rows).equals(expected)
        except RunError:
            refused += 1
        shutil.rmtree(folder)
    assert refused > 2


@pytest.mark.parametrize(
    "linked", ["contenders", "contenders/linear", "work", "work/mlp", "metrics.jsonl", "recipe.yaml"]
)
def test_resume_writes_and_removes_nothing_outside(linked: str, run: Path, tmp_path: Path) -> None:
    import shutil

    from deepwright.api.fitting import resume
    from deepwright.core.errors import DeepwrightError

    folder, outside = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("rows.parquet", "MANIFEST.json"))
    state = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**state, "state": "running"}))
    (folder / "work").mkdir(exist_ok=True)
    outside.mkdir()
    for name in ("linear", "mlp"):
        (outside / name).mkdir()
        (outside / name / "scores.json").write_text("{}")
    (outside / "file").write_text("a: 1\n")
    target = outside / "file" if "." in linked else outside / Path(linked).name if "/" in linked else outside
    path = folder / linked
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target, target_is_directory=target.is_dir())
    before = {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(outside.rglob("*"))}
    with pytest.raises(DeepwrightError):
        resume(folder, data=pl.read_parquet(run.parent / "frame.parquet"), quiet=True)
    assert {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(outside.rglob("*"))} == before
