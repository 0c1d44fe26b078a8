"""Learning-rate finder: let the rate rise from tiny to huge, watch the loss (Smith 2017, "Cyclical learning rates")."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from deepwright.blocks.stream import Stream
from deepwright.core.errors import TrainingError
from deepwright.core.plan import PartPlan, Plan
from deepwright.training import Report, train
from deepwright.training._weights import copied

_SMOOTHING = 0.9
_DIVERGED = 3.0
"""A smoothed loss that lies this many times the best one (or the fall so far) above the best one ends the test."""


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What `find_lr` found."""

    rates: tuple[float, ...]
    """Learning rates tried, rising by a constant factor."""
    losses: tuple[float, ...]
    """Loss at each rate, before its step, smoothed by an exponential average that is corrected for its start."""
    suggestion: float
    """Where the loss falls most steeply with the logarithm of the rate, a good start; it lies below divergence."""
    diverges: float | None
    """The rate at which the loss left its best value far behind; None when it never did."""


def find_lr(
    learner: nn.Module,
    make_stream: Callable[[], Stream],
    plan: Plan,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
) -> RangeTest:
    """Train with a rate that rises from `lowest` to `highest` within `steps` steps; the learner is left as it was.

    make_stream: gives a new stream of batches, as `train` takes it.
    plan:        its optimizer, batch accumulation and clipping are used; its rate, schedule and ends are not.
    The learner's weights and buffers are the same bits afterwards, and its mode too.
    Raises TrainingError when the loss is not finite from the first step on.
    """
    before, mode = copied(learner.state_dict()), learner.training
    # The exponential schedule runs to `gamma` times the rate; above 1, which a user's plan may not say, it rises.
    rise = plan.model_copy(
        update={
            "epochs": None, "steps": steps, "time": None, "schedule": "exponential", "lr": lowest, "warmup": 0.0,
            "gamma": (highest / lowest) ** (steps / (steps - 1)), "report_every": 1, "ema": None, "halt_after": 1,
            "parts": {name: PartPlan(**part.model_dump() | {"lr": None}) for name, part in plan.parts.items()},
        }
    )  # fmt: skip
    try:
        rates, losses, diverged = _rise(train(learner, make_stream(), rise))
    finally:
        learner.load_state_dict(before)
        learner.train(mode)
    if len(losses) < 3:
        raise TrainingError(
            "the loss is not finite from the start.", remedy="Look for missing or huge values in the inputs or targets."
        )
    return RangeTest(
        rates=tuple(rates),
        losses=tuple(losses),
        suggestion=_steepest(rates, losses),
        diverges=rates[-1] if diverged else None,
    )


def _rise(reports: Iterator[Report]) -> tuple[list[float], list[float], bool]:
    """Rates, smoothed losses, and whether the loss diverged before the rates were through."""
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    for report in reports:
        loss = sum(report.losses.values())
        if not math.isfinite(loss):
            return rates, losses, True
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        rates.append(max(report.lr.values()))
        losses.append(average / (1 - _SMOOTHING ** (len(losses) + 1)))
        best = min(losses)
        if losses[-1] - best > _DIVERGED * max(abs(best), losses[0] - best):
            return rates, losses, True
    return rates, losses, False


def _steepest(rates: list[float], losses: list[float]) -> float:
    """The rate, up to that of the lowest loss, around which the smoothed loss falls fastest with log(rate)."""
    lowest = max(2, losses.index(min(losses)))
    fall = [losses[i - 1] - losses[i + 1] for i in range(1, min(lowest, len(losses) - 1))]
    return rates[1 + fall.index(max(fall))]
