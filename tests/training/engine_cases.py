"""Small learners and streams that the engine's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepwright.blocks.learner import Move
from deepwright.blocks.stream import Stream
from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import Report, train

Batch = dict[str, Tensor]


class Plain(nn.Module):
    """Ten lines, and no base class of ours."""

    def __init__(self, dropout: float = 0.1, seed: int = 0, width: int = 16) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(
            nn.Linear(4, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, 3)
        )

    def losses(self, batch: Batch) -> Iterator[Move]:
        yield Move("net", functional.cross_entropy(self.net(batch["number"]), batch["target"]))


class Duel(nn.Module):
    """A generator and a critic; the critic moves twice a batch."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.generator = nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Linear(16, 2))
        self.critic = nn.Sequential(nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 1))

    def losses(self, batch: Batch) -> Iterator[Move]:
        real, latent = batch["real"], batch["latent"]
        for _ in range(2):
            made = self.generator(latent).detach()
            yield Move(
                "critic", functional.softplus(-self.critic(real)).mean() + functional.softplus(self.critic(made)).mean()
            )
        yield Move("generator", functional.softplus(-self.critic(self.generator(latent))).mean())


def classes(rows: int = 96, seed: int = 7) -> Batch:
    """Three classes in four numbers."""
    draw = torch.Generator().manual_seed(seed)
    number = torch.randn(rows, 4, generator=draw)
    target = (number @ torch.randn(4, 3, generator=draw)).argmax(1)
    return {"number": number, "target": target}


def duel_rows(rows: int = 256, seed: int = 3) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    return {"real": torch.randn(rows, 2, generator=draw) + 2, "latent": torch.randn(rows, 3, generator=draw)}


class Listed(Stream):
    """Batches from a list, once through."""

    def __init__(self, batches: list[Batch]) -> None:
        self.all, self.at = batches, 0

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        while self.at < len(self.all):
            self.at += 1
            yield self.all[self.at - 1]

    @property
    def batches_per_epoch(self) -> int | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"at": self.at}

    def restore(self, state: dict[str, Any]) -> None:
        self.at = state["at"]


def weights_of(learner: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in learner.state_dict().items()}


def flat(learner: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in learner.parameters()])


def told(report: Report) -> dict[str, Any]:
    """Everything in a report that must repeat exactly; text, so that NaN equals NaN."""
    kept = ("step", "epoch", "losses", "lr", "gradient_norm", "update_ratio", "skipped", "trouble", "ended")
    return {name: repr(getattr(report, name)) for name in kept}


def score_of(learner: nn.Module, data: Batch) -> float:
    learner.eval()
    with torch.no_grad():
        return -float(functional.cross_entropy(learner.net(data["number"]), data["target"]))  # type: ignore[operator]


def run(learner: nn.Module, data: Batch, plan: Plan, batch: int = 32, **more: Any) -> list[Report]:
    stream = Rows(data, batch=batch, seed=plan.seed, shuffle=plan.shuffle)
    return list(train(learner, stream, plan, **more))
