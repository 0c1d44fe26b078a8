"""Cutout: a square of each picture is painted over, so that no single part is relied on.

Paper: DeVries, Taylor, 2017, "Improved Regularization of Convolutional Neural Networks with Cutout". As there, the
square's centre lies anywhere, so that it may reach over the edge, and it shows the mean: here the picture's own.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class Cutout(Augmentation):
    """The paper's square is 16 pixels of 32 on CIFAR-10, 8 where there are 100 classes."""

    name: ClassVar[str] = "cutout"

    class Options(Config):
        """Its keys in a recipe."""

        share: float = Field(default=0.25, gt=0, le=0.5)
        """Side of the square as a share of the picture's shorter side."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        height, width = pixels.shape[2:]
        side = max(1, round(self.options.share * min(height, width)))
        places = draws.uniform(2)  # (B, 2)
        rows = self._hidden(places[:, 0], height, side)  # (B, H)
        columns = self._hidden(places[:, 1], width, side)  # (B, W)
        hidden = (rows[:, :, None] & columns[:, None, :])[:, None]  # (B, 1, H, W)
        return torch.where(hidden, pixels.mean((2, 3), keepdim=True), pixels)  # (B, C, H, W)

    @staticmethod
    def _hidden(place: Tensor, length: int, side: int) -> Tensor:
        """(B,) from 0 to 1 → (B, length) bool: the pixels of a stretch of `side` around that place."""
        first = (place * length).long()[:, None] - side // 2  # (B, 1)
        here = torch.arange(length, device=place.device)  # (length,)
        return (here >= first) & (here < first + side)

    def about(self) -> str:
        return f"cutout of {self.options.share:.0%} of the side"
