"""Random resized crop: a random part of each picture, of random size and proportions, enlarged to the whole.

Paper: Szegedy et al., 2015, "Going Deeper with Convolutions", section 6. There a part is drawn again where it does not
fit into the picture; here its sides are cut to the picture's, so that every row takes one draw.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor

from deepwright.augmentations._affine import boxed, sampled
from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.config import Config

_Share = Annotated[float, Field(gt=0, le=1)]
_Ratio = Annotated[float, Field(gt=0.1, lt=10)]


class RandomResizedCrop(Augmentation):
    """Zooms in, moves and stretches at once."""

    name: ClassVar[str] = "random_resized_crop"

    class Options(Config):
        """Its keys in a recipe."""

        scale: tuple[_Share, _Share] = (0.5, 1.0)
        """The least and the largest share of the picture's area that the part has, 0 to 1; the paper's is 0.08 to 1."""
        ratio: tuple[_Ratio, _Ratio] = (3 / 4, 4 / 3)
        """The least and the largest width / height of the part, relative to the picture's own."""

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.scale[0] > self.scale[1] or self.ratio[0] > self.ratio[1]:
                raise ValueError("scale and ratio give the least first, then the largest")
            return self

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        chosen, (height, width) = self.options, pixels.shape[2:]
        area = draws.between(*chosen.scale)  # (B,)
        ratio = draws.between(math.log(chosen.ratio[0]), math.log(chosen.ratio[1]), draw=1).exp()  # (B,)
        wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)  # (B,) shares of the sides
        place = draws.uniform(2, draw=2)  # (B, 2)
        left, top = place[:, 0] * (1 - wide), place[:, 1] * (1 - high)
        return sampled(pixels, boxed(left, top, left + wide, top + high, width, height), "edge")  # (B, C, H, W)

    def about(self) -> str:
        return f"parts of {self.options.scale[0]:.0%} to {self.options.scale[1]:.0%} of the picture"
