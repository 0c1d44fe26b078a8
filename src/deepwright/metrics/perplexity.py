"""Perplexity per character: among how many equally likely characters the model is left to choose."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._characters import LANGUAGE, rate, rates


class Perplexity(Metric):
    """exp of the nats a character, over all characters of all texts together."""

    name: ClassVar[str] = "perplexity"
    title: ClassVar[str] = "perplexity"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = LANGUAGE
    meaning: ClassVar[str] = (
        "Among how many equally likely characters the model has to choose on average: 1 is certain."
    )
    bounds: ClassVar[tuple[float, float]] = (1.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(np.exp(rate(answers)))

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return np.exp(rates(answers, weights))
