"""Norms by name: layers that keep activations in a steady range."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.core.errors import not_found


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation (Ioffe and Szegedy, 2015) that takes a batch of one row, such as the last of an epoch.

    Such a batch has no variance: it is normalised by the running statistics and leaves them as they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)  # (B, D)


class BatchNorm2d(nn.BatchNorm2d):
    """The same for maps, over all places of a channel; where a batch holds one place only, it has no variance."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)  # (B, C, H, W)


NORMS: dict[str, type[nn.Module]] = {"none": nn.Identity, "batch": BatchNorm, "layer": nn.LayerNorm}
"""Name → module. "layer" (Ba et al., 2016) looks at one row only, "batch" at one column of a batch."""


def norm(name: str, width: int) -> nn.Module:
    """A new layer for (B, width); raises NotFoundError offering the nearest name."""
    if name not in NORMS:
        raise not_found("norm", name, NORMS)
    return NORMS[name](width)
