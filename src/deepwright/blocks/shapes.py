"""Shapes: building a module for the shapes of its weights alone, without memory and without first values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """What is built in the block lies on the meta device: nn.Modules whose tensors have shapes and types only.

    First values are left out: drawing them there costs nothing but three seconds of imports of PyTorch's.
    """
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """Functions that fill a tensor leave it as it is."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init" or func in _FILLS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


_FILLS = (Tensor.normal_, Tensor.uniform_)
