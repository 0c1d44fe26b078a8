"""Silhouette: how much nearer rows are to their own cluster than to the next one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._clusters import CLUSTERING
from deepwright.metrics._shared import MeanOverRows


class Silhouette(MeanOverRows):
    """Mean of the rows' coefficients, which the task has worked out among all rows that were asked about.

    P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis", 1987.
    A resample draws rows with the coefficients they have: its spread is that of rows in the clusters as they are.
    """

    name: ClassVar[str] = "silhouette"
    title: ClassVar[str] = "silhouette"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLUSTERING
    meaning: ClassVar[str] = (
        "How clearly rows lie in their own cluster and not in the next: 1 far apart, 0 on the border between two, "
        "below 0 nearer to another one. Above 0.5 clusters are plain to see, below 0.25 they may be imagined."
    )
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        return answers.more["silhouette"]
