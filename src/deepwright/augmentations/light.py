"""Light policy: one small change of place and one of light for each picture, drawn among the harmless ones.

The idea, no search and one random change of random strength for each picture, is that of Müller, Hutter, 2021,
"TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation". What differs: strengths stay so small that a thing
remains what it is, nothing is mirrored, inverted or reduced to few grey levels, and there are two changes, one of each
sort. The changes of one sort are one operation on the whole batch.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from deepwright.augmentations._affine import sampled
from deepwright.augmentations._colours import recoloured
from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config

_ANGLE = math.radians(12.0)
_SHEAR = 0.15
_ZOOM = 0.15
_SHIFT = 0.2
"""In half sides: a tenth of the side."""
_LIGHT = 0.3


class Light(Augmentation):
    """Of place: none, shifted, turned, sheared or zoomed; of light: none, brightness, contrast or saturation."""

    name: ClassVar[str] = "light"

    class Options(Config):
        """Its keys in a recipe."""

        strength: float = Field(default=1.0, gt=0, le=2)
        """Times the largest changes: 12° of turning, a tenth of the side of shifting, 0.15 of shearing and zooming,
        30 % of brightness, contrast and saturation."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        moved = sampled(pixels, self._places(draws), "edge")  # (B, C, H, W)
        which = (draws.uniform(1, draw=2)[:, 0] * 4).long()  # (B,)
        by = 1 + self._amount(_LIGHT, draws, 3)  # (B,)
        factors = [torch.where(which == number, by, 1.0) for number in (1, 2, 3)]  # (B,) each
        return recoloured(moved, brightness=factors[0], contrast=factors[1], saturation=factors[2])

    def _places(self, draws: Draws) -> Tensor:
        """(B, 2, 3)"""
        which = (draws.uniform(1)[:, 0] * 5).long()  # (B,)
        share = self._amount(1.0, draws, 1)  # (B,)
        none = torch.zeros_like(share)
        angle = torch.where(which == 1, share * _ANGLE, none)
        shear = torch.where(which == 2, share * _SHEAR, none)
        zoom = torch.where(which == 3, share * _ZOOM, none).exp()
        way = draws.between(-math.pi, math.pi, 4)  # (B,)
        far = torch.where(which == 4, share * _SHIFT, none)
        across = torch.stack([zoom * angle.cos(), shear - angle.sin(), far * way.cos()], 1)  # (B, 3)
        down = torch.stack([angle.sin(), zoom * angle.cos(), far * way.sin()], 1)  # (B, 3)
        return torch.stack([across, down], 1)

    def _amount(self, most: float, draws: Draws, draw: int) -> Tensor:
        """(B,) from -most to most, times the strength."""
        return draws.between(-most * self.options.strength, most * self.options.strength, draw)

    def about(self) -> str:
        return "light policy" if self.options.strength == 1 else f"light policy × {self.options.strength:g}"
