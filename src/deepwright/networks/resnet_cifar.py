"""Plain and residual nets for small pictures: the pair that shows what shortcuts do, 20 to 110 layers deep.

Paper: He, Zhang, Ren, Sun, 2015, "Deep Residual Learning for Image Recognition", section 4.2. A block computes
y = relu(x + f(x)), f two 3 × 3 convolutions with batch norm; a plain net computes y = relu(f(x)) with the same weights.
Deeper plain nets train worse than shallower ones although they could copy them (degradation, which is not vanishing
gradients: batch norm sees to those); residual ones do not. Shortcuts are option A: where maps halve in size and double
in number, every second pixel is taken and the new maps are 0, so they have no weights. First weights: He et al., 2015.

stage   maps   places     layers        with n = (depth - 2) / 6
first     16   32 × 32    1
1         16   32 × 32    2 n
2         32   16 × 16    2 n           the first in steps of 2
3         64    8 × 8     2 n           the first in steps of 2
then the mean over places → linear

Axes: B rows, C channels, H height, W width, M maps.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.image_network import ImageNetwork, WeightNames
from deepwright.blocks.initialisers import initialise, initialise_maps
from deepwright.blocks.network import Batch, Published
from deepwright.blocks.norms import BatchNorm2d
from deepwright.core import config as core
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature

NAMES: dict[str, dict[str, Any]] = {
    "resnet20": {"depth": 20},
    "resnet32": {"depth": 32},
    "resnet44": {"depth": 44},
    "resnet56": {"depth": 56},
    "resnet110": {"depth": 110},
    "plain20": {"depth": 20, "shortcuts": False},
    "plain32": {"depth": 32, "shortcuts": False},
    "plain44": {"depth": 44, "shortcuts": False},
    "plain56": {"depth": 56, "shortcuts": False},
    "plain110": {"depth": 110, "shortcuts": False},
}

_PHOTO = Signature((Field(form="image", name="photo", shape=(3, 32, 32)),))
_WHAT = "32 × 32 colour, 10 classes"


class CifarResNet(ImageNetwork):
    """Convolution → three stages of blocks of two convolutions → mean over places → linear."""

    paper = "He, Zhang, Ren, Sun, 2015, Deep Residual Learning for Image Recognition, section 4.2"
    takes = frozenset({"image"})
    first_choice = {"resnet20": 2}
    channels_last = True
    published = (
        Published(
            name="resnet20", what=_WHAT, parameters=269_722, signature=_PHOTO, outputs=10, config=NAMES["resnet20"]
        ),
        Published(
            name="resnet32", what=_WHAT, parameters=464_154, signature=_PHOTO, outputs=10, config=NAMES["resnet32"]
        ),
        Published(
            name="resnet44", what=_WHAT, parameters=658_586, signature=_PHOTO, outputs=10, config=NAMES["resnet44"]
        ),
        Published(
            name="resnet56", what=_WHAT, parameters=853_018, signature=_PHOTO, outputs=10, config=NAMES["resnet56"]
        ),
        Published(
            name="resnet110", what=_WHAT, parameters=1_727_962, signature=_PHOTO, outputs=10, config=NAMES["resnet110"]
        ),
        Published(
            name="plain20", what=_WHAT, parameters=269_722, signature=_PHOTO, outputs=10, config=NAMES["plain20"]
        ),
        Published(
            name="plain32", what=_WHAT, parameters=464_154, signature=_PHOTO, outputs=10, config=NAMES["plain32"]
        ),
        Published(
            name="plain44", what=_WHAT, parameters=658_586, signature=_PHOTO, outputs=10, config=NAMES["plain44"]
        ),
        Published(
            name="plain56", what=_WHAT, parameters=853_018, signature=_PHOTO, outputs=10, config=NAMES["plain56"]
        ),
        Published(
            name="plain110", what=_WHAT, parameters=1_727_962, signature=_PHOTO, outputs=10, config=NAMES["plain110"]
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "batch": 128, "epochs": 164,
        "schedule": "cosine", "warmup": 0.02,
    }  # fmt: skip
    trial = {"depth": 8, "width": 4}

    class Config(core.Config):
        """What can be chosen about it."""

        depth: int = Limits(default=20, ge=8, le=2000)
        """Layers with weights, 6 n + 2: 20, 32, 44, 56, 110."""
        width: int = Limits(default=16, ge=1, le=10_000)
        """Maps of the first stage; the second has twice, the third four times as many."""
        shortcuts: bool = True
        """Whether blocks add their input to what they compute; without, it is the plain net of the comparison."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        blocks, left = divmod(config.depth - 2, 6)
        if left:
            raise RecipeError(
                f"a depth of {config.depth} is not 6 n + 2.",
                where="config.depth",
                remedy=f"The nearest are {6 * blocks + 2} and {6 * blocks + 8}.",
            )
        self.shape = (config.depth, config.shortcuts)
        self.first = nn.Conv2d(self.channels, config.width, 3, padding=1, bias=False)
        self.norm = BatchNorm2d(config.width)
        self.stages = nn.ModuleList()
        before = config.width
        for stage in range(3):
            after = config.width * 2**stage
            steps = [2 if stage and not block else 1 for block in range(blocks)]
            befores = [before] + [after] * (blocks - 1)
            self.stages.append(
                nn.Sequential(*(_Block(b, after, s, config.shortcuts) for b, s in zip(befores, steps, strict=True)))
            )
            before = after
        self.output = nn.Linear(before, outputs)
        initialise_maps(self)
        initialise(self.output, "uniform")

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        names = {"first": "conv1", "norm": "bn1", "output": "linear"}
        for s, stage in enumerate(self.stages):
            for b in range(len(list(stage.children()))):
                ours, theirs = f"stages.{s}.{b}", f"layer{s + 1}.{b}"
                names |= {f"{ours}.convolve1": f"{theirs}.conv1", f"{ours}.norm1": f"{theirs}.bn1"}
                names |= {f"{ours}.convolve2": f"{theirs}.conv2", f"{ours}.norm2": f"{theirs}.bn2"}
        return (WeightNames(library="akamaster/pytorch_resnet_cifar10", names=names),)

    def about(self) -> str:
        return f"{'ResNet' if self.shape[1] else 'plain net'}-{self.shape[0]} for small pictures"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = F.relu_(self.norm(self.first(x)))  # (B, M, H, W)
        for stage in self.stages:
            x = stage(x)  # (B, M, H, W), then (B, 2 M, H/2, W/2), then (B, 4 M, H/4, W/4)
        return self.output(x.mean((2, 3)))  # (B, 4 M) → (B, outputs)


class _Block(nn.Module):
    """relu(x + f(x)), or relu(f(x)) in a plain net."""

    def __init__(self, before: int, after: int, step: int, shortcut: bool) -> None:
        super().__init__()
        self.new, self.step, self.shortcut = after - before, step, shortcut
        self.convolve1 = nn.Conv2d(before, after, 3, step, padding=1, bias=False)
        self.norm1 = BatchNorm2d(after)
        self.convolve2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, H, W) → (B, M', H/step, W/step)"""
        y = F.relu_(self.norm1(self.convolve1(x)))  # (B, M', H/step, W/step); in place: a norm needs its input alone
        y = self.norm2(self.convolve2(y))  # (B, M', H/step, W/step)
        return F.relu_(y.add_(self._passed_on(x)) if self.shortcut else y)

    def _passed_on(self, x: Tensor) -> Tensor:
        """Option A: every `step`-th pixel, and maps of 0 on both sides for those that are new."""
        front = self.new // 2
        return F.pad(x[:, :, :: self.step, :: self.step], (0, 0, 0, 0, front, self.new - front))
