"""What metrics of generated rows share."""

from __future__ import annotations

import numpy as np

from deepwright.core.metric import Answers

_EXACT = 1e-12
"""Of the total variance: distances below are rounding."""


def shares(weights: np.ndarray) -> np.ndarray:
    """(R, B) weights → (R, B), each row summing to 1 (NaN where all are 0)."""
    return weights / weights.sum(axis=1, keepdims=True)


def frechet(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(R,) Fréchet distances between the normal distributions of two sets of rows (B, F), for weights (R, B) that each
    sum to 1:   |μ_a − μ_b|² + tr(C_a + C_b − 2 (C_a C_b)^½)       (Dowson and Landau, 1982)

    The trace of (C_a C_b)^½ is the sum of the singular values of C_a^½ C_b^½, exact where both sets are the same.
    """
    mean_a, root_a, total_a = _moments(a, weights)
    mean_b, root_b, total_b = _moments(b, weights)
    shared = np.linalg.svd(root_a @ root_b, compute_uv=False).sum(axis=1)  # (R,)
    total = total_a + total_b
    found = np.square(mean_a - mean_b).sum(axis=1) + total - 2.0 * shared
    return np.where(found < _EXACT * total, 0.0, found)


def _moments(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (R, F), square roots of the covariances (R, F, F) and their traces (R,)."""
    size = rows.shape[1]
    mean = weights @ rows  # (R, F)
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), size * size)  # (B, F·F)
    covariance = (weights @ products).reshape(-1, size, size) - mean[:, :, None] * mean[:, None, :]  # (R, F, F)
    values, vectors = np.linalg.eigh(covariance)  # (R, F), (R, F, F)
    values = np.maximum(values, 0.0)
    root = (vectors * np.sqrt(values)[:, None, :]) @ vectors.swapaxes(1, 2)  # (R, F, F)
    return mean, root, values.sum(axis=1)


def more(answers: Answers, name: str) -> np.ndarray | None:
    """An array of the task's own; None where there is none, or no row."""
    found = answers.more.get(name)
    return found if found is not None and len(found) else None
