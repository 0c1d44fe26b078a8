"""Hierarchical clustering: rows are merged step by step, always those that cost least (Ward 1963)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._clusters import Centres, ClusterModel, seek, taught
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.tasks.clustering import Clustering

_LEAVES = 24
"""Of the dendrogram that is shown."""


@final
class Hierarchical(Contender):
    """J. H. Ward, "Hierarchical grouping to optimize an objective function", 1963, by SciPy.

    The tree is cut where it has the wanted number of branches. A row, new or not, belongs to the branch whose mean is
    nearest: the tree itself only knows the rows that it was grown from.
    """

    name = "hierarchical"
    family = "classical"
    tasks = frozenset({"clustering"})

    class Options(Config):
        """How large the tree may be."""

        most_rows: int = Field(default=5_000, ge=2)
        """Training rows that are merged; more are sampled, as memory grows with their square."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ClusterModel:
        trees: dict[int, np.ndarray] = {}  # rows → tree: one serves every number of clusters

        def fit(points: np.ndarray, count: int) -> Centres:
            if len(points) not in trees:
                trees[len(points)] = grown(points)
            return Centres(branches(trees[len(points)], points, count))

        found = seek(train, brief, fit, self.options.most_rows)
        how = f"Ward's hierarchy of {taught(found.rows, train)}"
        shown = {"dendrogram": _drawn(trees[found.rows], len(found.profile.sizes))}
        return ClusterModel(brief.task, brief.encoding, found.whole, found.again, found.profile, how, shown)

    @classmethod
    def load(cls, folder: Path, task: Clustering, encoding: Encoding, *, trust: Sequence[str] = ()) -> ClusterModel:
        return ClusterModel.load(folder, task, encoding, Centres)


def grown(points: np.ndarray) -> np.ndarray:
    """(n, D) → (n - 1, 4) merges as scipy.cluster.hierarchy.linkage gives them."""
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(points, method="ward"))


def branches(tree: np.ndarray, points: np.ndarray, count: int) -> np.ndarray:
    """(count, D) the means of the branches of a tree cut into so many."""
    from scipy.cluster.hierarchy import cut_tree

    codes = cut_tree(tree, n_clusters=count)[:, 0]
    return np.stack([points[codes == k].mean(axis=0) for k in range(count)])


def _drawn(tree: np.ndarray, clusters: int) -> dict[str, Any]:
    """The last merges as lines: x and height of the four corners of each, the sizes of the leaves, and the cut."""
    from scipy.cluster.hierarchy import dendrogram

    leaves = min(_LEAVES, len(tree) + 1)
    made = dendrogram(tree, p=leaves, truncate_mode="lastp", no_plot=True)
    heights = tree[:, 2]
    below, above = heights[-clusters] if clusters <= len(heights) else 0.0, heights[-max(clusters - 1, 1)]
    sizes = [int(text.strip("()")) if text.startswith("(") else 1 for text in made["ivl"]]
    return {"x": made["icoord"], "height": made["dcoord"], "sizes": sizes, "cut": float((below + above) / 2)}
