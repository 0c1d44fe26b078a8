"""ResNet: residual nets for photographs, 18 to 152 layers deep.

Paper: He, Zhang, Ren, Sun, 2015, "Deep Residual Learning for Image Recognition", table 1. A block computes
y = relu(shortcut(x) + f(x)); f is two 3 × 3 convolutions (18, 34 layers) or 1 × 1, 3 × 3, 1 × 1 around a narrow middle
(50 and more), each with batch norm. The shortcut is x itself, or a 1 × 1 convolution with norm where the shape changes
(option B). As in the weights that libraries publish, and unlike the paper, blocks with a narrow middle take their step
of 2 in the 3 × 3 convolution. First weights: He et al., 2015.

stage    places     18           34           50                 101       152
stem     112 × 112  7 × 7 / 2, 64 maps; then max 3 × 3 / 2 → 56 × 56
1         56 × 56   2 × [64 64]  3 × [64 64]  3 × [64 64 256]      3         3
2         28 × 28   2 × [128]    4 × [128]    4 × [128 128 512]    4         8
3         14 × 14   2 × [256]    6 × [256]    6 × [256 256 1024]  23        36
4          7 × 7    2 × [512]    3 × [512]    3 × [512 512 2048]   3         3
then the mean over places → linear

`stem: small` begins with 3 × 3 in steps of 1 and does not pool, for pictures of about 32 × 32.

Axes: B rows, C channels, H height, W width, M maps.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.image_network import ImageNetwork, WeightNames
from deepwright.blocks.initialisers import initialise, initialise_maps
from deepwright.blocks.network import Batch, Published
from deepwright.blocks.norms import BatchNorm2d
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

NAMES: dict[str, dict[str, Any]] = {
    "resnet18": {"blocks": [2, 2, 2, 2]},
    "resnet34": {"blocks": [3, 4, 6, 3]},
    "resnet50": {"blocks": [3, 4, 6, 3], "narrow": True},
    "resnet101": {"blocks": [3, 4, 23, 3], "narrow": True},
    "resnet152": {"blocks": [3, 8, 36, 3], "narrow": True},
}

_PHOTO = Signature((Field(form="image", name="photo", shape=(3, 224, 224)),))
_WHAT = "224 × 224 colour, 1,000 classes"


class ResNet(ImageNetwork):
    """Stem → stages of residual blocks → mean over places → linear."""

    paper = "He, Zhang, Ren, Sun, 2015, Deep Residual Learning for Image Recognition"
    takes = frozenset({"image"})
    published = (
        Published(
            name="resnet18", what=_WHAT, parameters=11_689_512, signature=_PHOTO, outputs=1000, config=NAMES["resnet18"]
        ),
        Published(
            name="resnet34", what=_WHAT, parameters=21_797_672, signature=_PHOTO, outputs=1000, config=NAMES["resnet34"]
        ),
        Published(
            name="resnet50", what=_WHAT, parameters=25_557_032, signature=_PHOTO, outputs=1000, config=NAMES["resnet50"]
        ),
        Published(
            name="resnet101",
            what=_WHAT,
            parameters=44_549_160,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["resnet101"],
        ),
        Published(
            name="resnet152",
            what=_WHAT,
            parameters=60_192_808,
            signature=_PHOTO,
            outputs=1000,
            config=NAMES["resnet152"],
        ),
        Published(
            name="resnet18",
            what="32 × 32 colour, 10 classes, small stem",
            parameters=11_173_962,
            signature=Signature((Field(form="image", name="photo", shape=(3, 32, 32)),)),
            outputs=10,
            config={**NAMES["resnet18"], "stem": "small"},
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "batch": 256, "epochs": 90,
        "schedule": "cosine", "warmup": 0.05,
    }  # fmt: skip
    trial = {"blocks": [1, 2], "width": 4, "narrow": True, "stem": "small"}

    class Config(core.Config):
        """What can be chosen about it."""

        blocks: tuple[Annotated[int, Limits(ge=1, le=1000)], ...] = Limits(default=(2, 2, 2, 2), min_length=1)
        """Residual blocks in each stage."""
        narrow: bool = False
        """Blocks of 1 × 1, 3 × 3, 1 × 1 convolutions around a narrow middle, four times as wide outside."""
        width: int = Limits(default=64, ge=1, le=10_000)
        """Maps of the first stage (inside its blocks); each stage has twice as many as the one before."""
        stem: Literal["large", "small"] = "large"
        """How pictures enter: "large" 7 × 7 in steps of 2, then pooled; "small" 3 × 3, for about 32 × 32 pixels."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        large = config.stem == "large"
        kernel, step = (7, 2) if large else (3, 1)
        self.depth = sum(config.blocks) * (3 if config.narrow else 2) + 2
        self.first = nn.Conv2d(self.channels, config.width, kernel, step, kernel // 2, bias=False)
        self.norm = BatchNorm2d(config.width)
        self.pool = nn.MaxPool2d(3, 2, padding=1) if large else nn.Identity()
        self.stages = nn.ModuleList()
        block = _Narrow if config.narrow else _Block
        before = config.width
        for stage, count in enumerate(config.blocks):
            inside = config.width * 2**stage
            after = inside * block.wider
            steps = [2 if stage and not number else 1 for number in range(count)]
            befores = [before] + [after] * (count - 1)
            self.stages.append(nn.Sequential(*(block(b, inside, s) for b, s in zip(befores, steps, strict=True))))
            before = after
        self.output = nn.Linear(before, outputs)
        initialise_maps(self)
        initialise(self.output, "uniform")

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        names = {"first": "conv1", "norm": "bn1", "output": "fc"}
        for s, stage in enumerate(self.stages):
            for b in range(len(list(stage.children()))):
                ours, theirs = f"stages.{s}.{b}", f"layer{s + 1}.{b}"
                for i in (1, 2, 3):
                    names |= {f"{ours}.convolve{i}": f"{theirs}.conv{i}", f"{ours}.norm{i}": f"{theirs}.bn{i}"}
                names |= {f"{ours}.shortcut.{i}": f"{theirs}.downsample.{i}" for i in (0, 1)}
        return (WeightNames(library="torchvision or timm", names=names),)

    def about(self) -> str:
        return f"ResNet-{self.depth}"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.pool(F.relu(self.norm(self.first(x))))  # (B, M, H/4, W/4)
        for stage in self.stages:
            x = stage(x)  # (B, M, H/4, W/4), then twice the maps on half the side in each
        return self.output(x.mean((2, 3)))  # (B, M) → (B, outputs)


def _shortcut(before: int, after: int, step: int) -> nn.Module:
    """The input as it is, or in the shape of the output (option B)."""
    if before == after and step == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, step, bias=False), BatchNorm2d(after))


class _Block(nn.Module):
    """relu(shortcut(x) + norm(3 × 3(relu(norm(3 × 3(x))))))"""

    wider = 1

    def __init__(self, before: int, inside: int, step: int) -> None:
        super().__init__()
        self.convolve1 = nn.Conv2d(before, inside, 3, step, padding=1, bias=False)
        self.norm1 = BatchNorm2d(inside)
        self.convolve2 = nn.Conv2d(inside, inside, 3, padding=1, bias=False)
        self.norm2 = BatchNorm2d(inside)
        self.shortcut = _shortcut(before, inside, step)

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, H, W) → (B, M', H/step, W/step)"""
        y = F.relu(self.norm1(self.convolve1(x)))  # (B, M', H/step, W/step)
        y = self.norm2(self.convolve2(y))  # (B, M', H/step, W/step)
        return F.relu(self.shortcut(x) + y)


class _Narrow(nn.Module):
    """relu(shortcut(x) + widen(3 × 3(narrow(x)))), norm after each, ReLU between."""

    wider = 4

    def __init__(self, before: int, inside: int, step: int) -> None:
        super().__init__()
        after = inside * self.wider
        self.convolve1 = nn.Conv2d(before, inside, 1, bias=False)
        self.norm1 = BatchNorm2d(inside)
        self.convolve2 = nn.Conv2d(inside, inside, 3, step, padding=1, bias=False)
        self.norm2 = BatchNorm2d(inside)
        self.convolve3 = nn.Conv2d(inside, after, 1, bias=False)
        self.norm3 = BatchNorm2d(after)
        self.shortcut = _shortcut(before, after, step)

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, H, W) → (B, 4 M', H/step, W/step)"""
        y = F.relu(self.norm1(self.convolve1(x)))  # (B, M', H, W)
        y = F.relu(self.norm2(self.convolve2(y)))  # (B, M', H/step, W/step)
        y = self.norm3(self.convolve3(y))  # (B, 4 M', H/step, W/step)
        return F.relu(self.shortcut(x) + y)
