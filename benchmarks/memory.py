"""Memory: training on data ten times the memory it may take; the peak stays within budget + 300 MB.

The data is written chunk by chunk into mapped files, as encoding does when a table is larger than its budget, and
trained on in random order. What the process needs without any data (PyTorch, the network) is measured first, in a
process of its own, and taken off: the promise is about the data.

    python benchmarks/memory.py [--budget 64] [--json]          (MiB)
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ALLOWED_ABOVE = 300
WIDTH = 64
STEPS = 400


def work(rows: int, budget: int, folder: Path) -> dict[str, float]:
    """Write, train, and tell the peak memory of this process in MiB."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    from deepwright.core.plan import Plan
    from deepwright.learners.supervised import Supervised
    from deepwright.streams._mapped import Mapped, write_mapped
    from deepwright.streams.rows import Rows
    from deepwright.training import train

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, 1))

        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.layers(batch["number"])

    def chunks() -> Iterator[dict[str, np.ndarray]]:
        draw = np.random.default_rng(0)
        for start in range(0, rows, 16384):
            number = draw.standard_normal((min(16384, rows - start), WIDTH), np.float32)
            yield {"number": number, "target": number[:, :1] * 2 + number[:, 1:2]}

    write_mapped(folder, chunks(), rows=rows)
    stream = Rows(Mapped(folder, memory=budget << 20), batch=256)
    losses = []
    began = time.process_time()
    for report in train(Supervised(Net(), functional.mse_loss), stream, Plan(steps=STEPS, lr=3e-3, report_every=50)):
        losses.append(report.losses["net"])
    return {
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "milliseconds_per_step": (time.process_time() - began) / STEPS * 1000,
    }


def in_a_process(rows: int, budget: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--rows", str(rows), "--budget", str(budget), "--folder", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", type=int, default=64, help="MiB that the data may take in memory")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rows:
        print(json.dumps(work(asked.rows, asked.budget, asked.folder)))
        return 0
    rows = 10 * asked.budget * (1 << 20) // (4 * (WIDTH + 1))
    bare, full = in_a_process(512, asked.budget), in_a_process(rows, asked.budget)
    above = full["peak"] - bare["peak"]
    kept = above <= asked.budget + ALLOWED_ABOVE
    result = {
        "budget": asked.budget,
        "data": 10 * asked.budget,
        "bare_peak": bare["peak"],
        "above": above,
        **full,
        "kept": kept,
    }
    if asked.json:
        print(json.dumps({"benchmark": "memory", "results": {k: round(float(v), 3) for k, v in result.items()}}))
    else:
        print(f"data {result['data']:,} MiB, budget {asked.budget} MiB, {rows:,} rows in random order")
        print(f"peak memory {full['peak']:,.0f} MiB, without data {bare['peak']:,.0f}: the data took {above:,.0f}")
        print(f"allowed {asked.budget + ALLOWED_ABOVE} MiB: {'kept' if kept else 'NOT KEPT'}")
        print(
            f"{full['milliseconds_per_step']:.2f} ms a step, loss {full['first_loss']:.3f} to {full['last_loss']:.4f}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
