"""Calibration error (ECE): how far stated probabilities are from what then happens."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, ByWeights, ratio

_BINS = 15


class CalibrationError(ByWeights):
    """Expected calibration error: rows in 15 equal bins of the predicted class’s probability, mean over rows of |share
    right - mean probability| of their bin (Guo et al. 2017). NaN without probabilities.
    """

    name: ClassVar[str] = "calibration_error"
    title: ClassVar[str] = "calibration error"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "How far the stated probabilities are from what then happens: at 0.05, of the rows called with 80 %, some "
        "75 to 85 % are right."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_probability: ClassVar[bool] = True

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        if answers.probability is None:
            return np.full(len(weights), np.nan)
        stated, bins = _stated(answers)
        gap = ((answers.prediction == answers.truth) & (answers.truth >= 0)) - stated
        in_bin = (bins[:, None] == np.arange(_BINS)) * gap[:, None]  # (B, 15)
        return ratio(np.abs(weights @ in_bin).sum(axis=1), weights.sum(axis=1))

    def by_chance(self, answers: Answers, draws: int, seed: int) -> np.ndarray:
        """Of predictions that are right exactly as often as they say (consistency resampling, Bröcker and Smith 2007);
        the sum of a bin's rows is drawn from the normal distribution of its mean and variance."""
        if answers.probability is None or not len(answers):
            return np.full(draws, np.nan)
        stated, bins = _stated(answers)
        spread = np.sqrt(np.bincount(bins, stated * (1.0 - stated), minlength=_BINS))
        return (np.abs(np.random.default_rng(seed).normal(size=(draws, _BINS))) @ spread) / len(answers)


def _stated(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """(B,) probability of the predicted class, and (B,) its bin."""
    assert answers.probability is not None
    called = np.maximum(answers.prediction, 0)
    stated = np.clip(np.take_along_axis(answers.probability, called[:, None], axis=1)[:, 0], 0.0, 1.0)
    return stated, np.clip(np.ceil(stated * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
