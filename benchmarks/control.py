"""Agents on Gymnasium's CartPole-v1: what tabular Q-learning, DQN and PPO reach over 100 greedy test episodes.

Each seed is one learning by a contender's own defaults (Q-learning with the grid below); its validation episodes choose
the weights, 100 other episodes judge them. Beside the returns stand the steps in the environment that it learned from,
those until the best validation was first reached, and seconds of CPU time, validation included.

    python benchmarks/control.py [--contenders q_learning,ppo,dqn] [--seeds 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import polars as pl

from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.find import find
from deepwright.sources import open_table

ENVIRONMENT = "CartPole-v1"
OPTIONS: dict[str, dict[str, Any]] = {
    "q_learning": {
        "bins": (1, 1, 6, 12), "ranges": ((-2.4, 2.4), (-3.0, 3.0), (-0.21, 0.21), (-2.0, 2.0)), "episodes": 600,
    },
    "ppo": {},
    "dqn": {},
}  # fmt: skip
GOALS = {"q_learning": 195.0, "ppo": 475.0, "dqn": 475.0}


@dataclass(frozen=True)
class Measured:
    """One learning. score: mean return of 100 test episodes, worst: the least of them."""

    contender: str
    seed: int
    score: float
    worst: float
    steps: int
    steps_to_best: int
    cpu_seconds: float


def measured(contender: str, seed: int) -> Measured:
    """Learn with a seed, and be judged."""
    frame = open_table(f"env:{ENVIRONMENT}").frame
    train, valid, test = (frame.filter(pl.col("part") == part) for part in ("train", "valid", "test"))
    encoding = Encoding((find("kind", "episode")().fit(frame["episode"]),))
    task = find("task", "control").ask(train, None, encoding, {})
    log: list[dict[str, Any]] = []
    cls = find("contender", contender)
    with tempfile.TemporaryDirectory() as folder:
        brief = Brief(
            task=task, encoding=encoding, metric="mean_return", seconds=None, seed=seed, folder=Path(folder),
            log=log.append, rewind=lambda step: None, progress=lambda share, text: None,
        )  # fmt: skip
        began = time.process_time()
        model = cls(cls.Options(**OPTIONS[contender])).fit(train, valid, brief)
        seconds = time.process_time() - began
    returns = model.predict(test)["return"]
    best = max(log, key=lambda line: line["valid_score"])
    return Measured(
        contender, seed, float(returns.mean()), float(returns.min()), int(log[-1]["environment_steps"]),
        int(best["environment_steps"]), round(seconds, 1),
    )  # fmt: skip


def main() -> int:
    """The table; 1 where a seed stays below its goal."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--contenders", default=",".join(OPTIONS))
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--json", action="store_true")
    said = asked.parse_args()
    print(f"{'':12}{'seed':>6}{'mean':>9}{'worst':>8}{'steps':>10}{'to best':>10}{'CPU s':>8}", file=sys.stderr)
    found = []
    for contender in said.contenders.split(","):
        for seed in range(said.seeds):
            one = measured(contender, seed)
            found.append(one)
            numbers = f"{one.score:9.1f}{one.worst:8.0f}{one.steps:10,}{one.steps_to_best:10,}{one.cpu_seconds:8.1f}"
            print(f"{contender:12}{seed:6}{numbers}", file=sys.stderr, flush=True)
    short = [one for one in found if one.score < GOALS[one.contender]]
    if said.json:
        print(json.dumps([asdict(one) for one in found]))
    print(f"{len(found) - len(short)} of {len(found)} reach their goal: {GOALS}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
