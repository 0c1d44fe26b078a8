"""Compiled: the learner's networks through torch.compile while training runs, as they were in the caller's turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Compiled:
    """Networks are compiled in place, so that names of weights stay what they are; evaluation stays uncompiled."""

    def __init__(self, learner: nn.Module, wanted: bool) -> None:
        children = [child for child in learner.children() if any(p.requires_grad for p in child.parameters())]
        self._calls = {child: torch.compile(_call_of(child)) for child in children} if wanted else {}

    def enter(self) -> None:
        """For training."""
        for child, call in self._calls.items():
            child._compiled_call_impl = call

    def leave(self) -> None:
        """For the caller."""
        for child in self._calls:
            child._compiled_call_impl = None


def _call_of(child: nn.Module) -> Callable[..., Any]:
    """The module's call as a function of our own: PyTorch leaves the frames of its own modules uncompiled."""

    def call(*inputs: Any) -> Any:
        return child._call_impl(*inputs)

    return call
