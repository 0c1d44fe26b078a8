"""VGG: stacks of 3 × 3 convolutions between pools, 11 to 19 layers deep, with and without batch norm.

Paper: Simonyan, Zisserman, 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition", table 1, columns
A, B, D and E. Batch norm (Ioffe and Szegedy, 2015) after each convolution in the names that end in _bn. Maps are
averaged to a grid of 7 × 7 before the linear layers (which is what 224 × 224 gives), so the same weights read pictures
of other sizes. First weights: He et al., 2015, with which deep ones learn without being grown from shallow ones as in
the paper; of the linear layers N(0, 0.01).

stage   maps   places      vgg11   vgg13   vgg16   vgg19     (each stage ends in max 2 × 2)
1         64   224 × 224     1       2       2       2
2        128   112 × 112     1       2       2       2
3        256    56 × 56      2       2       3       4
4        512    28 × 28      2       2       3       4
5        512    14 × 14      2       2       3       4
then 7 × 7 × 512 → linear 4,096 → linear 4,096 → linear 1,000

For pictures of 32 × 32: {grid: 1, units: 512}.

Axes: B rows, C channels, H height, W width, S stages, G side of the grid, U units.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, WeightNames, at_least
from deepwright.blocks.initialisers import initialise, initialise_maps
from deepwright.blocks.network import Batch, Published
from deepwright.blocks.norms import BatchNorm2d
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

NAMES: dict[str, dict[str, Any]] = {
    "vgg11": {"depths": [1, 1, 2, 2, 2]},
    "vgg13": {"depths": [2, 2, 2, 2, 2]},
    "vgg16": {"depths": [2, 2, 3, 3, 3]},
    "vgg19": {"depths": [2, 2, 4, 4, 4]},
    "vgg11_bn": {"depths": [1, 1, 2, 2, 2], "norm": True},
    "vgg13_bn": {"depths": [2, 2, 2, 2, 2], "norm": True},
    "vgg16_bn": {"depths": [2, 2, 3, 3, 3], "norm": True},
    "vgg19_bn": {"depths": [2, 2, 4, 4, 4], "norm": True},
}

_PHOTO = Signature((Field(form="image", name="photo", shape=(3, 224, 224)),))
_WHAT = "224 × 224 colour, 1,000 classes"


class VGG(ImageNetwork):
    """(3 × 3 convolutions with ReLU, then max pool) for each stage → grid → two hidden linear layers → linear."""

    paper = "Simonyan, Zisserman, 2014, Very Deep Convolutional Networks for Large-Scale Image Recognition"
    takes = frozenset({"image"})
    published = (
        Published(
            name="vgg11", what=_WHAT, parameters=132_863_336, signature=_PHOTO, outputs=1000, config=NAMES["vgg11"]
        ),
        Published(
            name="vgg13", what=_WHAT, parameters=133_047_848, signature=_PHOTO, outputs=1000, config=NAMES["vgg13"]
        ),
        Published(
            name="vgg16", what=_WHAT, parameters=138_357_544, signature=_PHOTO, outputs=1000, config=NAMES["vgg16"]
        ),
        Published(
            name="vgg19", what=_WHAT, parameters=143_667_240, signature=_PHOTO, outputs=1000, config=NAMES["vgg19"]
        ),
        Published(
            name="vgg11_bn",
            what=_WHAT,
            parameters=132_868_840,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["vgg11_bn"],
        ),
        Published(
            name="vgg13_bn",
            what=_WHAT,
            parameters=133_053_736,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["vgg13_bn"],
        ),
        Published(
            name="vgg16_bn",
            what=_WHAT,
            parameters=138_365_992,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["vgg16_bn"],
        ),
        Published(
            name="vgg19_bn",
            what=_WHAT,
            parameters=143_678_248,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["vgg19_bn"],
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "batch": 256, "epochs": 74,
        "schedule": "plateau", "every": 5, "clip": 5.0,
    }  # fmt: skip
    trial = {"depths": [1, 2], "maps": [4, 6], "norm": True, "units": 16, "grid": 2, "dropout": 0.1}

    class Config(core.Config):
        """What can be chosen about it."""

        depths: tuple[Annotated[int, Limits(ge=1, le=100)], ...] = Limits(default=(1, 1, 2, 2, 2), min_length=1)
        """Convolutions in each stage, 1 to 4."""
        maps: tuple[Annotated[int, Limits(ge=1, le=10_000)], ...] = (64, 128, 256, 512, 512)
        """Maps of each stage's convolutions; the last number stands for all stages after it."""
        norm: bool = False
        """Batch norm after each convolution."""
        units: int = Limits(default=4096, ge=1, le=100_000)
        """Units of the two hidden linear layers; they hold most of the weights."""
        grid: int = Limits(default=7, ge=1, le=100)
        """Height and width that maps are averaged to before the linear layers; 1 for small pictures."""
        dropout: float = Limits(default=0.5, ge=0, lt=1)
        """Share of the units of each hidden linear layer silenced at random while training."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        at_least(self.size, 2 ** len(config.depths), f"halving {len(config.depths)} times")
        self.shape = (sum(config.depths) + 3, config.norm)
        self.stages = nn.Sequential()
        maps = self.channels
        for stage, depth in enumerate(config.depths):
            after = config.maps[min(stage, len(config.maps) - 1)]
            for _ in range(depth):
                self.stages.extend([nn.Conv2d(maps, after, 3, padding=1)])
                self.stages.extend([BatchNorm2d(after)] if config.norm else [])
                self.stages.extend([nn.ReLU()])
                maps = after
            self.stages.extend([nn.MaxPool2d(2)])
        self.grid = nn.AdaptiveAvgPool2d(config.grid)
        self.body = nn.Sequential(
            nn.Linear(maps * config.grid**2, config.units), nn.ReLU(), Dropout(config.dropout),
            nn.Linear(config.units, config.units), nn.ReLU(), Dropout(config.dropout),
        )  # fmt: skip
        self.output = nn.Linear(config.units, outputs)
        initialise_maps(self.stages)
        initialise(self.body, "normal")
        initialise(self.output, "normal")

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        stages = {f"stages.{i}": f"features.{i}" for i, layer in enumerate(self.stages) if list(layer.parameters())}
        body = {f"body.{i}": f"classifier.{i}" for i in (0, 3)}
        return (WeightNames(library="torchvision", names={**stages, **body, "output": "classifier.6"}),)

    def about(self) -> str:
        return f"VGG-{self.shape[0]}{' with batch norm' if self.shape[1] else ''}"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.grid(self.stages(x))  # (B, 512, H/2ˢ, W/2ˢ) → (B, 512, G, G)
        x = self.body(x.flatten(1))  # (B, U)
        return self.output(x)  # (B, outputs)
