"""Log-likelihood: nats that a generator gives to a real row it has not seen; larger is better."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._generation import more


class LogLikelihood(Metric):
    """The mean over rows; a bound from below where the model knows no more."""

    name: ClassVar[str] = "log_likelihood"
    title: ClassVar[str] = "log-likelihood"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    meaning: ClassVar[str] = "How likely real rows are that the model has not seen, in nats a row; larger is better."

    def score(self, answers: Answers) -> float:
        terms = self.per_row(answers)
        return math.nan if terms is None else float(terms.mean())

    def per_row(self, answers: Answers) -> np.ndarray | None:
        return more(answers, "log_likelihood")
