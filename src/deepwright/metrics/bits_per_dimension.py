"""Bits per dimension: the log-likelihood as the length of a code, for each number of a row; smaller is better."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._generation import more


class BitsPerDimension(Metric):
    """−log p(x) / (D log 2), the mean over rows; comparable between rows of different width."""

    name: ClassVar[str] = "bits_per_dimension"
    title: ClassVar[str] = "bits per dimension"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    meaning: ClassVar[str] = "Bits that the model needs to write down one number of a real row; smaller is better."

    def score(self, answers: Answers) -> float:
        terms = self.per_row(answers)
        return math.nan if terms is None else float(terms.mean())

    def per_row(self, answers: Answers) -> np.ndarray | None:
        terms = more(answers, "log_likelihood")
        return None if terms is None else -terms / (answers.truth.shape[1] * math.log(2.0))
