"""Number embeddings: each number column gets a small vector of its own before the first layer.

Gorishniy, Rubachev, Babenko (2022), "On Embeddings for Numerical Features in Tabular Deep Learning".

Axes: B rows, N number columns, T bins, E embedding width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepwright.core.errors import not_found

_ROWS_A_BIN = 32
"""Training rows in a quantile bin, at least."""


class PiecewiseLinear(nn.Module):
    """Which bin a number falls into and how far, times weights, plus a plain linear term (sections 3.2, and
    "version B" of the authors' package, whose output starts out linear: the bins' weights start at 0).

    A number x in a column with bin borders b0 < b1 < … < bT becomes T numbers, the t-th rising from 0 at its lower
    border to 1 at its upper one; the first is open below and the last above, so that outliers are told apart.
    Borders are quantiles of the training rows (`fit`); before that, those of a standard normal.
    """

    scale: Tensor
    shift: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, columns: int, width: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        bound = width**-0.5
        self.linear = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.weight = nn.Parameter(torch.zeros(columns, bins, width))
        self.register_buffer("scale", torch.empty(columns, bins))
        self.register_buffer("shift", torch.empty(columns, bins))
        self.register_buffer("low", torch.empty(columns, bins))
        self.register_buffer("high", torch.empty(columns, bins))
        share = torch.linspace(0.01, 0.99, bins + 1, dtype=torch.float64, device="cpu")
        self._set_borders([torch.special.ndtri(share)] * columns)

    def fit(self, numbers: Tensor) -> None:
        """Set the borders to quantiles of `numbers` (B, N).

        There are fewer bins where a column has few distinct values, or where a bin would hold too few rows to learn
        from.
        """
        bins = max(1, min(self.bins, len(numbers) // _ROWS_A_BIN))
        share = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
        self._set_borders([torch.unique(_quantiles(column.double(), share)) for column in numbers.T])

    def forward(self, x: Tensor) -> Tensor:
        """(B, N) → (B, N, E)"""
        place = torch.addcmul(self.shift, x.unsqueeze(-1), self.scale)  # (B, N, T)
        place = torch.clamp(place, self.low, self.high)  # (B, N, T)
        curved = torch.einsum("bnt,nte->bne", place, self.weight)  # (B, N, E)
        return torch.addcmul(self.bias, x.unsqueeze(-1), self.linear) + curved  # (B, N, E)

    @torch.no_grad()
    def _set_borders(self, columns: list[Tensor]) -> None:
        """`columns`: rising borders of each number column, 1 to T + 1 of them; bins that are not needed give 0."""
        for tensor in (self.scale, self.shift, self.low, self.high):
            tensor.zero_()
        for n, borders in enumerate(columns):
            apart = borders.diff() > 1e-6 * (borders[-1] - borders[0])  # closer ones would give endless slopes
            borders = borders[torch.cat([torch.ones(1, dtype=torch.bool, device=borders.device), apart])]
            if len(borders) < 2:  # a constant column: one bin of width 1 around it
                borders = torch.tensor([-0.5, 0.5], dtype=torch.float64, device=borders.device) + borders
            t = len(borders) - 1
            width = borders.diff()
            self.scale[n, :t] = 1 / width
            self.shift[n, :t] = -borders[:-1] / width
            self.high[n, :t] = 1.0
            self.low[n, 0] = -math.inf
            self.high[n, t - 1] = math.inf


class Periodic(nn.Module):
    """Sines and cosines of learned frequencies, mixed by one linear layer a column, then ReLU (section 3.3, "PLR")."""

    def __init__(self, columns: int, width: int, frequencies: int = 24, sigma: float = 0.1) -> None:
        super().__init__()
        self.frequency = nn.Parameter(sigma * torch.randn(columns, frequencies))
        bound = (2 * frequencies) ** -0.5
        self.weight = nn.Parameter(torch.empty(columns, 2 * frequencies, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))

    def fit(self, numbers: Tensor) -> None:
        """Needs no data."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N) → (B, N, E)"""
        angle = 2 * math.pi * self.frequency * x.unsqueeze(-1)  # (B, N, F)
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)  # (B, N, 2F)
        return torch.relu(torch.einsum("bnf,nfe->bne", waves, self.weight) + self.bias)  # (B, N, E)


class LinearReLU(nn.Module):
    """One linear unit row a column, then ReLU: the simplest embedding (section 3.4)."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))

    def fit(self, numbers: Tensor) -> None:
        """Needs no data."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N) → (B, N, E)"""
        return torch.relu(torch.addcmul(self.bias, x.unsqueeze(-1), self.weight))  # (B, N, E)


NUMBER_EMBEDDINGS = ("none", "piecewise_linear", "periodic", "linear_relu")
"""Names that `number_embedding` knows."""


def number_embedding(name: str, columns: int, width: int, bins: int) -> PiecewiseLinear | Periodic | LinearReLU | None:
    """The embedding of that name for N columns, or None for "none"; raises NotFoundError with the nearest name."""
    if name == "none" or columns == 0:
        return None
    if name == "piecewise_linear":
        return PiecewiseLinear(columns, width, bins)
    if name == "periodic":
        return Periodic(columns, width)
    if name == "linear_relu":
        return LinearReLU(columns, width)
    raise not_found("number embedding", name, NUMBER_EMBEDDINGS)


def _quantiles(column: Tensor, share: Tensor) -> Tensor:
    """Quantiles by sorting: torch.quantile refuses more than 16 million values, and interpolates between rows."""
    ordered = column.sort().values  # (B,)
    return ordered[(share * (len(ordered) - 1)).round().long()]  # (T + 1,)
