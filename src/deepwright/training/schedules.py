"""Schedules: the learning rate as a pure function of how far training is.

`factor(name, plan, at)` is what the plan's `lr` is multiplied by. Progress runs from 0 to 1, whatever ends the
training: steps, epochs or a budget of seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from deepwright.core.errors import not_found
from deepwright.core.plan import Plan


@dataclass(frozen=True)
class At:
    """How far training is."""

    progress: float
    """Share of the training done, 0 to 1."""
    epoch: int
    """Passes done; reports, where a stream has no epochs."""
    drops: int = 0
    """Plateaus met so far."""


def constant(plan: Plan, at: At) -> float:
    """The same rate throughout."""
    return 1.0


def step(plan: Plan, at: At) -> float:
    """Times `gamma` after every `every` epochs."""
    return plan.gamma ** (at.epoch // plan.every)


def exponential(plan: Plan, at: At) -> float:
    """Evenly falling on a logarithmic scale, to `gamma` at the end."""
    return plan.gamma**at.progress


def linear(plan: Plan, at: At) -> float:
    """Evenly to `floor`."""
    return plan.floor + (1.0 - plan.floor) * (1.0 - at.progress)


def cosine(plan: Plan, at: At) -> float:
    """Half a cosine to `floor` (Loshchilov & Hutter 2017)."""
    return plan.floor + (1.0 - plan.floor) * 0.5 * (1.0 + math.cos(math.pi * at.progress))


_RISE, _START, _END = 0.3, 1 / 25, 1 / 250_000


def one_cycle(plan: Plan, at: At) -> float:
    """From 1/25 up to 1 in the first 30 %, down to 1/250,000 at the end, along cosines (Smith & Topin 2018)."""
    if at.progress < _RISE:
        return _between(_START, 1.0, at.progress / _RISE)
    return _between(1.0, _END, (at.progress - _RISE) / (1 - _RISE))


def plateau(plan: Plan, at: At) -> float:
    """Times `gamma` whenever `every` reports in a row were not better."""
    return plan.gamma**at.drops


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))


_SCHEDULES: dict[str, Callable[[Plan, At], float]] = {
    function.__name__: function for function in (constant, step, exponential, linear, cosine, one_cycle, plateau)
}


def names_of_schedules() -> dict[str, str]:
    """Name → one line."""
    return {name: (function.__doc__ or "").partition("\n")[0] for name, function in _SCHEDULES.items()}


def find_schedule(name: str) -> Callable[[Plan, At], float]:
    """The schedule called `name`, behind the plan's warm-up; raises NotFoundError with the nearest name."""
    if name not in _SCHEDULES:
        raise not_found("schedule", name, _SCHEDULES, where="training.schedule")
    schedule = _SCHEDULES[name]

    def factor(plan: Plan, at: At) -> float:
        """What `plan.lr` is multiplied by: `warmup` of the training from 0 evenly up, the schedule after it."""
        if at.progress < plan.warmup:
            return at.progress / plan.warmup
        rest = (at.progress - plan.warmup) / (1.0 - plan.warmup)
        return schedule(plan, At(min(rest, 1.0), at.epoch, at.drops))

    return factor
