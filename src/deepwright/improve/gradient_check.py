"""Gradient check: autograd's gradients against central differences, in float64."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Batch, Move
from deepwright.core.errors import TrainingError

_FLOOR = 1e-6
"""Gradients this small, against the largest of the learner, are compared absolutely: their digits are rounding."""


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """What `check_gradients` found."""

    error: float
    """Largest relative difference |a - n| / max(|a|, |n|) between autograd's a and the difference quotient n."""
    part: str
    """Where it was found: the part of the move,"""
    parameter: str
    """the parameter's name within the learner,"""
    index: tuple[int, ...]
    """and the entry."""
    analytic: float
    """Autograd's gradient there."""
    numeric: float
    """The central difference there."""
    checked: int
    """Entries compared."""
    passed: bool
    """Whether the error is within the tolerance."""


def check_gradients(
    learner: nn.Module, batch: Batch, *, entries: int = 8, step: float = 1e-6, tolerance: float = 1e-4, seed: int = 0
) -> GradientCheck:
    """Compare the gradient of every move's loss for up to `entries` entries of each parameter of its part.

    The learner is copied into float64, floating-point inputs too; dropout draws the same numbers every time. Losses
    are those of the moves one after the other without steps between them. Kinks (ReLU, clipping) can lie within
    `step` of a value and give a false alarm; smooth networks pass at 1e-7. Nothing of the learner changes.
    Raises TrainingError when no move depends on any weight.
    """
    precise = _Precise(learner, batch, seed)
    draw = torch.Generator().manual_seed(seed)
    found: list[_Entry] = []
    for number, (part, gradients) in enumerate(precise.gradients()):
        for name, (parameter, gradient) in gradients.items():
            for at in torch.randperm(parameter.numel(), generator=draw)[:entries].tolist():
                analytic = 0.0 if gradient is None else float(gradient.flatten()[at])
                numeric = precise.difference(number, parameter, at, step)
                found.append(_Entry(part, name, tuple(parameter.shape), at, analytic, numeric))
    scale = max((max(abs(entry.analytic), abs(entry.numeric)) for entry in found), default=0.0)
    if not scale:
        raise TrainingError("no loss depends on any weight.", remedy="Look for a detach() or no_grad() on the way.")
    worst = max(found, key=lambda entry: entry.error(scale))
    return GradientCheck(
        error=worst.error(scale), part=worst.part, parameter=worst.parameter, index=_place(worst.at, worst.shape),
        analytic=worst.analytic, numeric=worst.numeric, checked=len(found), passed=worst.error(scale) <= tolerance,
    )  # fmt: skip


class _Entry(NamedTuple):
    part: str
    parameter: str
    shape: tuple[int, ...]
    at: int
    analytic: float
    numeric: float

    def error(self, scale: float) -> float:
        larger = max(abs(self.analytic), abs(self.numeric), _FLOOR * scale)
        return abs(self.analytic - self.numeric) / larger


class _Precise:
    """A copy of the learner in float64 whose losses can be asked again and again."""

    def __init__(self, learner: nn.Module, batch: Batch, seed: int) -> None:
        self.learner: Any = copy.deepcopy(learner).double().train()
        self.batch = {name: value.double() if value.is_floating_point() else value for name, value in batch.items()}
        held = [*self.learner.parameters(), *self.learner.buffers()]
        self.as_it_was = [(value.detach(), value.detach().clone()) for value in held]
        self.seed = seed

    def moves(self) -> Iterator[Move]:
        """The moves, from the same random numbers each time."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            yield from self.learner.losses(self.batch)

    def restore(self) -> None:
        """What the learner's own code changed between its moves, and batch norm's statistics."""
        for value, before in self.as_it_was:
            value.copy_(before)

    def gradients(self) -> list[tuple[str, dict[str, tuple[Tensor, Tensor | None]]]]:
        """Part of every move, with its parameters and their gradients by name."""
        found: list[tuple[str, dict[str, tuple[Tensor, Tensor | None]]]] = []
        for move in self.moves():
            held = attrgetter(move.part)(self.learner)
            named = [("", held)] if isinstance(held, nn.Parameter) else held.named_parameters()
            trained = {f"{move.part}.{name}".rstrip("."): p for name, p in named if p.requires_grad}
            gradients = torch.autograd.grad(move.loss, list(trained.values()), allow_unused=True)
            found.append((move.part, dict(zip(trained, zip(trained.values(), gradients, strict=True), strict=True))))
        return found

    def difference(self, number: int, parameter: Tensor, at: int, step: float) -> float:
        """The central difference quotient of a move's loss along one entry."""
        sides = []
        for change in (step, -step):
            self.restore()
            parameter.detach().view(-1)[at] += change
            sides.append(next(islice(self.moves(), number, None)).loss.item())
        return (sides[0] - sides[1]) / (2 * step)


def _place(at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    place = []
    for size in reversed(shape):
        at, rest = divmod(at, size)
        place.append(rest)
    return tuple(reversed(place))
