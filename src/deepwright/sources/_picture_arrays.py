"""Picture arrays: pixels of 8 bits become a column of pictures, each a whole PGM or PPM file."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._pictures import PIXELS

IMAGE, LABEL, PART = "image", "label", "part"
"""Columns of every source of pictures that come as arrays; `part` says "train", "valid" or "test"."""
CHANNELS = (1, 3)
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}


def layout(shape: tuple[int, ...], where: str) -> tuple[int, int, int, bool]:
    """(height, width, channels, whether channels come first) of an array of pictures.

    shape: (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; where both would do, channels are last.
    Raises DataError for any other shape, for pictures without a pixel, and above the limit on pixels.
    """
    said = " × ".join(f"{length:,}" for length in shape)
    if len(shape) == 3:
        height, width, channels, first = shape[1], shape[2], 1, False
    elif len(shape) == 4 and shape[3] in CHANNELS:
        height, width, channels, first = shape[1], shape[2], shape[3], False
    elif len(shape) == 4 and shape[1] in CHANNELS:
        height, width, channels, first = shape[2], shape[3], shape[1], True
    else:
        raise DataError(
            f"expected pictures as N × H × W, N × H × W × C or N × C × H × W with 1 or 3 channels, got {said}.",
            where=where,
            remedy="Save them in one of these shapes.",
        )
    if not 0 < height * width <= PIXELS:
        raise DataError(f"expected pictures of 1 to {PIXELS:,} pixels, got {said}.", where=where)
    return height, width, channels, first


def pictures(array: np.ndarray, where: str) -> pl.Series:
    """(N,) column `image` of bytes from (N, H, W), (N, H, W, C) or (N, C, H, W) uint8; nothing is lost.

    Grey becomes PGM, colour PPM. Raises as `layout`.
    """
    height, width, channels, first = layout(array.shape, where)
    if first and channels > 1:
        array = array.transpose(0, 2, 3, 1)  # (N, H, W, C)
    head = f"P{5 if channels == 1 else 6} {width} {height} 255\n".encode("ascii")
    flat = array.reshape(len(array), -1)  # (N, H·W·C)
    return pl.Series(IMAGE, [head + row.tobytes() for row in flat], dtype=pl.Binary)


def named(channels: int) -> str:
    """ "grey" or "in colour"."""
    return "grey" if channels == 1 else "in colour"


def part_of(name: str) -> tuple[str, str]:
    """The part that a name says ("train", "valid", "test", or "") and the rest of it: "x_train" → ("train", "x")."""
    pieces = [piece for piece in re.split(r"[-_.\s]+", name) if piece]
    said = [_PARTS[piece.lower()] for piece in pieces if piece.lower() in _PARTS]
    return (said[0] if len(said) == 1 else ""), "_".join(piece for piece in pieces if piece.lower() not in _PARTS)
