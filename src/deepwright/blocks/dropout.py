"""Dropout: silences units at random while training; as torch.nn.Dropout, several times faster on CPUs.

Srivastava et al. (2014). PyTorch draws one random number of 64 bits a unit; here each gives eight units a byte.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zero each number with probability `share` (rounded to 1/256, at least 1/256 where it is not 0), scale the rest
    up so that the mean stays; does nothing in eval mode. Randomness is PyTorch's own, so a run can be resumed."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.silent = 0 if share == 0 else min(max(round(share * 256), 1), 255)

    def extra_repr(self) -> str:
        return f"share={self.share}"

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same shape."""
        if not self.training or self.silent == 0:
            return x
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None)
        keep = (words.view(torch.uint8)[: x.numel()] >= self.silent).view(x.shape)  # same shape as x, bool
        return x * keep.to(x.dtype).mul_(256 / (256 - self.silent))
