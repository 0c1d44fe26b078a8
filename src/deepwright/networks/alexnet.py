"""AlexNet, one tower: five convolutions and three linear layers, as on one GPU.

Papers: Krizhevsky, Sutskever, Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural Networks"; in this
form Krizhevsky, 2014, "One weird trick for parallelizing convolutional neural networks" (its footnote 1): no split in
two towers, 64 maps in the first layer, no response normalisation. The form of 2012 is `alexnet_two_tower`. Maps are
averaged to a grid of 6 × 6 before the linear layers (which is what 224 × 224 gives), so the same weights read pictures
of other sizes, as torchvision does. First weights: He et al., 2015; of the linear layers N(0, 0.01).

layer   kernel             maps   224 × 224 input   parameters (3 channels, 1,000 outputs)
1       11 × 11 / 4 pad 2    64   55 × 55                23,296
        max 3 × 3 / 2        64   27 × 27
2       5 × 5 pad 2         192   27 × 27               307,392
        max 3 × 3 / 2       192   13 × 13
3       3 × 3 pad 1         384   13 × 13               663,936
4       3 × 3 pad 1         256   13 × 13               884,992
5       3 × 3 pad 1         256   13 × 13               590,080
        max 3 × 3 / 2       256    6 × 6
6, 7    linear            4,096                     37,752,832 + 16,781,312
output  linear            1,000                      4,097,000    61,100,840 in all

For pictures of 32 × 32: {first_kernel: 3, first_stride: 1, units: 256, grid: 3}.

Axes: B rows, C channels, H height, W width, G side of the grid, U units.
"""

from __future__ import annotations

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, WeightNames, at_least
from deepwright.blocks.initialisers import initialise, initialise_maps
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class AlexNet(ImageNetwork):
    """Five convolutions with three pools between them → grid → dropout and linear, twice → linear."""

    paper = "Krizhevsky, 2014, One weird trick for parallelizing convolutional neural networks"
    takes = frozenset({"image"})
    published = (
        Published(
            what="224 × 224 colour, 1,000 classes",
            parameters=61_100_840,
            signature=Signature((Field(form="image", name="photo", shape=(3, 224, 224)),)),
            outputs=1000,
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "batch": 128, "epochs": 90,
        "schedule": "cosine", "warmup": 0.05, "clip": 5.0,
    }  # fmt: skip
    trial = {"maps": [4, 6, 6, 6, 6], "units": 32, "grid": 3, "first_kernel": 3, "first_stride": 1, "dropout": 0.1}

    class Config(core.Config):
        """What can be chosen about it."""

        maps: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256)
        """Maps of each convolution."""
        units: int = Limits(default=4096, ge=1, le=100_000)
        """Units of the two hidden linear layers; they hold most of the weights."""
        grid: int = Limits(default=6, ge=1, le=100)
        """Height and width that maps are averaged to before the linear layers; 1 to 3 for small pictures."""
        first_kernel: int = Limits(default=11, ge=1, le=31)
        """Side of the first kernel in pixels; 3 or 5 for small pictures."""
        first_stride: int = Limits(default=4, ge=1, le=16)
        """Pixels from one place of the first kernel to the next; 1 for small pictures."""
        dropout: float = Limits(default=0.5, ge=0, lt=1)
        """Share of the numbers before each hidden linear layer silenced at random while training."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        at_least(self.size, _least(config.first_kernel, config.first_stride), f"a first kernel of "
                 f"{config.first_kernel} in steps of {config.first_stride}, and three pools,")  # fmt: skip
        one, two, three, four, five = config.maps
        kernel, stride = config.first_kernel, config.first_stride
        self.maps = nn.Sequential(
            nn.Conv2d(self.channels, one, kernel, stride, _padding(kernel)), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(one, two, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(two, three, 3, padding=1), nn.ReLU(),
            nn.Conv2d(three, four, 3, padding=1), nn.ReLU(),
            nn.Conv2d(four, five, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.grid = nn.AdaptiveAvgPool2d(config.grid)
        self.body = nn.Sequential(
            Dropout(config.dropout), nn.Linear(five * config.grid**2, config.units), nn.ReLU(),
            Dropout(config.dropout), nn.Linear(config.units, config.units), nn.ReLU(),
        )  # fmt: skip
        self.output = nn.Linear(config.units, outputs)
        initialise_maps(self.maps)
        initialise(self.body, "normal")
        initialise(self.output, "normal")

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        same = {f"maps.{i}": f"features.{i}" for i in (0, 3, 6, 8, 10)}
        return (WeightNames(library="torchvision", names={
            **same, "body.1": "classifier.1", "body.4": "classifier.4", "output": "classifier.6",
        }),)  # fmt: skip

    def about(self) -> str:
        return "AlexNet, one tower"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.grid(self.maps(x))  # (B, maps[4], G, G)
        x = self.body(x.flatten(1))  # (B, U)
        return self.output(x)  # (B, outputs)


def _padding(kernel: int) -> int:
    """Half a kernel, but 2 at 11, as printed."""
    return min(kernel // 2, 2)


def _least(kernel: int, stride: int) -> int:
    """The shortest side of which a place is left after the last pool: first maps of 15 places, then 7, 3, 1."""
    return 14 * stride + kernel - 2 * _padding(kernel)
