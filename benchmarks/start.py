"""Start-up: CPU time from a bare Python to the first step of training, and to the first line of a command.

Each contestant runs in a process of its own, the contestants taking turns; medians of the rounds.

    python benchmarks/start.py [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RAW = """
import torch
from torch import nn
from torch.nn import functional
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(net.parameters())
x, y = torch.randn(64, 64), torch.randint(10, (64,))
optimizer.zero_grad()
functional.cross_entropy(net(x), y).backward()
optimizer.step()
"""

OURS = """
import deepwright
import torch
from torch import nn
from torch.nn import functional
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    def forward(self, batch):
        return self.layers(batch["number"])
rows = Rows({"number": torch.randn(64, 64), "target": torch.randint(10, (64,))}, batch=64)
for report in train(Supervised(Net(), functional.cross_entropy), rows, Plan(steps=1, clip=1.0)):
    pass
assert report.step == 1
"""

TORCH = "import torch"


def commands(folder: Path) -> dict[str, list[str]]:
    """Name → command line; the command line's own are left out where they are not installed."""
    found = {
        "import torch alone": [sys.executable, "-c", TORCH],
        "torch, one step by hand": [sys.executable, "-c", RAW],
        "train(), one step": [sys.executable, "-c", OURS],
    }
    tool = Path(sys.executable).with_name("deepwright")
    if tool.exists():
        data = folder / "small.csv"
        lines = ["size,colour,price"] + [
            f"{i % 17},{'red' if i % 3 else 'blue'},{2 * (i % 17) + i % 5}" for i in range(300)
        ]
        data.write_text("\n".join(lines) + "\n")
        found["deepwright --help"] = [str(tool), "--help"]
        found["deepwright fit, first result"] = [str(tool), "fit", str(data), "--target", "price"]
    return found


def spent(command: list[str], folder: Path) -> float:
    """CPU seconds of the command; of `fit`, those up to the first line that tells a contender's result."""
    if "fit" not in command:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    ticks = 0.0
    for line in process.stdout:
        ticks = _cpu_of(process.pid) or ticks
        if " on validation, fitted in " in line:
            break
    process.terminate()
    process.wait()
    return ticks


def _cpu_of(pid: int) -> float:
    """CPU seconds of a running process, from /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(rounds: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = commands(folder)
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for command in asked.values():
            spent(command, folder)  # bytecode and the disk's cache are warm
        for _ in range(rounds):
            for name, command in asked.items():
                seconds[name].append(spent(command, folder))
                time.sleep(0.05)
    hand = statistics.median(seconds["torch, one step by hand"])
    return {
        name: {
            "seconds": round(statistics.median(times), 3),
            "low": round(min(times), 3),
            "high": round(max(times), 3),
            "ratio": round(statistics.median(times) / hand, 3),
        }
        for name, times in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.rounds)
    if asked.json:
        print(json.dumps({"benchmark": "start", "rounds": asked.rounds, "results": found}))
        return
    print(f"CPU seconds from a bare start, median of {asked.rounds}")
    for name, row in found.items():
        print(
            f"{name:30} {row['seconds']:7.2f}  ({row['low']:.2f} to {row['high']:.2f})  {row['ratio']:.2f} of by hand"
        )


if __name__ == "__main__":
    main()
