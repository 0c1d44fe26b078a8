"""Noise: every pixel moved by a Gaussian number of its own, as a sensor in the dark does."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class Noise(Augmentation):
    """Values stay between 0 and 1."""

    name: ClassVar[str] = "noise"

    class Options(Config):
        """Its keys in a recipe."""

        deviation: float = Field(default=0.05, gt=0, le=1)
        """Standard deviation, where 0 is black and 1 white."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        moved = draws.normal(math.prod(pixels.shape[1:])).view_as(pixels)  # (B, C, H, W)
        return (pixels + self.options.deviation * moved).clamp(0, 1)

    def about(self) -> str:
        return f"noise of {self.options.deviation:g}"
