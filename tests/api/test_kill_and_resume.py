"""A run that is killed and resumed ends as one that was never disturbed: weights, log and predictions byte for byte."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import deepwright as dw

RECIPE = """
version: 1
name: killed
data: {source: xor}
task: {target: y, name: classification}
contenders:
  - rule
  - as: net
    network: mlp
    config: {widths: [16], dropout: 0.2}
    training: {optimizer: adam, lr: 0.01, epochs: 60, batch: 16, patience: 60, schedule: cosine, ema: 0.99, mixup: 0.2,
               noise: 0.05, checkpoint_every: 0}
  - as: bn
    network: mlp
    config: {widths: [8, 8], norm: batch}
    training: {optimizer: sgd, momentum: 0.9, lr: 0.05, epochs: 40, batch: 32, patience: 40, schedule: plateau,
               every: 3, checkpoint_every: 0}
time: null
"""
SAME = ("metrics.jsonl", "predictions.parquet", "validation.parquet", "split.parquet", "encoders.safetensors")


def _digest(run: Path) -> dict[str, str]:
    files = [run / name for name in SAME if (run / name).exists()]
    files += sorted(run.glob("contenders/*/weights.safetensors"))
    return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _start(recipe: Path, run: Path) -> subprocess.Popen[bytes]:
    code = "import sys, deepwright as dw; dw.run(sys.argv[1], folder=sys.argv[2], quiet=True)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code, str(recipe), str(run)], env=environment)


def _resume(run: Path) -> subprocess.Popen[bytes]:
    code = "import sys, deepwright as dw; dw.resume(sys.argv[1], quiet=True)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code, str(run)], env=environment)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], float]:
    room = tmp_path_factory.mktemp("killed")
    recipe = room / "recipe.yaml"
    recipe.write_text(RECIPE)
    began = time.monotonic()
    assert _start(recipe, room / "whole").wait() == 0
    return recipe, _digest(room / "whole"), time.monotonic() - began


def _killed_until_done(recipe: Path, run: Path, kills: int, seconds: float, seed: int) -> int:
    """Kill at random moments; gives how often a running process was hit."""
    rng = random.Random(seed)
    process, hits = _start(recipe, run), 0
    for _ in range(kills):
        try:
            process.wait(rng.uniform(0.2, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
        if (run / "run.json").exists():
            if dw.load(run).state == "done":
                return hits
            process = _resume(run)
        else:  # killed before there was a run: nothing is lost, begin again
            process = _start(recipe, run)
    assert process.wait() == 0
    return hits


@pytest.mark.slow
def test_killed_twice(undisturbed: tuple[Path, dict[str, str], float], tmp_path: Path) -> None:
    recipe, expected, seconds = undisturbed
    assert any("weights" in name for name in expected) and "metrics.jsonl" in expected
    hits = _killed_until_done(recipe, tmp_path / "run", kills=2, seconds=seconds, seed=1)
    assert hits, "the run ended before it was killed"
    assert _digest(tmp_path / "run") == expected


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_ten_times(undisturbed: tuple[Path, dict[str, str], float], tmp_path: Path, seed: int) -> None:
    recipe, expected, seconds = undisturbed
    _killed_until_done(recipe, tmp_path / "run", kills=10, seconds=seconds * 0.7, seed=seed)
    assert _digest(tmp_path / "run") == expected


def test_stopped_by_the_keyboard_says_how_to_go_on(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("epochs: 60", "epochs: 5000").replace("patience: 60", "patience: 5000"))
    command = [sys.executable, "-m", "deepwright", "run", str(recipe), "--folder", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    log = tmp_path / "run" / "metrics.jsonl"
    while not (log.exists() and log.stat().st_size > 1000) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "deepwright resume" in said
    assert "Traceback" not in said
    assert dw.load(tmp_path / "run").state == "stopped"
