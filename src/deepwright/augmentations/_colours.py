"""Colours: brightness, contrast, saturation and hue of each picture, as one matrix on its channels.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in how bright a colour looks (ITU-R BT.601)."""
_TO_YIQ = (_GREY, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def recoloured(
    pixels: Tensor,
    brightness: Tensor | None = None,
    contrast: Tensor | None = None,
    saturation: Tensor | None = None,
    hue: Tensor | None = None,
) -> Tensor:
    """(B, C, H, W) float32 from 0 to 1, of 1 or 3 channels, or 4 of which the last is transparency and stays.

    brightness: (B,) times every value.    contrast: (B,) times the distance from the picture's mean grey.
    saturation: (B,) times the distance from each pixel's own grey.   hue: (B,) turns of the circle of colours, on the
    plane of equal brightness (YIQ). Of grey pictures only the first two mean anything. None leaves it as it is.
    """
    colours = pixels[:, :3]  # (B, C', H, W)
    if colours.shape[1] == 3:
        colours = _mixed(colours, saturation, hue)
    if contrast is not None:
        middle = _greys(colours).mean((1, 2))[:, None, None, None]  # (B, 1, 1, 1)
        colours = middle + (colours - middle) * contrast[:, None, None, None]
    if brightness is not None:
        colours = colours * brightness[:, None, None, None]
    colours = colours.clamp(0, 1)
    return torch.cat([colours, pixels[:, 3:]], 1) if pixels.shape[1] > 3 else colours


def _mixed(colours: Tensor, saturation: Tensor | None, hue: Tensor | None) -> Tensor:
    if saturation is None and hue is None:
        return colours
    there = colours.new_tensor(_TO_YIQ)  # (3, 3)
    middle = torch.eye(3, device=colours.device).repeat(len(colours), 1, 1)  # (B, 3, 3)
    angle = torch.zeros(len(colours), device=colours.device) if hue is None else hue * (2 * math.pi)  # (B,)
    length = torch.ones_like(angle) if saturation is None else saturation  # (B,)
    cos, sin = length * angle.cos(), length * angle.sin()
    middle[:, 1, 1], middle[:, 1, 2], middle[:, 2, 1], middle[:, 2, 2] = cos, -sin, sin, cos
    matrix = torch.linalg.inv(there) @ middle @ there  # (B, 3, 3)
    return torch.bmm(matrix, colours.flatten(2)).view_as(colours)  # (B, 3, H, W)


def _greys(colours: Tensor) -> Tensor:
    """(B, H, W)"""
    if colours.shape[1] != 3:
        return colours[:, 0]
    return torch.einsum("bchw,c->bhw", colours, colours.new_tensor(_GREY))
