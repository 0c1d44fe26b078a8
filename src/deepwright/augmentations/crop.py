"""Crop: pictures are padded and cut back to their size at a random place, so that things move by a few pixels.

As He, Zhang, Ren, Sun, 2015, "Deep Residual Learning for Image Recognition", section 4.2, for CIFAR: 4 pixels of black
on each side of 32.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class Crop(Augmentation):
    """A shift by up to `padding` pixels up, down, left and right."""

    name: ClassVar[str] = "crop"
    keeps_bytes: ClassVar[bool] = True

    class Options(Config):
        """Its keys in a recipe."""

        padding: int = Field(default=4, ge=1, le=256)
        """Pixels on each side; an eighth of the side is usual."""
        fill: Literal["black", "edge", "reflect"] = "black"
        """What the padding shows: black, the outermost pixels again, or the picture mirrored at its edge."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        by, (height, width) = self.options.padding, pixels.shape[2:]
        places = (draws.uniform(2) * (2 * by + 1)).long()  # (B, 2) of the upper left corner
        windows = self._padded(pixels).unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2 by + 1, 2 by + 1, H, W)
        rows = torch.arange(len(pixels), device=pixels.device)
        return windows[rows, :, places[:, 0], places[:, 1]]  # (B, C, H, W)

    def _padded(self, pixels: Tensor) -> Tensor:
        """(B, C, H + 2 by, W + 2 by); PyTorch pads bytes with a constant only, so others go by index."""
        by = self.options.padding
        if self.options.fill == "black":
            return F.pad(pixels, (by, by, by, by))
        rows, columns = (self._index(side, pixels.device) for side in pixels.shape[2:])
        return pixels[:, :, rows[:, None], columns]

    def _index(self, side: int, device: torch.device) -> Tensor:
        """(side + 2 by,) of the pixel that is shown at each place of a padded side."""
        place = torch.arange(-self.options.padding, side + self.options.padding, device=device)
        if self.options.fill == "edge" or side == 1:
            return place.clamp(0, side - 1)
        around = 2 * (side - 1)
        return side - 1 - ((place % around) - (side - 1)).abs()

    def about(self) -> str:
        return f"crop {self.options.padding}"
