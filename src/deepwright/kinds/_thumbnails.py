"""Thumbnails: pictures of a column made small, as PNG, so that a run folder can show them when the files are gone."""

from __future__ import annotations

import io

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._picture_files import PictureFiles
from deepwright.kinds._pictures import fitted, header
from deepwright.kinds._shared import is_blank


def thumbnails(column: pl.Series, side: int) -> pl.Series:
    """Each picture as the bytes of a PNG, null where it is missing or cannot be read; proportions stay.

    side: pixels of the longer side at most; smaller pictures are not enlarged.
    """
    made: list[bytes | None] = []
    with PictureFiles() as files:
        for value, blank in zip(column, is_blank(column), strict=True):
            try:
                made.append(None if blank else _small(*files.content(value), side))
            except DataError:
                made.append(None)
    return pl.Series(column.name, made, dtype=pl.Binary)


def png(pixels: np.ndarray) -> bytes:
    """(C, H, W) uint8, C of 1, 3 or 4, as the bytes of a PNG; the same pixels give the same bytes."""
    from PIL import Image

    rows = np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    Image.fromarray(rows).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) uint8 of pixels that are bytes, or numbers from 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.clip(np.round(255 * np.asarray(pixels, dtype=np.float32)), 0, 255).astype(np.uint8)


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """(C, H, W) uint8 with sides of at most `side` pixels, smoothed; smaller ones as they are."""
    height, width = pixels.shape[1:]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    from PIL import Image

    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    planes = [Image.fromarray(plane).resize(size, Image.Resampling.BOX) for plane in pixels]
    return np.stack([np.asarray(plane) for plane in planes])


def _small(content: bytes, where: str, side: int) -> bytes:
    channels, height, width = header(content, where)
    scale = min(1.0, side / max(height, width))
    shape = (channels, max(1, round(height * scale)), max(1, round(width * scale)))
    return png(fitted(content, where, shape))
