"""Features: a few numbers that say what a row is, learned from the training rows; what generated rows are judged in.

With labels they are the last hidden layer of a small classifier, which holds what tells the classes apart and little
else (as Inception's does for photographs: Heusel et al., 2017). Without labels they are principal components.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from deepwright.core.config import Config

_HIDDEN = 64
_MOST_ROWS = 10_000
"""Rows that the classifier learns from."""
_HELD = 5
"""One row in so many says how often the classifier is right, before it learns from all of them."""
_PASSES = 80
_DIGITS = 6
"""Decimals of a stored weight."""

Matrix = tuple[tuple[float, ...], ...]


class Layer(Config):
    """Rows (B, I) → (B, O)."""

    weights: Matrix = Field(min_length=1)
    """I rows of O."""
    bias: tuple[float, ...] = Field(min_length=1)
    """O."""


class Features(Config):
    """Standardised rows (B, D) → features (B, F) of mean 0 and standard deviation 1 over the training rows.

    Principal components share one scale, so that the larger ones count for more.
    """

    layers: tuple[Layer, ...] = Field(min_length=1)
    """Of a classifier each is followed by ReLU; a single one is linear."""
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    accuracy: float | None
    """How often the classifier was right about rows that it had not learned from; None for principal components."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        widths = []
        for layer in self.layers:
            if any(len(row) != len(layer.bias) for row in layer.weights):
                raise ValueError("a layer's weights do not fit its bias")
            widths.append((len(layer.weights), len(layer.bias)))
        if any(a[1] != b[0] for a, b in pairwise(widths)):
            raise ValueError("the layers do not fit each other")
        if not len(self.mean) == len(self.spread) == widths[-1][1] or min(self.spread) <= 0:
            raise ValueError("mean and spread do not fit the last layer")
        return self

    @property
    def inputs(self) -> int:
        """D."""
        return len(self.layers[0].weights)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """(B, D) → (B, F)"""
        for layer in self.layers:
            rows = rows @ np.array(layer.weights) + np.array(layer.bias)  # (B, O)
            if self.accuracy is not None:
                rows = np.maximum(rows, 0.0)
        return (rows - np.array(self.mean)) / np.array(self.spread)


def from_labels(rows: np.ndarray, labels: np.ndarray, width: int) -> Features:
    """Of a classifier with hidden layers of 64 and `width`, trained on standardised rows (B, D) and labels (B,)."""
    rows, labels = rows[:_MOST_ROWS], labels[:_MOST_ROWS]
    held = np.arange(len(rows)) % _HELD == 0
    accuracy = float(_classifier(rows[~held], labels[~held], width).score(rows[held], labels[held]))
    net = _classifier(rows, labels, width)
    layers = tuple(_layer(w, b) for w, b in zip(net.coefs_[:-1], net.intercepts_[:-1], strict=True))
    return _standardised(layers, rows, accuracy)


def from_components(rows: np.ndarray, width: int) -> Features:
    """The first principal components of standardised rows (B, D), at most `width`."""
    centred = rows[:_MOST_ROWS] - rows[:_MOST_ROWS].mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    chosen = directions[: min(width, len(rows) - 1)].T  # (D, F)
    signs = np.where(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])] < 0, -1.0, 1.0)
    return _standardised((_layer(chosen * signs, np.zeros(chosen.shape[1])),), rows, None)


def _classifier(rows: np.ndarray, labels: np.ndarray, width: int) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    net = MLPClassifier((_HIDDEN, width), random_state=0, max_iter=_PASSES, alpha=1e-3, learning_rate_init=2e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it need not be the best there is
        return net.fit(rows, labels)


def _layer(weights: np.ndarray, bias: np.ndarray) -> Layer:
    return Layer(weights=_plain(weights), bias=tuple(np.round(bias, _DIGITS).tolist()))


def _standardised(layers: tuple[Layer, ...], rows: np.ndarray, accuracy: float | None) -> Features:
    width = len(layers[-1].bias)
    raw = Features(layers=layers, mean=(0.0,) * width, spread=(1.0,) * width, accuracy=accuracy).of(rows)
    mean, spread = raw.mean(axis=0), raw.std(axis=0)
    if accuracy is None:
        spread = np.full(width, np.sqrt(np.square(spread).mean()))
    spread = np.where(spread > 10.0**-_DIGITS, spread, 1.0)  # a unit that no row wakes up is 0 for all
    return Features(layers=layers, mean=tuple(mean.tolist()), spread=tuple(spread.tolist()), accuracy=accuracy)


def _plain(array: np.ndarray) -> Matrix:
    return tuple(map(tuple, np.round(array, _DIGITS).tolist()))
