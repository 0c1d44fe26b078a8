"""Hierarchy: class labels that are paths, such as "animal/dog"; levels, and how far apart two classes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SEPARATOR = "/"


def are_paths(classes: Sequence[str]) -> bool:
    """Whether the labels form a tree: all hold "/", no part is empty, and some parent has several children."""
    parts = [label.split(SEPARATOR) for label in classes]
    if not parts or any(len(path) < 2 or not all(part.strip() for part in path) for path in parts):
        return False
    return len({path[0] for path in parts}) < len(parts)


def level_codes(classes: Sequence[str]) -> np.ndarray:
    """(K, L) int64: at each level, root first, the number of the node that a class lies under.

    A class whose path is shorter than the deepest is its own node on the levels below it. Numbers count from 0
    on every level, in order of first appearance.
    """
    import numpy as np

    parts = [tuple(label.split(SEPARATOR)) for label in classes]
    depth = max((len(path) for path in parts), default=0)
    codes = np.zeros((len(parts), depth), dtype=np.int64)
    for level in range(depth):
        numbers: dict[tuple[str, ...], int] = {}
        for row, path in enumerate(parts):
            # The length keeps a short path "plant" apart from a node "plant" that has children.
            node = path[: level + 1] if len(path) > level else (*path, "")
            codes[row, level] = numbers.setdefault(node, len(numbers))
    return codes


def level_names(classes: Sequence[str]) -> list[str]:
    """Names of the levels for people: "level 1 (2 groups)", …"""
    codes = level_codes(classes)
    return [f"level {i + 1} ({codes[:, i].max() + 1} groups)" for i in range(codes.shape[1])]


def distances(classes: Sequence[str]) -> np.ndarray:
    """(K, K) int64: levels from a class up to the lowest node that two classes share; 0 is the same class, L no
    shared node. (Height of the lowest common ancestor: Bertinetto et al. 2020, Making Better Mistakes.)
    """
    import numpy as np

    codes = level_codes(classes)
    shared = np.cumprod(codes[:, None, :] == codes[None, :, :], axis=2).sum(axis=2)  # (K, K)
    return codes.shape[1] - shared
