"""Affine: pictures sampled anew at places that a matrix gives for each; what turning, zooming and shearing share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Fill = Literal["black", "edge"]
_PADDING = {"black": "zeros", "edge": "border"}


def sampled(pixels: Tensor, matrix: Tensor, fill: Fill) -> Tensor:
    """(B, C, H, W) float32 at places `matrix` (B, 2, 3): output (x, y, 1) → input (x, y), in units of half the shorter
    side, from the centre, x to the right and y down; between pixels linear in x and y."""
    height, width = pixels.shape[2:]
    short = min(height, width)
    unit = matrix.new_tensor([width / short, height / short])  # (2,) half sides in units
    # What grid_sample calls 1 is half of either side: places out, the matrix, places in.
    scaled = torch.cat([matrix[:, :, :2] * unit, matrix[:, :, 2:]], dim=2) / unit[:, None]  # (B, 2, 3)
    places = F.affine_grid(scaled, list(pixels.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(pixels, places, "bilinear", _PADDING[fill], align_corners=False)


def turned(angle: Tensor) -> Tensor:
    """(B,) radians, anticlockwise as seen → (B, 2, 3)."""
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack([torch.stack([cos, -sin, none], 1), torch.stack([sin, cos, none], 1)], 1)


def boxed(left: Tensor, top: Tensor, right: Tensor, bottom: Tensor, width: int, height: int) -> Tensor:
    """(B,) each, edges of a part as shares of width and height from 0 to 1 → (B, 2, 3) that shows that part whole."""
    short = min(height, width)
    wide, high, none = width / short, height / short, torch.zeros_like(left)
    across = torch.stack([right - left, none, (left + right - 1) * wide], 1)  # (B, 3)
    down = torch.stack([none, bottom - top, (top + bottom - 1) * high], 1)  # (B, 3)
    return torch.stack([across, down], 1)
