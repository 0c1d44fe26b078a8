"""Gradients: what classical models see of a picture: which way its edges run, and which colours lie where.

Histograms of oriented gradients after Dalal and Triggs, 2005, "Histograms of Oriented Gradients for Human Detection":
cells of 8 × 8 pixels, 9 directions without sign, blocks of 2 × 2 cells brought to length 1, cut at 0.2, and again.
"""

from __future__ import annotations

from itertools import product

import numpy as np

SIDE = 32
"""Height and width of the pictures that features are taken from."""

_CELL, _DIRECTIONS = 8, 9
_CELLS = SIDE // _CELL
_CUT = 0.2
_SMALL = 1e-5
_SHADES = {1: 16, 3: 4, 4: 4}
"""Bins of brightness, or of each colour; the histogram of colours is a joint one, over red, green and blue at once."""


def features(planes: np.ndarray) -> np.ndarray:
    """(D,) float64 of a picture, (C, 32, 32) uint8 with C 1, 3 or 4: gradients, share of each colour, mean colours.

    Transparency plays no part in the colours and is compared with as one more mean.
    """
    values = planes.astype(np.float64) / 255  # (C, 32, 32)
    cells = values.reshape(len(planes), _CELLS, _CELL, _CELLS, _CELL).mean(axis=(2, 4))  # (C, 4, 4)
    return np.concatenate([_oriented_gradients(values[:3]), _colours(planes[:3]), cells.ravel()])


def feature_names(channels: int) -> list[str]:
    """What the D numbers are called, in order: "edge 40° row 1 column 2 …"."""
    corners = ("top left", "top right", "bottom left", "bottom right")
    blocks = product(range(1, _CELLS), range(1, _CELLS), corners, range(_DIRECTIONS))
    edges = [f"edge {180 * d // _DIRECTIONS}° block {r}.{c} {corner}" for r, c, corner, d in blocks]
    colours = min(channels, 3)
    joint = product(range(_SHADES[channels]), repeat=colours)
    shares = [f"share of colour {'.'.join(map(str, shade))}" for shade in joint]
    called = {1: ("grey",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}[channels]
    places = product(called, range(1, _CELLS + 1), range(1, _CELLS + 1))
    return edges + shares + [f"mean {colour} at {r}.{c}" for colour, r, c in places]


def _oriented_gradients(values: np.ndarray) -> np.ndarray:
    """(3 · 3 · 4 · 9,) of (C, 32, 32): at each pixel the channel counts whose gradient is the longest."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]  # (C, 32, 32)
    right = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    lengths = np.hypot(down, right)
    strongest = lengths.argmax(axis=0)[None]  # (1, 32, 32)
    down, right, length = (np.take_along_axis(a, strongest, axis=0)[0] for a in (down, right, lengths))
    # A direction falls between two of the nine, and counts for both by how near it is.
    place = (np.arctan2(down, right) % np.pi) * _DIRECTIONS / np.pi  # (32, 32) in [0, 9]
    lower = np.floor(place)
    upper_share = place - lower
    cell = np.add.outer(np.arange(SIDE) // _CELL * _CELLS, np.arange(SIDE) // _CELL) * _DIRECTIONS  # (32, 32)
    histogram = np.zeros(_CELLS * _CELLS * _DIRECTIONS)
    for direction, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        bins = cell + direction.astype(np.int64) % _DIRECTIONS
        histogram += np.bincount(bins.ravel(), (length * share).ravel(), minlength=len(histogram))
    return _normed_blocks(histogram.reshape(_CELLS, _CELLS, _DIRECTIONS))


def _normed_blocks(cells: np.ndarray) -> np.ndarray:
    """Every 2 × 2 neighbouring cells of (4, 4, 9), brought to length 1, none of their numbers above 0.2, and again."""
    blocks = np.stack([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)  # (3, 3, 4, 9)
    blocks = blocks.reshape(-1, 4 * _DIRECTIONS)  # (9, 36)
    return _of_length_one(np.minimum(_of_length_one(blocks), _CUT)).ravel()


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    return rows / np.sqrt((rows**2).sum(axis=1, keepdims=True) + _SMALL)


def _colours(planes: np.ndarray) -> np.ndarray:
    """The share of pixels of each joint shade: 16 of grey, 4 × 4 × 4 of colour."""
    shades = _SHADES[len(planes)]
    codes = np.zeros(SIDE * SIDE, dtype=np.int64)
    for plane in planes:
        codes = codes * shades + (plane.ravel().astype(np.int64) * shades >> 8)
    return np.bincount(codes, minlength=shades ** len(planes)) / codes.size
