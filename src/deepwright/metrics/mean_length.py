"""Mean length: how many steps an episode lasts, on average."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import MeanOverRows


class MeanLength(MeanOverRows):
    """Mean over episodes of the steps to the end. Longer is better where one is to hold out, as on a balancing pole;
    where one is to arrive, the return says it."""

    name: ClassVar[str] = "mean_length"
    title: ClassVar[str] = "Mean length"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = frozenset({"control"})
    meaning: ClassVar[str] = "How many steps an episode lasts on average; whether long is good, the environment says."
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        return answers.more["steps"]
