"""Weights of a learner, copied out and loaded back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepwright.core.errors import RunError


def copied(state: dict[str, Any], device: torch.device | None = None) -> dict[str, Any]:
    """A state dict whose tensors are copies; on their own device, or on `device`."""
    return {
        name: value.detach().to(device or value.device, copy=True) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def load_weights(learner: nn.Module, weights: dict[str, Any]) -> None:
    """Load them all; raises RunError when they belong to another learner."""
    try:
        learner.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"the checkpoint's weights do not fit: {' '.join(str(error).split())[:300]}.",
            remedy="Resume with the network the training was started with.",
        ) from error
