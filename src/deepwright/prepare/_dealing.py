"""Dealing rows: exact sizes by largest remainders, at random or class by class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._shared import texts

Parts = dict[str, np.ndarray]
"""Part → row numbers (int64), in any order."""


def sizes_of(rows: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many rows each drawn part gets: its share rounded, at least one, and at least one left for training."""
    sizes = {part: max(1, round(share * rows)) for part, share in shares.items()}
    if rows <= len(sizes):
        raise DataError(
            f"expected more than {len(sizes)} rows to draw {' and '.join(sizes)} from; got {rows}.",
            remedy="Give more rows, or files of their own for the parts.",
        )
    while sum(sizes.values()) >= rows:
        largest = max(sizes, key=lambda part: sizes[part])
        sizes[largest] -= 1
        if sizes[largest] < 1:
            raise DataError(f"{rows} rows cannot fill every part.", remedy="Use smaller shares for valid and test.")
    return sizes


def deal(rows: np.ndarray, sizes: Mapping[str, int], seed: int) -> Parts:
    """Deal shuffled rows: the drawn parts get their sizes, training the rest."""
    order = np.random.default_rng(seed).permutation(rows)
    parts: Parts = {}
    start = 0
    for part, size in sizes.items():
        parts[part] = order[start : start + size]
        start += size
    return {"train": order[start:], **parts}


def deal_stratified(rows: np.ndarray, target: pl.Series, shares: Mapping[str, float], seed: int) -> tuple[Parts, int]:
    """Each class dealt by the shares (largest remainders, so that sizes are exact); every class keeps a training row.

    Returns the parts and how many classes have a single row.
    """
    classes = texts(target.gather(rows)).rank("dense").cast(pl.Int64).to_numpy() - 1
    counts = np.bincount(classes)
    rng = np.random.default_rng(seed)
    room, drawn = counts - 1, {}
    for part, size in sizes_of(len(rows), shares).items():
        drawn[part] = quotas_of(counts, size, room, rng)
        room = room - drawn[part]
    shuffled = rng.permutation(len(rows))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    ordered = classes[by_class]
    parts, start = {}, np.zeros_like(counts)
    for part, quota in drawn.items():
        parts[part] = rows[by_class[(place >= start[ordered]) & (place < (start + quota)[ordered])]]
        start = start + quota
    return {"train": rows[by_class[place >= start[ordered]]], **parts}, int((counts == 1).sum())


def quotas_of(counts: np.ndarray, size: int, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many rows of each class make `size` rows: proportional, at most `room` of each; (K,) int64."""
    if room.sum() < size:
        raise DataError(
            f"expected classes with several rows to stratify; {int((counts == 1).sum())} of {len(counts)} have one.",
            remedy="Split at random (data.split.by: random), or choose another target.",
        )
    exact = size * counts / counts.sum()
    quota = np.minimum(np.floor(exact).astype(np.int64), room)
    # Largest remainder first; ties in a seeded random order, so that no class is favoured by its name.
    turn = np.lexsort((rng.permutation(len(counts)), -(exact - quota)))
    while (left := size - int(quota.sum())) > 0:
        open_classes = [index for index in turn if quota[index] < room[index]][:left]
        quota[open_classes] += 1
    return quota
