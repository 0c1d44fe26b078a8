"""Colour jitter: brightness, contrast, saturation and hue moved by random amounts, as light and cameras move them.

Paper: Krizhevsky, Sutskever, Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section
4.1, shifted colours along their principal components; these four are what is used since.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from deepwright.augmentations._colours import recoloured
from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config


class ColourJitter(Augmentation):
    """Of grey pictures brightness and contrast alone; transparency stays."""

    name: ClassVar[str] = "colour_jitter"

    class Options(Config):
        """Its keys in a recipe."""

        brightness: float = Field(default=0.2, ge=0, le=1)
        """Factors on every value are drawn from 1 - this to 1 + this."""
        contrast: float = Field(default=0.2, ge=0, le=1)
        """Factors on the distance from the picture's mean grey, likewise."""
        saturation: float = Field(default=0.2, ge=0, le=1)
        """Factors on the distance from grey, likewise."""
        hue: float = Field(default=0.0, ge=0, le=0.5)
        """Turns of the circle of colours are drawn from -this to this; 0.5 is the opposite colour."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        chosen = self.options

        def factor(most: float, draw: int) -> Tensor | None:
            return draws.between(1 - most, 1 + most, draw) if most else None  # (B,)

        return recoloured(
            pixels,
            brightness=factor(chosen.brightness, 0),
            contrast=factor(chosen.contrast, 1),
            saturation=factor(chosen.saturation, 2),
            hue=draws.between(-chosen.hue, chosen.hue, 3) if chosen.hue else None,
        )  # (B, C, H, W)

    def about(self) -> str:
        return "colours"
