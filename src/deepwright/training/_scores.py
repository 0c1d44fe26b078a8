"""Scores: the best weights so far, patience, and the plateaus of the schedule of that name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from deepwright.core.plan import Plan
from deepwright.training._weights import copied


@dataclass
class Best:
    """The weights with the best score so far, as the caller saw them."""

    score: float
    epoch: float
    report: int
    """Which of the scored reports it was, from 1."""
    weights: dict[str, Any] = field(repr=False)


@dataclass
class Plateau:
    """Counts reports in a row that were not better and, at `every`, a drop."""

    best: float | None = None
    waiting: int = 0
    drops: int = 0

    def see(self, score: float, every: int) -> None:
        """A new score, greater is better; better means by more than a ten-thousandth of the best so far."""
        if not math.isnan(score) and (self.best is None or score > self.best + 1e-4 * abs(self.best)):
            self.best, self.waiting = score, 0
            return
        self.waiting += 1
        if self.waiting >= every:
            self.drops, self.waiting = self.drops + 1, 0


class Scores:
    """What the caller's scores decide."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.best: Best | None = None
        self.plateau = Plateau()
        self.seen = 0
        self.ended: str | None = None

    def see(self, score: float, epoch: float, learner: nn.Module) -> str | None:
        """A new score, greater is better; "patience" when there was no better one for too long."""
        self.seen += 1
        self.plateau.see(score, self.plan.every)
        if self.best is None or score > self.best.score or math.isnan(self.best.score) > math.isnan(score):
            self.best = Best(score, epoch, self.seen, copied(learner.state_dict()))
        waited = epoch - self.best.epoch if epoch else self.seen - self.best.report
        if self.plan.patience is not None and waited >= self.plan.patience:
            self.ended = "patience"
        return self.ended

    def see_losses(self, losses: dict[str, float]) -> None:
        """A report that was not scored: plateaus are then those of the training loss."""
        self.plateau.see(-sum(losses.values()), self.plan.every)

    def state(self) -> dict[str, Any]:
        """A tree of tensors and JSON-able values."""
        best = None
        if self.best is not None:
            score = None if math.isnan(self.best.score) else self.best.score
            best = {"score": score, "epoch": self.best.epoch, "report": self.best.report, "weights": self.best.weights}
        return {"best": best, "plateau": asdict(self.plateau), "seen": self.seen, "ended": self.ended}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.seen, self.ended = state["seen"], state["ended"]
        self.plateau = Plateau(**state["plateau"])
        best = state["best"]
        if best is not None:
            score = math.nan if best["score"] is None else best["score"]
            self.best = Best(score, best["epoch"], best["report"], copied(best["weights"]))
