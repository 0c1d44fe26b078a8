"""Bits per character: how many yes-or-no questions a character still takes, for one who knows the model."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers, Metric
from deepwright.metrics._characters import LANGUAGE, rate, rates


class BitsPerCharacter(Metric):
    """sum of -log2 p(character given those before it), over all characters of all texts together."""

    name: ClassVar[str] = "bits_per_character"
    title: ClassVar[str] = "bits per character"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = LANGUAGE
    meaning: ClassVar[str] = (
        "How many yes-or-no questions each next character still takes: 0 is certain, letters drawn blindly take 5 to 6."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(rate(answers) / np.log(2.0))

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return rates(answers, weights) / np.log(2.0)
