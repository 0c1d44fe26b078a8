"""What metrics of clusters need: silhouette coefficients of points, and counts of pairs of rows.

Axes: B rows, D numbers of a point, K clusters, L clusters (or labels) of another grouping, R weightings of the rows.
"""

from __future__ import annotations

import numpy as np

from deepwright.metrics._shared import ratio

CLUSTERING = frozenset({"clustering"})
REFERENCES = 4_000
"""Points that each point's distances are taken to; of more, so many evenly spaced ones stand for all."""


def silhouettes(points: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Points (B, D) and their clusters (B,) → (B,) silhouette coefficients, -1 to 1 (Rousseeuw 1987).

    (b - a) / max(a, b) for a the mean distance to the other points of the own cluster, b that to the nearest other
    cluster; 0 for a point alone in its cluster. Exact up to 4,000 points, else against 4,000 of them. Where a single
    cluster holds all points nothing is set apart, and every coefficient is 0.
    """
    return silhouettes_among(distances(points), codes)


def silhouettes_among(apart: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The same from `distances` (B, M), for whoever judges many groupings of the same points."""
    names, codes = np.unique(codes, return_inverse=True)
    if len(names) < 2:
        return np.zeros(len(codes))
    chosen = _references(len(codes))
    member = np.eye(len(names))[codes]  # (B, K)
    others = member[chosen].sum(axis=0) - member * np.isin(np.arange(len(codes)), chosen)[:, None]
    means = ratio(apart @ member[chosen], others, empty=np.inf)  # (B, K) the distance to oneself adds nothing
    own = codes[:, None] == np.arange(len(names))
    within, nearest = means[own], np.where(own, np.inf, means).min(axis=1)  # (B,)
    known = np.isfinite(within) & np.isfinite(nearest)
    within, nearest = np.where(known, within, 0.0), np.where(known, nearest, 0.0)
    return ratio(nearest - within, np.maximum(nearest, within), empty=0.0)


def distances(points: np.ndarray) -> np.ndarray:
    """(B, D) → (B, M) from each point to those that stand for all: every one of up to 4,000."""
    from scipy.spatial.distance import cdist

    points = np.asarray(points, dtype=np.float64)
    return cdist(points, points[_references(len(points))])


def rand_index(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Two groupings (B,) of the same rows, weights (R, B) → (R,) adjusted Rand index (Hubert & Arabie 1985).

    1 where they are the same up to names, 0 on average where they have nothing to do with each other.
    """
    table = contingency(one, other, weights)  # (R, K, L)
    both = _pairs(table).sum(axis=(1, 2))  # (R,) pairs of rows that are together in both
    first, second = _pairs(table.sum(axis=2)).sum(axis=1), _pairs(table.sum(axis=1)).sum(axis=1)
    expected = ratio(first * second, _pairs(table.sum(axis=(1, 2))), empty=0.0)
    # Both all in one, or all apart: the same grouping.
    return ratio(both - expected, (first + second) / 2 - expected, empty=1.0)


def mutual_information(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """As `rand_index` → (R,) mutual information over the mean of the two entropies (Strehl & Ghosh 2002)."""
    table = contingency(one, other, weights)
    shares = ratio(table, table.sum(axis=(1, 2), keepdims=True), empty=0.0)  # (R, K, L)
    first, second = _entropy(shares.sum(axis=2)), _entropy(shares.sum(axis=1))
    together = _entropy(shares.reshape(len(shares), -1))
    return np.clip(ratio(first + second - together, (first + second) / 2, empty=1.0), 0.0, 1.0)


def contingency(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(R, K, L) weighted rows that are in a cluster of the one and in a cluster of the other."""
    first, one = np.unique(one, return_inverse=True)
    second, other = np.unique(other, return_inverse=True)
    cells, size = one * len(second) + other, len(first) * len(second)  # (B,)
    counts = [np.bincount(cells, weights=drawn, minlength=size) for drawn in weights]
    return np.stack(counts).reshape(len(weights), len(first), len(second))


def _references(rows: int) -> np.ndarray:
    """(M,) numbers of the points that stand for all."""
    return np.arange(rows) if rows <= REFERENCES else np.linspace(0, rows - 1, REFERENCES).astype(np.int64)


def _pairs(rows: np.ndarray) -> np.ndarray:
    return rows * (rows - 1.0) / 2.0


def _entropy(shares: np.ndarray) -> np.ndarray:
    """(R, N) → (R,) in nats."""
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
