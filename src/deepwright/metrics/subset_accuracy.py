"""Subset accuracy: the share of rows whose tags are all right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import TAGGING, MeanOverRows


class SubsetAccuracy(MeanOverRows):
    """Share of rows where the predicted set of tags is the true one."""

    name: ClassVar[str] = "subset_accuracy"
    title: ClassVar[str] = "subset accuracy"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = TAGGING
    meaning: ClassVar[str] = "The share of rows whose whole set of tags is right, none missing and none too many."
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        return (answers.prediction == answers.truth).all(axis=1).astype(np.float64)
