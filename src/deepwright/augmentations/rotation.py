"""Rotation: pictures turned about their centre by a random angle."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from deepwright.augmentations._affine import Fill, sampled, turned
from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config

_UPRIGHT = 30.0
"""Degrees from which on a thing may look like another: a 6 like a 9, an N like a Z, left like up."""


class Rotation(Augmentation):
    """Angles are drawn evenly up to `degrees` on either side; pixels in between are interpolated."""

    name: ClassVar[str] = "rotation"

    class Options(Config):
        """Its keys in a recipe."""

        degrees: float = Field(default=10.0, gt=0, le=180)
        """The largest angle, in degrees."""
        fill: Fill = "black"
        """What the corners show: black, or the outermost pixels again ("edge")."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        most = math.radians(self.options.degrees)
        return sampled(pixels, turned(draws.between(-most, most)), self.options.fill)  # (B, C, H, W)

    def about(self) -> str:
        return f"rotation {self.options.degrees:g}°"

    def disguises(self) -> str | None:
        degrees = self.options.degrees
        return f"turns pictures by up to {degrees:g}°" if degrees > _UPRIGHT else None
