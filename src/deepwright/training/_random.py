"""The engine's own random numbers: dropout does not depend on what the caller draws between two reports."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Randomness:
    """The states of every global generator that training may use: PyTorch's, its GPU's, NumPy's and Python's.

    Training runs between `enter` and `leave`; outside, the caller's own generators are as the caller left them.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._callers: _Generators | None = None
        before = _capture(device)
        torch.manual_seed(seed)
        np.random.seed(seed % (1 << 32))
        random.seed(seed)
        self._own = _capture(device)
        _apply(before, device)

    def enter(self) -> None:
        """Put the caller's generators aside and the training's in their place."""
        self._callers = _capture(self._device)
        _apply(self._own, self._device)

    def leave(self) -> None:
        """And back."""
        if self._callers is not None:
            self._own = _capture(self._device)
            _apply(self._callers, self._device)
            self._callers = None

    def state(self) -> dict[str, Any]:
        """As it was left; a tree of tensors and JSON-able values."""
        _, (version, words, gauss), numbers, cuda = self._own
        return {
            "torch": self._own.torch,
            "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
            "numpy": {
                "key": torch.from_numpy(numbers["state"]["key"].astype(np.int64)),
                "position": int(numbers["state"]["pos"]),
                "has_gauss": int(numbers["has_gauss"]),
                "gauss": float(numbers["gauss"]),
            },
            "cuda": cuda,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        python, saved = state["python"], state["numpy"]
        numbers = {
            "bit_generator": "MT19937",
            "state": {"key": saved["key"].numpy().astype(np.uint32), "pos": saved["position"]},
            "has_gauss": saved["has_gauss"],
            "gauss": saved["gauss"],
        }
        words = (python["version"], tuple(python["words"].tolist()), python["gauss"])
        self._own = _Generators(state["torch"], words, numbers, state["cuda"])


class _Generators(NamedTuple):
    torch: Tensor
    python: tuple[Any, ...]
    numpy: dict[str, Any]
    cuda: Tensor | None


def _capture(device: torch.device) -> _Generators:
    numbers = np.random.get_state(legacy=False)
    assert isinstance(numbers, dict)
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return _Generators(torch.get_rng_state(), random.getstate(), numbers, cuda)


def _apply(state: _Generators, device: torch.device) -> None:
    torch.set_rng_state(state.torch)
    random.setstate(state.python)
    np.random.set_state(state.numpy)
    if state.cuda is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state.cuda, device)
