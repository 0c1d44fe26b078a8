"""Spatial: what a network makes of one picture on its way, place by place, and where in it an answer comes from.

Nothing is asked of the network but to be run: what it computes is watched. A map is what convolutions and all that
follows them make of the picture, (1, M, h, w); tokens are maps laid out as a sequence, (1, T, M), with T = h · w and
a few more in front (ViT's class token).

Axes: M maps or the width of tokens, h and w places of a map, H and W pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from deepwright.blocks.network import Batch

_IN_FRONT = 8
"""Tokens that stand before those of the places, at most."""
_FINE = 4
"""Places of a side that a map must have for its activation to say where."""
_FLAT = ("flatten", "reshape", "view", "unflatten")


@dataclass(frozen=True)
class Seen:
    """What a module made of a picture: `module` its name, `values` as made, `places` the grid (h, w), `tokens` whether
    it is a sequence."""

    module: str
    values: Tensor
    places: tuple[int, int]
    tokens: bool

    def maps(self, values: Tensor | None = None) -> Tensor:
        """(M, h, w) of its values, or of others of the same shape, such as their gradient."""
        given = self.values if values is None else values
        if not self.tokens:
            return given[0]
        height, width = self.places
        return given[0, -height * width :].T.unflatten(1, self.places)  # (T, M) → (M, h, w)


def maps_on_the_way(net: nn.Module, batch: Batch, picture: str) -> list[Seen]:
    """The last maps of each size, largest first, of one row; of a network of tokens, all that are as wide as those.

    picture: the key of the picture in the batch. In eval mode, without gradients.
    """
    with torch.no_grad():
        watch = _watched(net, batch, picture)[1]
    return watch.sequences or watch.maps


def class_activation(net: nn.Module, batch: Batch, picture: str, score: Callable[[Tensor], Tensor]) -> Tensor | None:
    """(h, w) what in each place speaks for the score, from 0 to 1; None where no map of the network is seen.

    Gradient-weighted class activation: relu(Σ w M), w the mean over places of the score's gradient (Selvaraju et al.,
    2017, "Grad-CAM", equations 1 and 2), at the last maps with 4 × 4 places or more. Networks of tokens: relu(Σ w M
    less its mean), with w the gradient in the place itself (Draelos and Carin, 2020, "HiResCAM"), at the last tokens
    through which the score still sees more than the class token; a gradient's mean over places says nothing of tokens.

    score: outputs (1, …) → () what is to be explained.
    """
    with torch.enable_grad():
        outputs, watch = _watched(net, batch, picture)
        seen = watch.sequences or _fine(watch.maps)
        if not seen:
            return None
        slopes = torch.autograd.grad(score(outputs), [one.values for one in seen], allow_unused=True)
    for one, slope in reversed(list(zip(seen, slopes, strict=True))):
        if slope is not None and bool(one.maps(slope).any()):
            return _weighed(one, slope)
    return torch.zeros(seen[-1].places)


def _weighed(one: Seen, slope: Tensor) -> Tensor:
    """(h, w) from 0 to 1."""
    weights = one.maps(slope)  # (M, h, w)
    if not one.tokens:
        weights = weights.mean((1, 2), keepdim=True)  # (M, 1, 1)
    weighed = (weights * one.maps().detach()).sum(0)  # (h, w)
    speaks = (weighed - weighed.mean() if one.tokens else weighed).relu()
    return speaks / speaks.max().clamp(min=1e-12)


def _fine(maps: list[Seen]) -> list[Seen]:
    """The last ones of enough places, else the first."""
    fine = [one for one in maps if min(one.places) >= _FINE]
    return fine[-1:] or maps[:1]


def _watched(net: nn.Module, batch: Batch, picture: str) -> tuple[Tensor, _Watch]:
    """What the network answers to one row, in eval mode, and what was seen on the way."""
    modes = {module: module.training for module in net.modules()}
    watch = _Watch(batch[picture])
    net.eval()
    try:
        with watch.inside(net), watch:
            outputs = net(batch)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return outputs, watch


class _Watch(TorchFunctionMode):
    """Follows a picture through the functions that are called."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self._follows: MutableMapping[Tensor, str] = WeakIdKeyDictionary()
        self._follows[picture] = "map"
        self._names = [""]
        self._last: dict[tuple[int, int], Seen] = {}
        self._convolved = False
        self.sequences: list[Seen] = []

    @property
    def maps(self) -> list[Seen]:
        """The last maps of each size, in order of their first use."""
        return list(self._last.values())

    @contextmanager
    def inside(self, net: nn.Module) -> Iterator[None]:
        """While open, modules say when they begin and end."""
        handles = []
        for name, module in net.named_modules():
            handles.append(module.register_forward_pre_hook(lambda module, given, name=name: self._names.append(name)))
            handles.append(module.register_forward_hook(lambda module, given, out: self._leave()))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _leave(self) -> None:
        self._names.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        said = kwargs or {}
        out = func(*args, **said)
        known = {self._follows[one] for one in _tensors([*args, *said.values()]) if one in self._follows}
        name = getattr(func, "__name__", "")
        self._convolved |= name == "conv2d"
        if known and isinstance(out, Tensor) and out.ndim in (3, 4):
            self._note(out, known, name)
        return out

    def _note(self, out: Tensor, known: set[str], name: str) -> None:
        """What follows from a map or from tokens, where it still says which place is which."""
        if out.ndim == 4 and "map" in known:
            self._follows[out] = "map"
            if out.is_floating_point() and self._convolved:
                self._want_gradient(out)
                self._note_map(out, (out.shape[2], out.shape[3]))
        elif out.ndim == 3:
            self._follows[out] = "tokens"
            if name not in _FLAT and self._last:
                self._note_tokens(out)

    def _note_map(self, out: Tensor, places: tuple[int, int]) -> None:
        coarsest = list(self._last)[-1] if self._last else places
        if min(places) > 1 and max(places) <= max(coarsest):  # a coarse map spread over more places says no more
            self._last[places] = Seen(self._names[-1], out, places, False)

    def _note_tokens(self, out: Tensor) -> None:
        patches = list(self._last.values())[-1]
        height, width = patches.places
        if 0 <= out.shape[1] - height * width <= _IN_FRONT and out.shape[2] == patches.values.shape[1]:
            self.sequences.append(Seen(self._names[-1], out, patches.places, True))

    def _want_gradient(self, out: Tensor) -> None:
        """Where nothing before learns (the body is frozen), gradients begin at the first maps."""
        if torch.is_grad_enabled() and not out.requires_grad:
            out.requires_grad_()


def _tensors(values: list[Any]) -> list[Tensor]:
    found = [value for value in values if isinstance(value, Tensor)]
    return found + [item for value in values if isinstance(value, (list, tuple)) for item in value if _is(item)]


def _is(value: Any) -> bool:
    return isinstance(value, Tensor)
