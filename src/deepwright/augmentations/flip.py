"""Flip: left and right change places, in half of the pictures.

`alternate` (Jordan, 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"): which half is drawn once, and from then
on each picture is flipped in every second epoch, so that two epochs in a row show both sides of all.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class Flip(Augmentation):
    """Horizontal; never for things whose mirror image is another thing: letters, digits, left and right."""

    name: ClassVar[str] = "flip"
    keeps_bytes: ClassVar[bool] = True

    class Options(Config):
        """Its keys in a recipe."""

        chance: float = Field(default=0.5, ge=0, le=1)
        """Share of the pictures that are flipped, 0 to 1; half of them where they alternate."""
        alternate: bool = False
        """Whether each picture is flipped in every second epoch instead of at random."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        if self.options.alternate:
            flipped = ((draws.lasting() < 0.5).long() + draws.epoch) % 2 == 1  # (B,)
        else:
            flipped = draws.chance(self.options.chance)  # (B,)
        return torch.where(flipped[:, None, None, None], pixels.flip(3), pixels)  # (B, C, H, W)

    def about(self) -> str:
        return "flip in every second epoch" if self.options.alternate else "flip"

    def disguises(self) -> str | None:
        return "mirrors pictures" if self.options.chance else None
