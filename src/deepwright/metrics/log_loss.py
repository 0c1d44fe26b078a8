"""Log-loss (cross-entropy): how surprised the probabilities are by the truth."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, TINY, MeanOverRows, probability_of_truth


class LogLoss(MeanOverRows):
    """mean of -log p(truth), p held between 2e-16 and 1 - 2e-16; a class that training never showed has p = 0."""

    name: ClassVar[str] = "log_loss"
    title: ClassVar[str] = "log-loss"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "How surprised the probabilities are by the truth: 0 is certain and right, and a confident mistake costs much."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs_probability: ClassVar[bool] = True

    def per_row(self, answers: Answers) -> np.ndarray:
        return -np.log(np.clip(probability_of_truth(answers), TINY, 1.0 - TINY))
