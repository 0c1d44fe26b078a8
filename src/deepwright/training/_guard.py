"""Guard: lets a step happen when loss and gradient are finite, clips it, and keeps the window's statistics.

On the CPU looking at a number costs nothing, so `Watchful` decides at once. On an accelerator it would stall the
device in every step: `Trusting` lets the optimizer's kernel decide there, and looks at reports only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from deepwright.training._part import Part, norm_of, norms_of

_TINY = 1e-6
"""Added to the norm that divides, as torch.nn.utils.clip_grad_norm_ does."""


class Guard(ABC):
    """Takes steps, and counts since the last `reset`: losses by part, gradient norms, steps that were skipped."""

    in_a_row = 0
    """Skipped steps up to now without one taken between them."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new window."""
        self.losses: dict[str, Any] = {}
        self.taken: dict[str, Any] = {}
        self.norms: Any = 0.0
        self.lr: dict[str, float] = {}
        self.ratio: Any = None
        self.skipped: Any = 0

    @abstractmethod
    def step(self, part: Part, lr: float, loss: Tensor) -> bool:
        """Move the part down its gradients, or leave it. False: known to have been skipped."""

    @abstractmethod
    def look(self) -> int:
        """Make `in_a_row` true; gives how many skipped steps came to light since the last look."""

    def mean_losses(self) -> dict[str, float]:
        """Part → mean loss over the steps taken."""
        return {name: _mean(total, self.taken[name]) for name, total in self.losses.items()}

    def mean_norm(self) -> float:
        """Mean norm of the gradients of the steps taken."""
        return _mean(self.norms, sum(self.taken.values()))

    def _measured(self, part: Part) -> list[Tensor] | None:
        """The weights before a step that is to be measured: the first of the window."""
        return [value.clone() for value in part.values] if self.ratio is None else None

    def _measure(self, part: Part, before: list[Tensor] | None) -> None:
        if before is not None:
            moved = torch._foreach_sub(part.values, before)
            self.ratio = norm_of(moved) / (norm_of(before) + _TINY)


class Watchful(Guard):
    """For the CPU."""

    def step(self, part: Part, lr: float, loss: Tensor) -> bool:
        gradients = part.gradients()
        value, clip = loss.item(), part.plan.clip
        norm = math.hypot(*[norm.item() for norm in norms_of(gradients)])
        name = part.name
        self.lr[name] = lr
        self.losses.setdefault(name, 0.0)
        self.taken.setdefault(name, 0)
        if not math.isfinite(value + norm):
            self.skipped += 1
            self.in_a_row += 1
            return False
        if clip is not None and norm > clip:
            torch._foreach_mul_([g for g in gradients if g is not None], clip / (norm + _TINY))
        before = self._measured(part)
        part.optimizer.step(lr, gradients)
        part.after_step()
        self._measure(part, before)
        self.losses[name] += value
        self.taken[name] += 1
        self.norms += norm
        self.in_a_row = 0
        return True

    def look(self) -> int:
        return 0


class Trusting(Guard):
    """For accelerators. The average of weights may move towards weights that a skipped step left as they were."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._row = torch.zeros((), device=device)
        self._unseen = torch.zeros((), device=device)

    def step(self, part: Part, lr: float, loss: Tensor) -> bool:
        gradients = part.gradients()
        loss, norm, clip = loss.detach().float(), norm_of(gradients).float(), part.plan.clip
        bad = (~torch.isfinite(loss + norm)).float()  # ()
        before = self._measured(part)
        if part.optimizer.masks:
            scale = None if clip is None else ((norm + _TINY) / clip).clamp_min(1.0)
            part.optimizer.step(lr, gradients, scale, bad)
        elif not bad.item():  # an optimizer that cannot skip on the device costs one look a step
            if clip is not None:
                torch._foreach_mul_([g for g in gradients if g is not None], (clip / (norm + _TINY)).clamp_max(1.0))
            part.optimizer.step(lr, gradients)
        part.after_step()
        self._measure(part, before)
        good = 1.0 - bad
        self.lr[part.name] = lr
        self.losses[part.name] = self.losses.get(part.name, 0.0) + loss.nan_to_num(0.0, 0.0, 0.0) * good
        self.taken[part.name] = self.taken.get(part.name, 0.0) + good
        self.norms = self.norms + norm.nan_to_num(0.0, 0.0, 0.0) * good
        self._row = (self._row + 1.0) * bad
        self._unseen += bad
        return True

    def look(self) -> int:
        found = int(self._unseen)
        self._unseen.zero_()
        self.in_a_row = int(self._row)
        self.skipped += found
        return found


def _mean(total: Any, count: Any) -> float:
    return float(total) / float(count) if float(count) else math.nan
