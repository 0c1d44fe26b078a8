"""Freezing: parts of a network that stay as they are, for good or until an epoch, proved by comparing every bit.

What is frozen has no gradients and is in evaluation mode, so neither its weights nor its norms' running statistics
move, and its dropout is off. A schedule only ever thaws: whatever is frozen at any time has been since the start, so
the start is what it is compared with, after a resume too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.func import functional_call

from deepwright.blocks.description import describe
from deepwright.blocks.network import Batch, Network
from deepwright.core.errors import InternalError, RecipeError, not_found
from deepwright.core.fields import Signature

if TYPE_CHECKING:
    from deepwright.contenders.network import Thaw

NOTHING, BODY = "none", "body"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is frozen, and until when.

    until:   the first epoch in which it is frozen no more, counted from 0; None: for good.
    tensors: names of its parameters and buffers.
    modules: those that stay in evaluation mode.
    """

    until: int | None
    tensors: frozenset[str]
    modules: tuple[nn.Module, ...]


class Frozen(nn.Module):
    """A network of which not everything learns all the time.

    epoch: passes over the data that are over; asked before every batch.
    """

    def __init__(self, net: Network, stages: Sequence[Stage], epoch: Callable[[], int]) -> None:
        super().__init__()
        self.net = net
        self._stages, self._epoch = tuple(stages), epoch
        self._for_good = stages[-1].until is None
        self._stage = self._now()
        self._before = {name: _digest(tensor) for name, tensor in _tensors(net) if name in stages[0].tensors}
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(not (self._for_good and name in stages[-1].tensors))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """By the network's own names, so that rates and messages speak of those."""
        return self.net.named_parameters(prefix, recurse, remove_duplicate)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self._stage = self._now()
        for module in self._stage.modules if self._stage else ():
            module.training = False
        return self

    def forward(self, batch: Batch) -> Tensor:
        if self._for_good:
            return self.net(batch)
        if self._stage is not self._now():
            self._compare(self._stage)
            self.train(self.training)
        held = self._stage.tensors if self._stage else frozenset()
        outside = {name: p.detach() for name, p in self.net.named_parameters() if name in held}
        return functional_call(self.net, outside, (batch,)) if outside else self.net(batch)

    def check(self) -> None:
        """Raises InternalError when what is frozen now is not what it was at the start, bit for bit."""
        self._compare(self._now())

    def _now(self) -> Stage | None:
        epoch = self._epoch()
        return next((stage for stage in self._stages if stage.until is None or epoch < stage.until), None)

    def _compare(self, stage: Stage | None) -> None:
        held = stage.tensors if stage else frozenset()
        moved = [name for name, tensor in _tensors(self.net) if name in held and _digest(tensor) != self._before[name]]
        if moved:
            raise InternalError(f"weights that were frozen have changed: {', '.join(moved[:3])}.")


def stages(net: Network, signature: Signature, wanted: str | Sequence[Thaw]) -> tuple[Stage, ...]:
    """What a recipe's `freeze` means for this network; () where everything learns from the start.

    Raises NotFoundError for a layer that is not there, RecipeError for a schedule that freezes again.
    """
    if isinstance(wanted, str):
        return () if wanted == NOTHING else (_stage(net, signature, wanted, None),)
    found = tuple(_stage(net, signature, thaw.freeze, thaw.until) for thaw in wanted)
    for earlier, later in pairwise(wanted):
        if later.until <= earlier.until:
            raise RecipeError(
                f"expected stages in order, {later.until} epochs come after {earlier.until}.",
                where="freeze",
                remedy="Count `until` from the start of training, each larger than the one before.",
            )
    for number, (before, after) in enumerate(pairwise(found)):
        if not after.tensors <= before.tensors:
            raise RecipeError(
                f"'{wanted[number + 1].freeze}' freezes what '{wanted[number].freeze}' before it let learn.",
                where="freeze",
                remedy="Thaw from the output backwards: body first, then layers nearer and nearer to the input.",
            )
    return found


def _stage(net: Network, signature: Signature, wanted: str, until: int | None) -> Stage:
    head = {id(tensor) for tensor in [*net.head.parameters(), *net.head.buffers()]}
    if wanted == BODY:
        kept = set(net.head.modules())
        names = frozenset(name for name, tensor in _tensors(net) if id(tensor) not in head)
        return Stage(until=until, tensors=names, modules=tuple(m for m in net.modules() if m not in kept))
    used = [row.name for row in describe(net, signature)]
    known = dict.fromkeys(".".join(name.split(".")[: i + 1]) for name in used for i in range(name.count(".") + 1))
    known.pop("", None)
    if wanted not in known:
        raise not_found("layer", wanted, [BODY, NOTHING, *known], where="freeze")
    last = max(place for place, name in enumerate(used) if _inside(name, wanted))
    resting = _at_rest(net, used[: last + 1], used[last + 1 :])
    names = frozenset(
        f"{name}.{own}".removeprefix(".") for name in used[: last + 1] for own, _ in _own(net.get_submodule(name))
    )
    if any(id(tensor) in head for name, tensor in _tensors(net) if name in names):
        raise RecipeError(
            f"everything up to '{wanted}' is everything, the output layer too.",
            where="freeze",
            remedy="Say body, or a layer before the last.",
        )
    return Stage(until=until, tensors=names, modules=resting)


def _at_rest(net: nn.Module, frozen: Sequence[str], learning: Sequence[str]) -> tuple[nn.Module, ...]:
    """The frozen layers, and what holds frozen layers only."""
    return tuple(
        module
        for name, module in net.named_modules()
        if any(_inside(layer, name) for layer in frozen) and not any(_inside(layer, name) for layer in learning)
    )


def _inside(name: str, outer: str) -> bool:
    return not outer or name == outer or name.startswith(f"{outer}.")


def _own(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)


def _tensors(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()


def _digest(tensor: Tensor) -> bytes:
    """sha256 over its numbers."""
    return hashlib.sha256(tensor.numpy(force=True).tobytes()).digest()
