"""A recipe run in a process of its own, killed without warning at random moments and resumed until it is done."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import deepwright as dw

SAME = ("metrics.jsonl", "predictions.parquet", "validation.parquet", "split.parquet", "encoders.safetensors")


def digest(run: Path) -> dict[str, str]:
    """File → sha256 of all that a kill must not change: log, predictions, weights, and what was shown on the way."""
    files = [run / name for name in SAME if (run / name).exists()]
    files += sorted([*run.glob("contenders/*/*.safetensors"), *run.glob("contenders/*/exhibits.json")])
    return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def start(verb: str, *arguments: object) -> subprocess.Popen[bytes]:
    """`deepwright VERB …`, quietly, on one thread."""
    command = [sys.executable, "-m", "deepwright", verb, *map(str, arguments), "--quiet"]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def undisturbed(recipe: Path, run: Path) -> float:
    """Run the recipe as it is; gives the seconds it took."""
    began = time.monotonic()
    assert start("run", recipe, "--folder", run).wait() == 0
    return time.monotonic() - began


def killed_until_done(recipe: Path, run: Path, *, kills: int, seconds: float, seed: int = 0) -> int:
    """Kill and resume, so many times at most; gives how often a network was hit while it learned."""
    rng = random.Random(seed)
    process, hits = start("run", recipe, "--folder", run), 0
    for _ in range(kills):
        _wait_for(run / "metrics.jsonl", process)
        try:
            process.wait(rng.uniform(0.05, 0.3) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
        if dw.load(run).state == "done":
            return hits
        process = start("resume", run)
    assert process.wait() == 0
    return hits


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Until something was learned, lest the kill falls on reading the data only."""
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
