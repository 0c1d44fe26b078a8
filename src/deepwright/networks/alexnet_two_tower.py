"""AlexNet as printed in 2012: two towers that meet in the third layer, and neighbours that damp each other.

Paper: Krizhevsky, Sutskever, Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural Networks". The
towers lay on two GPUs: layers 2, 4 and 5 see the maps of their own tower only, which is a convolution in two groups.
Responses are normalised after layers 1 and 2 (section 3.3): b = a / (2 + 1e-4 Σ a²)^0.75, the sum over five maps side
by side. First weights N(0, 0.01); biases 1 in layers 2, 4, 5 and the hidden linear ones, else 0 (section 5). The paper
says 224 × 224, its figures need 227 (here 224 is padded by 2, which gives as many places).

layer   kernel             maps   places     parameters (3 channels, 1,000 outputs)
1       11 × 11 / 4          96   55 × 55        34,944
2       5 × 5 pad 2         256   27 × 27       307,456   in two groups, after normalising and max 3 × 3 / 2
3       3 × 3 pad 1         384   13 × 13       885,120   after normalising and max 3 × 3 / 2
4       3 × 3 pad 1         384   13 × 13       663,936   in two groups
5       3 × 3 pad 1         256   13 × 13       442,624   in two groups, then max 3 × 3 / 2 → 6 × 6
6, 7    linear            4,096              37,752,832 + 16,781,312
output  linear            1,000               4,097,000    60,965,224 in all

Axes: B rows, C channels, H height, W width, M maps, U units.
"""

from __future__ import annotations

from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, at_least
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature

_NEIGHBOURS, _START, _ALPHA, _BETA = 5, 2.0, 1e-4, 0.75


class AlexNetTwoTower(ImageNetwork):
    """Five convolutions, three of them in two towers, two of them normalised → three linear layers."""

    paper = "Krizhevsky, Sutskever, Hinton, 2012, ImageNet Classification with Deep Convolutional Neural Networks"
    takes = frozenset({"image"})
    published = (
        Published(
            what="224 × 224 colour, 1,000 classes",
            parameters=60_965_224,
            signature=Signature((Field(form="image", name="photo", shape=(3, 224, 224)),)),
            outputs=1000,
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "batch": 128, "epochs": 90,
        "schedule": "plateau",
    }  # fmt: skip
    trial = {"maps": [4, 8, 6, 6, 6], "units": 32, "first_kernel": 3, "first_stride": 1, "spread": 0.15, "dropout": 0.1}

    class Config(core.Config):
        """What can be chosen about it."""

        maps: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
        """Maps of each convolution, both towers together: even numbers."""
        units: int = Limits(default=4096, ge=1, le=100_000)
        """Units of the two hidden linear layers."""
        first_kernel: int = Limits(default=11, ge=1, le=31)
        """Side of the first kernel in pixels; 3 or 5 for small pictures."""
        first_stride: int = Limits(default=4, ge=1, le=16)
        """Pixels from one place of the first kernel to the next; 1 for small pictures."""
        spread: float = Limits(default=0.01, gt=0, le=10)
        """Standard deviation of first weights; the printed one suits wide nets, narrow ones need √(2 / fan-in)."""
        dropout: float = Limits(default=0.5, ge=0, lt=1)
        """Share of the numbers before each hidden linear layer silenced at random while training."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        if any(maps < 2 or maps % 2 for maps in config.maps):
            raise RecipeError(
                f"two towers share {', '.join(map(str, config.maps))} maps evenly: even numbers from 2 on.",
                where="config.maps",
            )
        padding = min(config.first_kernel // 2, 2)
        at_least(self.size, 14 * config.first_stride + config.first_kernel - 2 * padding, "AlexNet with this kernel")
        height, width = ((side + 2 * padding - config.first_kernel) // config.first_stride + 1 for side in self.size)
        one, two, three, four, five = config.maps
        self.one = nn.Conv2d(self.channels, one, config.first_kernel, config.first_stride, padding)
        self.two = nn.Conv2d(one, two, 5, padding=2, groups=2)
        self.three = nn.Conv2d(two, three, 3, padding=1)
        self.four = nn.Conv2d(three, four, 3, padding=1, groups=2)
        self.five = nn.Conv2d(four, five, 3, padding=1, groups=2)
        self.pool = nn.MaxPool2d(3, 2)
        self.silence = Dropout(config.dropout)
        self.six = nn.Linear(five * _after_pools(height) * _after_pools(width), config.units)
        self.seven = nn.Linear(config.units, config.units)
        self.output = nn.Linear(config.units, outputs)
        self._initialise(config.spread)

    def about(self) -> str:
        return "AlexNet of 2012, two towers"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.pool(damped(F.relu(self.one(x))))  # (B, M, 27, 27) from 224 × 224
        x = self.pool(damped(F.relu(self.two(x))))  # (B, M, 13, 13)
        x = F.relu(self.four(F.relu(self.three(x))))  # (B, M, 13, 13)
        x = self.pool(F.relu(self.five(x)))  # (B, M, 6, 6)
        x = F.relu(self.six(self.silence(x.flatten(1))))  # (B, U)
        x = F.relu(self.seven(self.silence(x)))  # (B, U)
        return self.output(x)  # (B, outputs)

    def _initialise(self, spread: float) -> None:
        ones = ("two", "four", "five", "six", "seven")
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=spread)
            else:
                nn.init.constant_(parameter, 1.0 if name.startswith(ones) else 0.0)


def damped(x: Tensor) -> Tensor:
    """(B, M, H, W), each divided by the strength of the maps beside it at the same place (section 3.3)."""
    half = _NEIGHBOURS // 2
    squares = F.pad(x.square(), (0, 0, 0, 0, half, half))  # (B, M + 4, H, W)
    beside = sum(squares[:, i : i + x.shape[1]] for i in range(_NEIGHBOURS))  # (B, M, H, W)
    return x / (_START + _ALPHA * beside) ** _BETA


def _after_pools(side: int) -> int:
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side
