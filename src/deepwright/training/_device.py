"""Where and how precisely to compute, from the plan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn

from deepwright.core.errors import RecipeError
from deepwright.core.plan import Plan

_LARGE = 200_000
"""Parameters from which on more than one CPU thread pays; below, threads cost more than they bring."""

T = TypeVar("T")
R = TypeVar("R")


def choose_device(name: str) -> torch.device:
    """The plan's device; raises RecipeError when this machine does not have it."""
    if name == "auto":
        best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(best)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RecipeError(
            f"the device '{name}' is not there.",
            where="training.device",
            remedy="Use auto, or cpu.",
        ) from error
    return device


def choose_threads(plan: Plan, learner: nn.Module) -> int:
    """CPU threads for this learner."""
    if plan.threads is not None:
        return plan.threads
    return 1 if sum(p.numel() for p in learner.parameters()) < _LARGE else torch.get_num_threads()


def in_precision(plan: Plan, device: torch.device, function: Callable[[T], R]) -> Callable[[T], R]:
    """`function`, with its forward passes in the plan's precision."""
    lower = plan.precision == "bfloat16" or (
        plan.precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    if not lower:
        return function

    def lowered(argument: T) -> R:
        with torch.autocast(device.type, torch.bfloat16):
            return function(argument)

    return lowered


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """That many CPU threads in the block, as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
