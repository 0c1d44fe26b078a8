"""What metrics of language models share: nats of all texts together over their characters."""

from __future__ import annotations

import numpy as np

from deepwright.core.metric import Answers

LANGUAGE = frozenset({"language_modelling"})


def rate(answers: Answers) -> float:
    """Nats a character: all nats over all characters; NaN where there is no character."""
    characters = float(answers.truth.sum())
    return float(answers.prediction.sum() / characters) if characters else float("nan")


def rates(answers: Answers, weights: np.ndarray) -> np.ndarray:
    """(R, B) weightings of the rows → (R,) nats a character; NaN where a weighting has no character."""
    characters = weights @ answers.truth.astype(np.float64)  # (R,)
    some = characters > 0
    return np.where(some, weights @ answers.prediction / np.where(some, characters, 1.0), np.nan)
