"""Decision trees as arrays: grown by scikit-learn, kept and walked as plain numbers.

Axes: B rows, D columns, T trees, N nodes of all trees together, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors

_CHUNK = 1 << 21
"""Pairs of row and tree that are walked at once."""


@final
@dataclass(frozen=True, kw_only=True)
class Trees:
    """Node i asks x[feature[i]] <= threshold[i]; left[i] and right[i] are nodes, or -1 both at a leaf.

    roots (T,), left, right, feature (N,) int32, threshold (N,) float64, value (N, K) float64.
    The answer of many trees is the mean of theirs.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray

    @staticmethod
    def of(estimators: Sequence[Any], values: Sequence[np.ndarray]) -> Trees:
        """From scikit-learn's trees and the value (nodes, K) of each tree's nodes."""
        sizes = np.array([estimator.tree_.node_count for estimator in estimators])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        moved = {
            side: np.concatenate(
                [
                    np.where((child := getattr(e.tree_, f"children_{side}")) < 0, -1, child + root)
                    for e, root in zip(estimators, roots, strict=True)
                ]
            ).astype(np.int32)
            for side in ("left", "right")
        }
        return Trees(
            roots=roots.astype(np.int32),
            left=moved["left"],
            right=moved["right"],
            feature=np.concatenate([np.maximum(e.tree_.feature, 0) for e in estimators]).astype(np.int32),
            threshold=np.concatenate([e.tree_.threshold for e in estimators]),
            value=np.concatenate(values),
        )

    def values(self, x: np.ndarray) -> np.ndarray:
        """(B, D) → (B, K)."""
        x = x.astype(np.float32)  # scikit-learn grows its trees on float32
        step = max(1, _CHUNK // len(self.roots))
        parts = [self.value[self.leaves(x[start : start + step])].mean(axis=1) for start in range(0, len(x), step)]
        return np.concatenate(parts) if parts else np.empty((0, self.value.shape[1]))

    def leaves(self, x: np.ndarray) -> np.ndarray:
        """(B, D) float32 → (B, T) the leaf that each row reaches in each tree."""
        node = np.tile(self.roots, (len(x), 1))  # (B, T)
        row = np.arange(len(x))[:, None]
        while (inner := self.left[node] >= 0).any():
            down = np.where(x[row, self.feature[node]] <= self.threshold[node], self.left[node], self.right[node])
            node = np.where(inner, down, node)
        return node

    def path(self, x: np.ndarray, tree: int = 0) -> list[int]:
        """(D,) float32 → the nodes from the root to the leaf."""
        nodes = [int(self.roots[tree])]
        while self.left[nodes[-1]] >= 0:
            node = nodes[-1]
            side = self.left if x[self.feature[node]] <= self.threshold[node] else self.right
            nodes.append(int(side[node]))
        return nodes

    @property
    def leaf_count(self) -> int:
        """Leaves of all trees together."""
        return int((self.left < 0).sum())

    def save(self, folder: Path) -> None:
        """Write `trees.safetensors`."""
        write_tensors(folder / "trees.safetensors", dict(self.__dict__))

    @staticmethod
    def load(folder: Path, width: int, outputs: int) -> Trees:
        """Rebuild what `save` wrote; raises RunError where the nodes are no trees over D = width columns."""
        path = folder / "trees.safetensors"
        arrays = read_tensors(path)
        if set(arrays) != {"roots", "left", "right", "feature", "threshold", "value"}:
            raise RunError("expected the arrays of trees, it holds others.", where=str(path))
        if not _sound(arrays, width, outputs):
            raise RunError("its nodes are no trees over the columns of the run.", where=str(path))
        return Trees(**arrays)


def _sound(arrays: dict[str, np.ndarray], width: int, outputs: int) -> bool:
    roots, left, right, feature = (arrays[name] for name in ("roots", "left", "right", "feature"))
    nodes = len(left)
    shapes = {name: arrays[name].shape for name in ("left", "right", "feature", "threshold")}
    if set(shapes.values()) != {(nodes,)} or arrays["value"].shape != (nodes, outputs) or roots.ndim != 1:
        return False
    if any(array.dtype != np.int32 for array in (roots, left, right, feature)) or not len(roots):
        return False
    inner = np.flatnonzero(left >= 0)
    # Every node is a root or hangs below exactly one node of a lower number: whoever walks down arrives.
    reached = np.sort(np.concatenate([roots, left[inner], right[inner]]))
    return (
        np.array_equal(reached, np.arange(nodes))
        and bool((left[inner] > inner).all() and (right[inner] > inner).all())
        and bool(((left < 0) == (right < 0)).all() and ((feature >= 0) & (feature < width)).all())
        and bool(np.isfinite(arrays["threshold"]).all() and np.isfinite(arrays["value"]).all())
    )


def node_values(estimator: Any, task: str, outcomes: int, classes: Any) -> np.ndarray:
    """(nodes, K) what each node of one of scikit-learn's trees answers: a value, shares of classes, or of tags.

    classes: `classes_` of the tree or forest: the codes that occur, for tags one array a tag.
    """
    value = estimator.tree_.value  # (nodes, outputs, classes)
    if task == "regression":
        return value[:, :, 0]
    if task == "classification":
        shares = np.zeros((len(value), outcomes))
        shares[:, np.asarray(classes, dtype=np.int64)] = value[:, 0, : len(classes)]
        return shares
    tags = [value[:, k, list(own).index(1)] if 1 in own else np.zeros(len(value)) for k, own in enumerate(classes)]
    return np.stack(tags, axis=1)
