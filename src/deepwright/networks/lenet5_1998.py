"""LeNet-5 as printed in 1998: trained pooling, a table of connections, squashing, and outputs that are distances.

Paper: LeCun, Bottou, Bengio, Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition", section II.B.
Activation 1.7159 tanh(2/3 a); first weights uniform in ±2.4 / fan_in (appendix A). Outputs: the squared distance of F6
to a fixed code of 84 signs for each class, here with a minus, so that softmax with cross-entropy is the paper's
equation 9 but for its constant class of rubbish. The paper draws its codes as 7 × 12 pictures of characters and says
that signs at random would do; as classes here are any, they are random signs, the same ones always.

layer    what                                   maps   size      trained parameters (1 channel)
C1       convolution 5 × 5                         6   28 × 28      156
S2       mean 2 × 2, times a weight, plus a bias   6   14 × 14       12
C3       5 × 5, on 3, 4 or 6 of the maps (table)  16   10 × 10    1,516
S4       as S2                                    16    5 × 5        32
C5       convolution 5 × 5                       120    1 × 1    48,120
F6       linear                                   84             10,164
output   distance to codes                        10                  0   60,000 in all

The input is 32 × 32; pictures of 28 × 28 are framed by 2 pixels of 0, as in the paper. Other sizes would leave C5 more
than one place.

Axes: B rows, C channels, K outputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.image_network import ImageNetwork, refuse
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

_SIDE = 32
_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""The paper's table I: for each map of C3, the maps of S2 that it sees."""


class LeNet5Of1998(ImageNetwork):
    """C1 → S2 → C3 → S4 → C5 → F6, squashed each time, then minus the squared distance to each class's code."""

    paper = "LeCun, Bottou, Bengio, Haffner, 1998, Gradient-Based Learning Applied to Document Recognition"
    takes = frozenset({"image"})
    published = (
        Published(
            what="32 × 32 grey, 10 classes; the codes of the output layer are fixed",
            parameters=60_000,
            signature=Signature((Field(form="image", name="digit", shape=(1, _SIDE, _SIDE)),)),
            outputs=10,
        ),
    )
    recommended = {"optimizer": "adamw", "lr": 2e-3, "batch": 128, "epochs": 20, "schedule": "cosine", "warmup": 0.05}

    class Config(core.Config):
        """Nothing can be chosen: it is the paper's."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        if self.size not in ((28, 28), (_SIDE, _SIDE)):
            nearest = min((28, _SIDE), key=lambda side: abs(sum(self.size) / 2 - side))
            raise refuse(self.size, "LeNet-5 of 1998 reads 32 × 32, or 28 × 28 that it frames", (nearest, nearest))
        self.c1 = nn.Conv2d(self.channels, 6, 5)
        self.s2 = _TrainedMean(6)
        self.c3 = _ByTable()
        self.s4 = _TrainedMean(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = _Distances(84, outputs)
        self._initialise()

    def about(self) -> str:
        return "LeNet-5 of 1998"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, 28 or 32, 28 or 32)
        x = F.pad(x, [(_SIDE - self.size[0]) // 2] * 4)  # (B, C, 32, 32)
        x = _squash(self.s2(_squash(self.c1(x))))  # (B, 6, 14, 14)
        x = _squash(self.s4(_squash(self.c3(x))))  # (B, 16, 5, 5)
        x = _squash(self.c5(x)).flatten(1)  # (B, 120)
        return self.output(_squash(self.f6(x)))  # (B, K)

    def _initialise(self) -> None:
        fans = {self.c1: 25 * self.channels, self.s2: 4, self.c3: 25 * 60 / 16, self.s4: 4, self.c5: 400, self.f6: 120}
        for layer, fan in fans.items():
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -2.4 / fan, 2.4 / fan)


def _squash(x: Tensor) -> Tensor:
    """f(±1) = ±1, and steepest curvature there, so that codes of ±1 lie where it still has a slope."""
    return 1.7159 * torch.tanh(2 / 3 * x)


class _TrainedMean(nn.Module):
    """The sum of four neighbours times a weight plus a bias, both of the map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps, 1, 1))
        self.bias = nn.Parameter(torch.empty(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H/2, W/2)"""
        return 4 * F.avg_pool2d(x, 2) * self.weight + self.bias


class _ByTable(nn.Module):
    """Convolution 5 × 5 from 6 maps to 16, of which each sees those in the table only."""

    def __init__(self) -> None:
        super().__init__()
        pairs = [(to, of) for to, seen in enumerate(_TABLE) for of in seen]
        self.place: Tensor
        self.register_buffer("place", torch.tensor([6 * to + of for to, of in pairs]), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(pairs), 5, 5))
        self.bias = nn.Parameter(torch.empty(len(_TABLE)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 6, 14, 14) → (B, 16, 10, 10)"""
        full = self.weight.new_zeros(len(_TABLE) * 6, 5, 5).index_copy(0, self.place, self.weight)  # (96, 5, 5)
        return F.conv2d(x, full.view(len(_TABLE), 6, 5, 5), self.bias)


class _Distances(nn.Module):
    """(B, 84) → (B, K): minus the squared distance to each class's code of signs."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.codes: Tensor
        self.register_buffer("codes", _signs(width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.codes).square().sum(2)  # (B, K)


def _signs(width: int, outputs: int) -> Tensor:
    """(K, width) of ±1, by which half of the unit interval √2 n^1.5 falls into, which looks random."""
    rows = [[k * width + i + 1 for i in range(width)] for k in range(outputs)]
    return torch.tensor([[1.0 if math.sqrt(2) * n**1.5 % 1 < 0.5 else -1.0 for n in row] for row in rows])
