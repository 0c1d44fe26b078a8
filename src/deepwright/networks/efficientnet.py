"""EfficientNet: one small net found by search, and seven larger ones scaled from it in depth, width and picture size.

Paper: Tan, Le, 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1, section 3.3:
depth 1.2^φ, width 1.1^φ, resolution 1.15^φ, so that the cost grows about 2^φ. Blocks (Sandler et al., 2018): widen with
1 × 1, one kernel a map, weigh the maps by what the whole picture shows (squeeze and excite, Hu et al., 2018), narrow
with 1 × 1; added to the input where the shape stays. Activation x · sigmoid(x). Whole blocks are silenced at random
while training, more often the deeper they lie (Huang et al., 2016). First weights: He et al., 2015.

Differences: running statistics of norms move by 0.1 a step (0.01 in the paper, which supposes hundreds of thousands of
steps); the norms' epsilon is that of the weights that libraries publish; the recommended optimizer is AdamW in place of
RMSProp with its many settings.

stage    block               maps   blocks   step    places of B0
stem     3 × 3                 32      1       2     112 × 112
1        widen 1, 3 × 3        16      1       1     112 × 112
2        widen 6, 3 × 3        24      2       2      56 × 56
3        widen 6, 5 × 5        40      2       2      28 × 28
4        widen 6, 3 × 3        80      3       2      14 × 14
5        widen 6, 5 × 5       112      3       1      14 × 14
6        widen 6, 5 × 5       192      4       2       7 × 7
7        widen 6, 3 × 3       320      1       1       7 × 7
last     1 × 1              1,280      1       1       7 × 7, then the mean over places → dropout → linear

Axes: B rows, C channels, H height, W width, M maps, E widened maps.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, WeightNames
from deepwright.blocks.initialisers import initialise, initialise_maps
from deepwright.blocks.network import Batch, Published
from deepwright.blocks.norms import BatchNorm2d
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

NAMES: dict[str, dict[str, Any]] = {
    "efficientnet_b0": {"width": 1.0, "depth": 1.0, "dropout": 0.2, "epsilon": 1e-5},
    "efficientnet_b1": {"width": 1.0, "depth": 1.1, "dropout": 0.2, "epsilon": 1e-5},
    "efficientnet_b2": {"width": 1.1, "depth": 1.2, "dropout": 0.3, "epsilon": 1e-5},
    "efficientnet_b3": {"width": 1.2, "depth": 1.4, "dropout": 0.3, "epsilon": 1e-5},
    "efficientnet_b4": {"width": 1.4, "depth": 1.8, "dropout": 0.4, "epsilon": 1e-5},
    "efficientnet_b5": {"width": 1.6, "depth": 2.2, "dropout": 0.4, "epsilon": 1e-3},
    "efficientnet_b6": {"width": 1.8, "depth": 2.6, "dropout": 0.5, "epsilon": 1e-3},
    "efficientnet_b7": {"width": 2.0, "depth": 3.1, "dropout": 0.5, "epsilon": 1e-3},
}

_STAGES = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)  # fmt: skip
"""Widening, kernel, step, maps and blocks of each stage of B0."""


def _photo(side: int) -> Signature:
    return Signature((Field(form="image", name="photo", shape=(3, side, side)),))


class EfficientNet(ImageNetwork):
    """Stem → seven stages of widening blocks with squeeze and excite → 1 × 1 convolution → mean → linear."""

    paper = "Tan, Le, 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
    takes = frozenset({"image"})
    channels_last = True
    published = (
        Published(
            name="efficientnet_b0",
            what="224 × 224, 1,000 classes",
            parameters=5_288_548,
            signature=_photo(224),
            outputs=1000,
            config=NAMES["efficientnet_b0"],
        ),
        Published(
            name="efficientnet_b1",
            what="240 × 240, 1,000 classes",
            parameters=7_794_184,
            signature=_photo(240),
            outputs=1000,
            config=NAMES["efficientnet_b1"],
        ),
        Published(
            name="efficientnet_b2",
            what="260 × 260, 1,000 classes",
            parameters=9_109_994,
            signature=_photo(260),
            outputs=1000,
            config=NAMES["efficientnet_b2"],
        ),
        Published(
            name="efficientnet_b3",
            what="300 × 300, 1,000 classes",
            parameters=12_233_232,
            signature=_photo(300),
            outputs=1000,
            config=NAMES["efficientnet_b3"],
        ),
        Published(
            name="efficientnet_b4",
            what="380 × 380, 1,000 classes",
            parameters=19_341_616,
            signature=_photo(380),
            outputs=1000,
            config=NAMES["efficientnet_b4"],
        ),
        Published(
            name="efficientnet_b5",
            what="456 × 456, 1,000 classes",
            parameters=30_389_784,
            signature=_photo(456),
            outputs=1000,
            config=NAMES["efficientnet_b5"],
        ),
        Published(
            name="efficientnet_b6",
            what="528 × 528, 1,000 classes",
            parameters=43_040_704,
            signature=_photo(528),
            outputs=1000,
            config=NAMES["efficientnet_b6"],
        ),
        Published(
            name="efficientnet_b7",
            what="600 × 600, 1,000 classes",
            parameters=66_347_960,
            signature=_photo(600),
            outputs=1000,
            config=NAMES["efficientnet_b7"],
        ),
    )
    recommended = {
        "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01, "batch": 128, "epochs": 100, "schedule": "cosine",
        "warmup": 0.05, "clip": 5.0,
    }  # fmt: skip
    trial = {"width": 0.1, "depth": 0.5, "dropout": 0.1, "skip": 0.1}

    class Config(core.Config):
        """What can be chosen about it."""

        width: float = Limits(default=1.0, gt=0, le=20)
        """Factor on the number of maps, which is rounded to multiples of 8; 0.25 to 2."""
        depth: float = Limits(default=1.0, gt=0, le=50)
        """Factor on the number of blocks of each stage, rounded up; 0.5 to 3.1."""
        dropout: float = Limits(default=0.2, ge=0, lt=1)
        """Share of the numbers before the output layer silenced at random while training."""
        skip: float = Limits(default=0.2, ge=0, lt=1)
        """Chance that the last block is left out for a row while training; earlier ones in proportion, the first 0."""
        epsilon: float = Limits(default=1e-3, gt=0, lt=1)
        """Added to variances in norms; must be that of the weights taken over."""
        stem_step: int = Limits(default=2, ge=1, le=2)
        """Pixels from one place of the stem to the next; 1 for small pictures."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.scale = (config.width, config.depth)
        self.silence = Dropout(config.dropout)
        before = _rounded(32 * config.width)
        self.first = nn.Conv2d(self.channels, before, 3, config.stem_step, padding=1, bias=False)
        self.norm1 = BatchNorm2d(before, config.epsilon)
        self.stages = nn.ModuleList()
        counts = [math.ceil(blocks * config.depth) for *_, blocks in _STAGES]
        done, total = 0, sum(counts)
        for (wider, kernel, step, maps, _), count in zip(_STAGES, counts, strict=True):
            stage = nn.Sequential()
            for number in range(count):
                after, skip = _rounded(maps * config.width), config.skip * done / total
                stage.append(_Block(before, after, wider, kernel, 1 if number else step, skip, config.epsilon))
                before, done = after, done + 1
            self.stages.append(stage)
        self.last = nn.Conv2d(before, 4 * before, 1, bias=False)
        self.norm2 = BatchNorm2d(4 * before, config.epsilon)
        self.output = nn.Linear(4 * before, outputs)
        initialise_maps(self)
        initialise(self.output, "uniform")

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        last = 1 + len(self.stages)
        vision = {
            "first": "features.0.0", "norm1": "features.0.1", "last": f"features.{last}.0",
            "norm2": f"features.{last}.1", "output": "classifier.1",
        }  # fmt: skip
        timm = {"first": "conv_stem", "norm1": "bn1", "last": "conv_head", "norm2": "bn2", "output": "classifier"}
        for s, stage in enumerate(self.stages):
            for b, block in enumerate(stage.children()):
                own, parts = f"stages.{s}.{b}", _VISION_WIDENED if block.widened else _VISION
                vision |= {f"{own}.{part}": f"features.{s + 1}.{b}.block.{name}" for part, name in parts.items()}
                parts = _TIMM_WIDENED if block.widened else _TIMM
                timm |= {f"{own}.{part}": f"blocks.{s}.{b}.{name}" for part, name in parts.items()}
        return WeightNames(library="torchvision", names=vision), WeightNames(library="timm", names=timm)

    def about(self) -> str:
        return f"EfficientNet, {self.scale[0]:g} times as wide and {self.scale[1]:g} times as deep as B0"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = F.silu(self.norm1(self.first(x)))  # (B, M, H/2, W/2)
        for stage in self.stages:
            x = stage(x)  # (B, M, H/2, W/2) … (B, M, H/32, W/32)
        x = F.silu(self.norm2(self.last(x)))  # (B, 4 M, H/32, W/32)
        return self.output(self.silence(x.mean((2, 3))))  # (B, 4 M) → (B, outputs)


class _Block(nn.Module):
    """x + narrow(weigh(one kernel a map(widen(x)))), each but the weighing with a norm; x + only where shapes agree."""

    def __init__(
        self, before: int, after: int, wider: int, kernel: int, step: int, skip: float, epsilon: float
    ) -> None:
        super().__init__()
        inside, squeezed = before * wider, max(1, before // 4)
        self.widened, self.added, self.skip = wider > 1, step == 1 and before == after, skip
        if self.widened:
            self.widen = nn.Conv2d(before, inside, 1, bias=False)
            self.norm1 = BatchNorm2d(inside, epsilon)
        self.each = nn.Conv2d(inside, inside, kernel, step, kernel // 2, groups=inside, bias=False)
        self.norm2 = BatchNorm2d(inside, epsilon)
        self.squeeze = nn.Conv2d(inside, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, inside, 1)
        self.narrow = nn.Conv2d(inside, after, 1, bias=False)
        self.norm3 = BatchNorm2d(after, epsilon)

    def forward(self, x: Tensor) -> Tensor:
        """(B, M, H, W) → (B, M', H/step, W/step)"""
        y = F.silu(self.norm1(self.widen(x))) if self.widened else x  # (B, E, H, W)
        y = F.silu(self.norm2(self.each(y)))  # (B, E, H/step, W/step)
        seen = F.silu(self.squeeze(y.mean((2, 3), keepdim=True)))  # (B, M/4, 1, 1)
        y = y * torch.sigmoid(self.excite(seen))  # (B, E, H/step, W/step)
        y = self.norm3(self.narrow(y))  # (B, M', H/step, W/step)
        return x + self._kept(y) if self.added else y

    def _kept(self, y: Tensor) -> Tensor:
        """While training, 0 in `skip` of the rows and more in the rest, so that the mean stays."""
        if not self.training or self.skip == 0:
            return y
        keep = torch.rand(y.shape[0], 1, 1, 1, device=y.device) >= self.skip  # (B, 1, 1, 1)
        return y * keep / (1 - self.skip)


_VISION = {
    "each": "0.0", "norm2": "0.1", "squeeze": "1.fc1", "excite": "1.fc2", "narrow": "2.0", "norm3": "2.1",
}  # fmt: skip
_VISION_WIDENED = {
    "widen": "0.0", "norm1": "0.1", "each": "1.0", "norm2": "1.1", "squeeze": "2.fc1", "excite": "2.fc2",
    "narrow": "3.0", "norm3": "3.1",
}  # fmt: skip
_TIMM = {
    "each": "conv_dw", "norm2": "bn1", "squeeze": "se.conv_reduce", "excite": "se.conv_expand", "narrow": "conv_pw",
    "norm3": "bn2",
}  # fmt: skip
_TIMM_WIDENED = {
    "widen": "conv_pw", "norm1": "bn1", "each": "conv_dw", "norm2": "bn2", "squeeze": "se.conv_reduce",
    "excite": "se.conv_expand", "narrow": "conv_pwl", "norm3": "bn3",
}  # fmt: skip
"""Our parts of a block → what the libraries call them; first blocks widen nothing."""


def _rounded(maps: float) -> int:
    """The nearest multiple of 8, at least 8, and not below nine tenths of what was asked for."""
    nearest = max(8, int(maps + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * maps else nearest
