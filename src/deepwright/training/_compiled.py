"""Compiled: the learner's networks through torch.compile while training runs, as they were in the caller's turn."""

from __future__ import annotations

from torch import nn


class Compiled:
    """Networks are compiled in place, so that names of weights stay what they are; evaluation stays uncompiled."""

    def __init__(self, learner: nn.Module, wanted: bool) -> None:
        self._calls = dict.fromkeys(learner.children()) if wanted else {}
        for child in self._calls:
            child.compile()
            self._calls[child] = child._compiled_call_impl
        self.leave()

    def enter(self) -> None:
        """For training."""
        for child, call in self._calls.items():
            child._compiled_call_impl = call

    def leave(self) -> None:
        """For the caller."""
        for child in self._calls:
            child._compiled_call_impl = None
