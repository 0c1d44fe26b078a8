"""Description: a network layer by layer, as one picture (or one row) passes through it.

The receptive field of a place is how many pixels, across and down, it depends on at most: through a convolution or pool
of kernel k and dilation d, whose input lies j pixels apart, it grows by (k - 1) d j, and j is multiplied by the step
(Araujo, Norris, Sim, 2019, "Computing Receptive Fields of Convolutional Neural Networks"). Where ways meet, the larger
counts. A linear layer on flattened maps, or a mean over them, is a convolution as large as the maps. Attention sees the
whole picture. Fields are not cut off at the border, so they may be larger than the picture.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from deepwright.blocks.network import Batch, CausalNetwork, Network
from deepwright.core.fields import Signature

_TOKENS = 16
"""Positions of the text that a network of tokens is described on, where it reads as many."""


@dataclass(frozen=True)
class LayerRow:
    """One layer in order of its first use; a layer used again counts again in `multiply_adds`.

    name:          as in `named_modules`, "stages.0.1.convolve2"; "" is the network itself.
    kind:          its class.
    shape:         of its output for one row, without the row: (C, H, W).
    parameters:    numbers that it learns, shared ones counted where they first occur.
    multiply_adds: multiplications with an addition, for one row.
    field:         height and width in pixels that a place of its output depends on; None without pictures.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    field: tuple[int, int] | None


def describe(net: Network, signature: Signature) -> list[LayerRow]:
    """Every module that has weights of its own or computes, in order; in eval mode, without gradients, one row.

    Built within `shapes_only()`, a network of any size is described without computing anything.
    """
    modes = {module: module.training for module in net.modules()}
    tokens = min(_TOKENS, net.context or _TOKENS) if isinstance(net, CausalNetwork) else _TOKENS
    batch = one_row(signature, next(net.parameters()).device, tokens)
    watch = _Watch(net, [batch[f"image:{image.name}"] for image in signature.of("image")])
    net.eval()
    try:
        with torch.no_grad(), watch.hooks(), watch:
            net(batch)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return watch.rows()


def one_row(signature: Signature, device: torch.device, tokens: int = _TOKENS) -> Batch:
    """A batch of one row of zeros, as the signature says, texts of so many tokens."""
    batch: Batch = {}
    if signature.numbers:
        batch["number"] = torch.zeros(1, signature.numbers, device=device)
    if signature.categories:
        batch["category"] = torch.zeros(1, len(signature.categories), dtype=torch.int64, device=device)
    for text in signature.of("tokens"):
        batch[f"tokens:{text.name}"] = torch.zeros(1, tokens, dtype=torch.int64, device=device)
    for image in signature.of("image"):
        batch[f"image:{image.name}"] = torch.zeros(1, *image.shape, device=device)
    return batch


@dataclass(frozen=True)
class _Reach:
    """What the places of a tensor see of the picture, in height and width: one place, and all of them together; how
    many pixels they lie apart; how many there are."""

    field: tuple[int, int]
    extent: tuple[int, int]
    apart: tuple[int, int]
    places: tuple[int, int]

    def through(self, kernel: Any, step: Any, dilation: Any, places: tuple[int, int]) -> _Reach:
        """After a kernel that slides over it."""
        ways = zip(self.field, self.apart, _pair(kernel), _pair(step), _pair(dilation), places, strict=True)
        along = [(f + (k - 1) * d * a, a * s, n) for f, a, k, s, d, n in ways]
        (fh, ah, nh), (fw, aw, nw) = along
        return _Reach((fh, fw), (fh + (nh - 1) * ah, fw + (nw - 1) * aw), (ah, aw), places)

    def whole(self) -> _Reach:
        """After a kernel as large as the map."""
        return _Reach(self.extent, self.extent, self.apart, (1, 1))

    def averaged(self, places: tuple[int, int]) -> _Reach:
        """After averaging to a grid of so many places, each over its share of the map."""
        ways = zip(self.field, self.apart, self.places, places, strict=True)
        fh, fw = (f + (_share(before, after) - 1) * a for f, a, before, after in ways)
        return _Reach((fh, fw), self.extent, self.apart, places)

    def thinned(self, places: tuple[int, int]) -> _Reach:
        """After cutting away or adding places at the border, or taking every n-th."""
        ah, aw = (a * max(1, round(before / n)) for a, before, n in zip(self.apart, self.places, places, strict=True))
        return _Reach(self.field, self.extent, (ah, aw), places)


@dataclass
class _Use:
    """What is known of a module once it has been used."""

    shape: tuple[int, ...] = ()
    multiply_adds: int = 0
    reach: _Reach | None = None
    computed: bool = False


class _Watch(TorchFunctionMode):
    """Sees every function of PyTorch that is called, and in which module."""

    def __init__(self, net: nn.Module, pictures: list[Tensor]) -> None:
        super().__init__()
        self.net = net
        self.uses: dict[str, _Use] = {}
        self.inside: list[str] = []
        self.reaches: MutableMapping[Tensor, _Reach] = WeakIdKeyDictionary()
        self.picture = (0, 0)
        for image in pictures:
            self.picture = (image.shape[2], image.shape[3])
            self.reaches[image] = _Reach((1, 1), self.picture, (1, 1), self.picture)

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """While open, modules say when they begin and end."""
        handles = []
        for name, module in self.net.named_modules():
            handles.append(module.register_forward_pre_hook(lambda module, given, name=name: self._begin(name)))
            handles.append(module.register_forward_hook(lambda module, given, out, name=name: self._end(name, out)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        said = kwargs or {}
        out = func(*args, **said)
        name = getattr(func, "__name__", "")
        known = [self.reaches[tensor] for tensor in _tensors([*args, *said.values()]) if tensor in self.reaches]
        for made in _tensors([out]) if known else ():
            self.reaches[made] = self._after(name, _together(known), args, said, made)
        if name in _COSTS and self.inside:
            use = self.uses[self.inside[-1]]
            use.computed = True
            use.multiply_adds += _COSTS[name](args, out)
        return out

    def rows(self) -> list[LayerRow]:
        """What was seen."""
        modules = dict(self.net.named_modules())
        met: set[int] = set()
        found = []
        for name, use in self.uses.items():
            own = [p for p in modules[name].parameters(recurse=False) if id(p) not in met]
            met |= {id(parameter) for parameter in own}
            leaf = not any(True for _ in modules[name].children()) and not isinstance(modules[name], nn.Identity)
            if own or use.computed or leaf:
                kind = type(modules[name]).__name__.removeprefix("_")
                learned = sum(parameter.numel() for parameter in own)
                sees = use.reach.field if use.reach else None
                found.append(LayerRow(name, kind, use.shape, learned, use.multiply_adds, sees))
        return found

    def _begin(self, name: str) -> None:
        self.uses.setdefault(name, _Use())
        self.inside.append(name)

    def _end(self, name: str, out: Any) -> None:
        self.inside.pop()
        for tensor in _tensors([out])[:1]:
            self.uses[name].shape = tuple(tensor.shape[1:])
            self.uses[name].reach = self.reaches.get(tensor)

    def _after(self, name: str, before: _Reach, args: Any, said: Any, out: Tensor) -> _Reach:
        """What the outcome of a function sees."""
        if name == "scaled_dot_product_attention":
            return _Reach(self.picture, self.picture, (1, 1), (1, 1))
        if out.ndim != 4:
            flat = (name == "flatten" and out.ndim == 2) or name == "mean"
            return before.whole() if flat else before
        places = (out.shape[2], out.shape[3])
        if name in _SLIDING:
            return before.through(*_SLIDING[name](args, said), places)
        if name.startswith("adaptive"):
            return before.averaged(places)
        if name == "mean" and places == (1, 1):
            return before.whole()
        return before if places == before.places else before.thinned(places)


def _together(reaches: list[_Reach]) -> _Reach:
    """Where ways meet: the larger of what each sees, on the places of the finer one."""
    most = max(reaches, key=lambda one: (one.places, one.apart))
    fields, extents = zip(*((one.field, one.extent) for one in reaches), strict=True)
    return _Reach(_most(fields), _most(extents), most.apart, most.places)


def _most(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    heights, widths = zip(*pairs, strict=True)
    return max(heights), max(widths)


def _share(before: int, after: int) -> int:
    """The most places of `before` that one of `after` is the mean of."""
    return max(-(-(i + 1) * before // after) - i * before // after for i in range(after))


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Those among the values, and in the lists among them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [item for item in value if isinstance(item, Tensor)]
    return found


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[-1]) if isinstance(value, (tuple, list)) else (value, value)


def _convolution(args: Any, said: Any) -> tuple[Any, Any, Any]:
    """Kernel, step and dilation of conv2d(input, weight, bias, stride, padding, dilation, groups)."""
    given = dict(zip(("input", "weight", "bias", "stride", "padding", "dilation"), args, strict=False)) | said
    return tuple(given["weight"].shape[2:]), given.get("stride", 1), given.get("dilation", 1)


def _pool(args: Any, said: Any) -> tuple[Any, Any, Any]:
    """The same of max_pool2d and avg_pool2d(input, kernel_size, stride, padding, dilation or nothing)."""
    given = dict(zip(("input", "kernel_size", "stride", "padding"), args, strict=False)) | said
    kernel = given["kernel_size"]
    return kernel, given.get("stride") or kernel, said.get("dilation", args[4] if len(args) > 4 else 1)


def _in_einsum(args: Any, out: Tensor) -> int:
    letters, tensors = args[0].split("->")[0].split(","), _tensors(args[1:])
    sizes: dict[str, int] = {}
    for word, tensor in zip(letters, tensors, strict=True):
        sizes |= zip(word.strip(), tensor.shape, strict=True)
    return math.prod(sizes.values())


_SLIDING: dict[str, Callable[[Any, Any], tuple[Any, Any, Any]]] = {
    "conv2d": _convolution,
    "max_pool2d": _pool,
    "avg_pool2d": lambda args, said: (*_pool(args[:4], {k: v for k, v in said.items() if k != "dilation"})[:2], 1),
}
_COSTS: dict[str, Callable[[Any, Tensor], int]] = {
    "conv2d": lambda args, out: out.numel() * args[1][0].numel(),
    "linear": lambda args, out: out.numel() * args[1].shape[1],
    "matmul": lambda args, out: out.numel() * args[0].shape[-1],
    "__matmul__": lambda args, out: out.numel() * args[0].shape[-1],
    "mm": lambda args, out: out.numel() * args[0].shape[-1],
    "bmm": lambda args, out: out.numel() * args[0].shape[-1],
    "addmm": lambda args, out: out.numel() * args[1].shape[-1],
    "baddbmm": lambda args, out: out.numel() * args[1].shape[-1],
    "einsum": _in_einsum,
    "scaled_dot_product_attention": lambda args, out: (args[0].numel() + out.numel()) * args[1].shape[-2],
}
"""Function of PyTorch → multiply-adds of a call: (arguments, outcome)."""
