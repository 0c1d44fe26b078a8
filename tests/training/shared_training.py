"""Trains several learners and writes down what happened; alone, or as one of the processes that torchrun starts.

python shared_training.py OUT [fail | forever]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from deepwright.blocks.counter import keys, normal
from deepwright.blocks.learner import Batch, Move
from deepwright.blocks.stream import Stream
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find
from deepwright.core.plan import PartPlan, Plan
from deepwright.learners.adversarial import Adversarial
from deepwright.learners.next_token import NextToken
from deepwright.streams.noised import Noised
from deepwright.streams.rows import Rows
from deepwright.streams.shared import Shared
from deepwright.streams.windows import Windows
from deepwright.training import train
from deepwright.training.processes import Place, join


def gpt() -> tuple[nn.Module, Stream, Plan]:
    network = find("network", "gpt")
    tokens = torch.randint(2, 20, (2_000,), generator=torch.Generator().manual_seed(1))
    signature = Signature((Field(form="tokens", name="text", size=20),))
    net = network(network.Config(layers=2, heads=2, width=32, context=16), signature, 20)
    plan = Plan(steps=30, lr=3e-3, clip=1.0, weight_decay=0.1, schedule="cosine", warmup=0.1, report_every=3)
    return NextToken(net, first=2), Windows(tokens, name="text", length=16, batch=12), plan


def gan() -> tuple[nn.Module, Stream, Plan]:
    """Batches of 11 rows: shares of 6 and 5, and a last batch of 1 row that goes to both."""
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(2)) + 2
    generator = nn.Sequential(nn.Linear(4, 32), nn.GELU(), nn.Linear(32, 3))
    critic = nn.Sequential(nn.Linear(3, 32), nn.GELU(), nn.Linear(32, 1))
    learner = Adversarial(generator, critic, noise=4, critic_steps=2, penalty=0.1)
    parts = {"critic": PartPlan(lr=4e-3)}
    plan = Plan(steps=90, optimizer="adam", lr=2e-3, betas=(0.5, 0.9), ema=0.9, report_every=9, parts=parts)
    return learner, Noised(Rows({"x": x}, batch=11), (3, 4)), plan


class Noisy(nn.Module):
    """Weights that some batches leave out, and noise that belongs to a row."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"always": nn.Linear(3, 4), "never": nn.Linear(3, 4)})

    def losses(self, batch: Batch) -> Iterator[Move]:
        noise = normal(keys(0, batch["epoch"], batch["row"]), 3)  # (B, 3)
        yield Move("net", functional.mse_loss(self.net["always"](batch["x"] + noise), batch["y"]))


def noisy() -> tuple[nn.Module, Stream, Plan]:
    draw = torch.Generator().manual_seed(3)
    columns = {"x": torch.randn(50, 3, generator=draw), "y": torch.randn(50, 4, generator=draw)}
    return Noisy(), Rows(columns, batch=8), Plan(epochs=4, lr=1e-2, accumulate=3, patience=2, l1=1e-3)


def followed(made: tuple[nn.Module, Stream, Plan], place: Place) -> dict[str, Any]:
    """Reports, and the weights at the end; the score is made to differ between processes."""
    learner, stream, plan = made
    told, halfway = [], None
    for report in train(learner, Shared(stream, *place), plan):
        report.score = -sum(report.losses.values()) + 100 * place.rank
        told.append([report.step, report.losses, report.gradient_norm, report.ended])
        if len(told) == 2:
            halfway = report.state()
    weights = torch.cat([value.double().flatten() for value in learner.state_dict().values()])
    resumed = [r.losses for r in train(learner, Shared(stream, *place), plan, state=halfway)]
    return {"reports": told, "weights": weights.tolist(), "resumed": resumed}


def go_on(place: Place) -> None:
    """Until someone ends it."""
    learner, stream, _ = gpt()
    for number, _ in enumerate(train(learner, Shared(stream, *place), Plan(steps=1_000_000, report_every=20))):
        if not number:
            print("learning", flush=True)


def main(out: Path, *, fail: bool, forever: bool) -> None:
    with join(timeout=60) as place:
        if forever:
            go_on(place)
        found = {}
        for make in (gpt, gan, noisy):
            torch.manual_seed(place.rank)  # the first process's weights are everyone's
            found[make.__name__] = followed(make(), place)
            if fail and place.rank == 1:
                raise RuntimeError("this process fails on purpose")
        out.with_suffix(f".{place.rank}").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), fail="fail" in sys.argv, forever="forever" in sys.argv)
