"""Ensemble layers: M networks in one, sharing most weights; members are never mixed.

Wen, Tran, Ba (2020), "BatchEnsemble". Axes: B rows, M members, I inputs, O outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchEnsembleLinear(nn.Module):
    """One shared weight matrix; each member scales its inputs and its outputs by vectors of its own.

    member m:  y = ((x · in_scale[m]) Wᵀ) · out_scale[m] + bias[m]
    The scales start at 1 and the biases equal, so that members are equal until someone sets `in_scale` apart.
    """

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.in_scale = nn.Parameter(torch.ones(members, inputs))
        self.out_scale = nn.Parameter(torch.ones(members, outputs))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound).repeat(members, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, I), or (B, 1, I) when all members see the same → (B, M, O)"""
        x = F.linear(x * self.in_scale, self.weight)  # (B, M, O)
        return torch.addcmul(self.bias, x, self.out_scale)  # (B, M, O)


class SeparateLinear(nn.Module):
    """M linear layers side by side, nothing shared."""

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, I) → (B, M, O)"""
        return torch.einsum("bmi,mio->bmo", x, self.weight) + self.bias  # (B, M, O)
