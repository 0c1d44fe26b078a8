"""Killed at random moments and resumed: log, checkpoints' content and weights are those of an undisturbed run.

In the fast lane two kills in forked processes, in the long one fifty; and fresh processes agree on every bit.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Plain, classes, score_of, told

from deepwright.core.files import append_line, read_json_lines, truncate_lines
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train
from deepwright.training.checkpoint import load, save

PLAN = Plan(epochs=8, lr=0.02, ema=0.9, clip=1.0, schedule="one_cycle", report_every=5, patience=5, noise=0.1)


def work(folder: Path) -> None:
    """A run that logs and checkpoints at every report and takes up whatever an earlier one left."""
    data = classes(200)
    learner = Supervised(_Numbers(), torch.nn.functional.cross_entropy, noise=PLAN.noise)
    found = load(folder, "last")
    log = folder / "metrics.jsonl"
    folder.mkdir(exist_ok=True)
    truncate_lines(log, found.state["lines"] if found else 0)
    lines = found.state["lines"] if found else 0
    for report in train(learner, Rows(data, batch=20), PLAN, state=found.state["training"] if found else None):
        learner.eval()
        report.score = score_of(_Wrapped(learner.net.inner), data)
        append_line(log, told(report) | {"score": report.score}, durable=True)
        lines += 1
        save(folder, "last", {"training": report.state(), "lines": lines})
    save(folder, "weights", {name: value.clone() for name, value in learner.state_dict().items()})


class _Numbers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Plain(dropout=0.2).net

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.inner(batch["number"])


class _Wrapped(torch.nn.Module):
    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net


def digest(folder: Path) -> str:
    """Of the log's bytes, the final weights' bytes, and the last checkpoint without its clock."""
    total = hashlib.sha256((folder / "metrics.jsonl").read_bytes())
    weights, last = load(folder, "weights"), load(folder, "last")
    assert weights is not None and last is not None
    tensors = sorted((folder / f"weights-{weights.number:08d}").glob("*"))
    for file in tensors:
        total.update(file.read_bytes())
    _absorb(last.state, total)
    return total.hexdigest()


def _absorb(value: Any, total: Any) -> None:
    if isinstance(value, dict):
        for key in value:
            if key != "seconds":
                total.update(key.encode())
                _absorb(value[key], total)
    elif isinstance(value, torch.Tensor):
        total.update(value.numpy().tobytes())
    else:
        total.update(repr(value).encode())


def started(folder: Path) -> int:
    child = os.fork()
    if child == 0:
        try:
            torch.manual_seed(random.SystemRandom().getrandbits(30))
            work(folder)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def ended(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_killed_at_random_moments(tmp_path: Path, kills: int) -> None:
    began = time.monotonic()
    assert ended(started(tmp_path / "straight")) == 0
    whole = time.monotonic() - began
    reference = digest(tmp_path / "straight")
    assert len(read_json_lines(tmp_path / "straight" / "metrics.jsonl")) > 10
    draw, landed, number = random.Random(0), 0, 0
    while landed < kills:
        number += 1
        folder = tmp_path / f"killed-{number}"
        for _ in range(2):
            child = started(folder)
            time.sleep(draw.uniform(0, whole))
            os.kill(child, signal.SIGKILL)
            landed += ended(child) == -signal.SIGKILL
        assert ended(started(folder)) == 0
        assert digest(folder) == reference, f"after {landed} kills"


@pytest.mark.parametrize(
    "processes", [pytest.param(1, id="two", marks=pytest.mark.slow), pytest.param(9, id="ten", marks=pytest.mark.soak)]
)
def test_fresh_processes_agree_on_every_bit(tmp_path: Path, processes: int) -> None:
    """With this one, which has other things in its memory and behind it."""
    assert ended(started(tmp_path / "here")) == 0
    digests = {digest(tmp_path / "here")}
    for number in range(processes):
        folder = tmp_path / str(number)
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        code += f"from pathlib import Path\nimport test_kill\ntest_kill.work(Path({str(folder)!r}))"
        environment = dict(os.environ) | {"PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        digests.add(digest(folder))
    assert len(digests) == 1
