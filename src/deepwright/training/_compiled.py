"""Compiled: loss and gradients of a batch through torch.compile as one graph, or else the networks alone.

One graph is for learners that say `one_move`. Clipping, the optimizer and what guards the step stay as they are.
Evaluation stays uncompiled, and names of weights stay what they are.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Move
from deepwright.blocks.stream import Batch
from deepwright.core.errors import TrainingError
from deepwright.training._part import Part

_SETTINGS = {
    "trace_autograd_ops": True,
    "automatic_dynamic_shapes": False,
}
"""The backward pass belongs to the graph; and each shape has code of its own, so that bits do not depend on the shapes
that came before, of which a resumed training has seen others."""

Step = Callable[[Batch], tuple[Tensor, tuple[Tensor | None, ...]]]
"""A batch → () loss, and the gradient of each parameter."""


class Derived(NamedTuple):
    """A move whose gradients are there already, one for each of the part's parameters."""

    part: str
    loss: Tensor
    gradients: tuple[Tensor | None, ...]


class Compiled:
    """What a learner says of a batch, compiled where the plan wants it."""

    def __init__(self, learner: Any, parts: Mapping[str, Part], wanted: bool) -> None:
        self._learner, self._parts = learner, parts
        self._whole = wanted and getattr(learner, "one_move", False)
        self._step: Step | None = None
        self._calls: dict[nn.Module, Callable[..., Any]] = {}
        self._turn = contextlib.ExitStack()
        if wanted and not self._whole:
            self._networks_alone("the learner does not say that it makes one move a batch")

    def enter(self) -> None:
        """For training."""
        if self._whole:
            self._turn.enter_context(torch._dynamo.config.patch(_SETTINGS))
        for child, call in self._calls.items():
            child._compiled_call_impl = call

    def leave(self) -> None:
        """For the caller."""
        self._turn.close()
        for child in self._calls:
            child._compiled_call_impl = None

    def losses(self, batch: Batch) -> Iterator[Move | Derived]:
        """The learner's moves; the first round, which shows the part that moves, is never compiled."""
        derived = self._derived(batch) if self._whole and self._parts else None
        if derived is None:
            yield from self._learner.losses(batch)
        else:
            yield derived

    def _derived(self, batch: Batch) -> Derived | None:
        """The move by the one graph; None where there can be none."""
        part = next(iter(self._parts.values()))
        self._step = self._step or _compiled_step(self._learner, part)
        try:
            return Derived(part.name, *self._step(batch))
        except (torch._dynamo.exc.TorchDynamoException, torch._dynamo.exc.FailOnRecompileLimitHit) as error:
            self._whole = False
            self._networks_alone(str(error).partition("\n")[0])
            self.enter()
            return None

    def _networks_alone(self, why: str) -> None:
        warnings.warn(f"the step is not compiled as a whole, its networks alone are: {why}", stacklevel=2)
        children = [child for child in self._learner.children() if any(p.requires_grad for p in child.parameters())]
        self._calls = {child: torch.compile(_call_of(child)) for child in children}


def _compiled_step(learner: Any, part: Part) -> Step:
    parameters, name = tuple(part.parameters), part.name

    def step(batch: Batch) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        moves = learner.losses(batch)
        move = next(moves)
        if move.part != name or next(moves, None) is not None:  # looked at once, when the graph is made
            raise TrainingError("the learner says `one_move`, but made another one.")
        with torch.autocast(move.loss.device.type, enabled=False):  # a lower precision is for the forward pass
            return move.loss.detach(), torch.autograd.grad(move.loss, parameters, allow_unused=True)

    # On the CPU calling the kernels one by one from Python would cost more than they do.
    options = {"cpp_wrapper": parameters[0].device.type == "cpu"}
    compiled: Step = torch.compile(step, fullgraph=True, isolate_recompiles=True, options=options)  # type: ignore[call-overload]
    return compiled


def _call_of(child: nn.Module) -> Callable[..., Any]:
    """The module's call as a function of our own: PyTorch leaves the frames of its own modules uncompiled."""

    def call(*inputs: Any) -> Any:
        return child._call_impl(*inputs)

    return call
