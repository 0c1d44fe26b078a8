"""Cost of the engine: CPU time per step of a tiny network, against a loop written by hand and other trainers.

The network is 64-64-10 with ReLU, batch 64, AdamW: small enough that everything around the arithmetic is what is
measured. The loop by hand is what a tutorial shows: DataLoader, zero_grad, backward, step. Ours runs with clipping,
a metric log and progress on; other trainers run as installed, where they are. A training is timed as the difference
between a longer and a shorter one, so that imports, setting up and compiling (about half a second) are left out for
everyone. Every contestant runs in each round, so that what disturbs the machine disturbs all; medians over the rounds,
the spread beside them.

    python benchmarks/engine.py [--rounds 7] [--steps 1500] [--compile] [--json]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from deepwright.blocks.learner import Move
from deepwright.core.files import append_line
from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import train

ROWS, BATCH = 8192, 64
_START = 200
"""Steps of the shorter training."""
X = torch.randn(ROWS, 64, generator=torch.Generator().manual_seed(0))
Y = (X @ torch.randn(64, 10, generator=torch.Generator().manual_seed(1))).argmax(1)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


class Tiny(nn.Module):
    one_move = True

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def losses(self, batch: dict[str, Tensor]) -> Iterator[Move]:
        yield Move("net", functional.cross_entropy(self.net(batch["number"]), batch["target"]))


def ours(steps: int, compiled: bool = False) -> float:
    """Reports into a log file and a progress line, clipping on."""
    plan = Plan(steps=steps, batch=BATCH, clip=1.0, compile=compiled, report_every=ROWS // BATCH)
    stream = Rows({"number": X, "target": Y}, batch=BATCH)
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as screen:  # noqa: PTH123
        log = Path(folder) / "metrics.jsonl"
        for report in train(Tiny(), stream, plan):
            append_line(log, {"step": report.step, **report.losses, "gradient_norm": report.gradient_norm})
            print(f"\r{report.progress:4.0%} {report.losses['net']:.4f}", end="", file=screen)
    return report.losses["net"]


def by_hand(steps: int) -> float:
    """The tutorial's loop; no clipping, no log."""
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.0)
    step = 0
    while True:
        for x, y in DataLoader(TensorDataset(X, Y), BATCH, shuffle=True):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            step += 1
            if step == steps:
                return loss.item()


def by_hand_tuned(steps: int) -> float:
    """What an expert writes by hand: no DataLoader, fused optimizer, clipping."""
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.0, fused=True)
    step = 0
    while True:
        for rows in torch.randperm(ROWS).split(BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(X[rows]), Y[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step == steps:
                return loss.item()


def with_accelerate(steps: int) -> float:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    net = network()
    net, optimizer, loader = accelerator.prepare(
        net, torch.optim.AdamW(net.parameters()), DataLoader(TensorDataset(X, Y), BATCH, shuffle=True)
    )
    step = 0
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x), y)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step == steps:
                return float(loss)


def with_fabric(steps: int) -> float:
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    bare = network()
    net, optimizer = fabric.setup(bare, torch.optim.AdamW(bare.parameters()))
    loader = fabric.setup_dataloaders(DataLoader(TensorDataset(X, Y), BATCH, shuffle=True))
    step = 0
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x), y)
            fabric.backward(loss)
            fabric.clip_gradients(net, optimizer, max_norm=1.0)
            optimizer.step()
            step += 1
            if step == steps:
                return float(loss)


def with_lightning(steps: int) -> float:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: Any, _: int) -> Tensor:
            loss = functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters())

    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_steps=steps, accelerator="cpu", devices=1, gradient_clip_val=1.0, default_root_dir=folder
        )
        trainer.fit(Module(), DataLoader(TensorDataset(X, Y), BATCH, shuffle=True))
        return float(trainer.callback_metrics["loss"])


OTHERS = {"accelerate": with_accelerate, "lightning.fabric": with_fabric, "lightning": with_lightning}


def contestants(compiled: bool) -> dict[str, Callable[[int], float]]:
    found: dict[str, Callable[[int], float]] = {"by hand": by_hand, "by hand, tuned": by_hand_tuned, "deepwright": ours}
    if compiled:
        found["deepwright, compiled"] = lambda steps: ours(steps, compiled=True)
    for name, function in OTHERS.items():
        if importlib.util.find_spec(name.split(".")[0]):
            found[name] = function
    return found


def _seconds(runner: Callable[[int], float], steps: int) -> float:
    began = time.process_time()
    runner(steps)
    return time.process_time() - began


def measure(rounds: int, steps: int, compiled: bool) -> dict[str, Any]:
    runners = contestants(compiled)
    for runner in runners.values():
        runner(_START)  # the first call of all imports, and fills caches
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for name, runner in [*runners.items()] * rounds:
        few, many = _seconds(runner, _START), _seconds(runner, _START + steps)
        spent[name].append((many - few) / steps * 1e6)
    hand = statistics.median(spent["by hand"])
    return {
        name: {
            "microseconds": round(statistics.median(times), 1),
            "low": round(min(times), 1),
            "high": round(max(times), 1),
            "ratio": round(statistics.median(times) / hand, 3),
        }
        for name, times in spent.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--compile", action="store_true", help="also ours with torch.compile, compilation left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(asked.rounds, asked.steps, asked.compile)
    if asked.json:
        print(json.dumps({"benchmark": "engine", "rounds": asked.rounds, "steps": asked.steps, "results": found}))
        return
    print(f"CPU microseconds a step, median of {asked.rounds} rounds of {asked.steps} steps", file=sys.stdout)
    for name, row in found.items():
        print(f"{name:24} {row['microseconds']:9.1f}  ({row['low']} to {row['high']})  {row['ratio']:.2f} of by hand")


if __name__ == "__main__":
    main()
