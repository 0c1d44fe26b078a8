"""Vertical flip: top and bottom change places, in half of the pictures; for what has no up, as seen from above."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class VerticalFlip(Augmentation):
    """For pictures through a microscope or from the air; most photographs have an up and a down."""

    name: ClassVar[str] = "vertical_flip"
    keeps_bytes: ClassVar[bool] = True

    class Options(Config):
        """Its keys in a recipe."""

        chance: float = Field(default=0.5, ge=0, le=1)
        """Share of the pictures that are flipped, 0 to 1."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        flipped = draws.chance(self.options.chance)  # (B,)
        return torch.where(flipped[:, None, None, None], pixels.flip(2), pixels)  # (B, C, H, W)

    def about(self) -> str:
        return "vertical flip"

    def disguises(self) -> str | None:
        return "turns pictures upside down" if self.options.chance else None
