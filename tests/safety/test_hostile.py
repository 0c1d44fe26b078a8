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
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
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


def test_three_hundred_hostile_folders(run: Path) -> None:
    judge(spoiled(run, 300, seed=1), 300)


@pytest.mark.soak
def test_ten_thousand_hostile_folders(run: Path) -> None:
    judge(spoiled(run, 10_000, seed=2), 10_000)
