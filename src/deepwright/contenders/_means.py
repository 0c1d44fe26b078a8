"""Means: k-means by scikit-learn, the same bits on every machine of one sort."""

from __future__ import annotations

import numpy as np


def means_of(points: np.ndarray, count: int, seed: int, starts: int) -> np.ndarray:
    """(n, D) → (count, D) float64: the centres with the least sum of squared distances of so many starts."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # On several threads scikit-learn adds up in the order in which they end: other bits each time.
    with threadpool_limits(1):
        fitted = KMeans(count, n_init=starts, random_state=seed).fit(np.asarray(points, dtype=np.float64))
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)
