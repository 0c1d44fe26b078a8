"""Nats per character: the mean surprise in natural logarithms, as losses of language models are printed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._characters import LANGUAGE, rate, rates


class NatsPerCharacter(Metric):
    """sum of -log p(character given those before it), over all characters of all texts together."""

    name: ClassVar[str] = "nats_per_character"
    title: ClassVar[str] = "nats per character"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = LANGUAGE
    meaning: ClassVar[str] = (
        "The mean surprise at each next character in natural logarithms: the loss that training lowers."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(rate(answers))

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return rates(answers, weights)
