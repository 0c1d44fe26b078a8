"""Mean return: what an episode's rewards add up to, on average."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import MeanOverRows


class MeanReturn(MeanOverRows):
    """Mean over episodes of the sum of rewards, undiscounted."""

    name: ClassVar[str] = "mean_return"
    title: ClassVar[str] = "Mean return"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"control"})
    meaning: ClassVar[str] = "What the rewards of an episode add up to, on average over the episodes."

    def per_row(self, answers: Answers) -> np.ndarray:
        return answers.prediction
