"""Hierarchical distance: how far from the truth a prediction lies in the tree of classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.hierarchy import distances, level_codes
from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, MeanOverRows


class HierarchicalDistance(MeanOverRows):
    """mean over rows of the levels from the class up to the lowest node that truth and prediction share: 0 is right, 1
    a sibling, the depth of the tree no shared node (or a class that training never showed).
    """

    name: ClassVar[str] = "hierarchical_distance"
    title: ClassVar[str] = "hierarchical distance"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "How far from the truth predictions lie in the tree of classes: 0 is right, 1 is a close relative, larger "
        "is more distant."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def per_row(self, answers: Answers) -> np.ndarray:
        apart = distances(answers.classes)
        farthest = level_codes(answers.classes).shape[1]
        known = (answers.truth >= 0) & (answers.prediction >= 0)
        rows = np.full(len(answers), float(farthest))
        rows[known] = apart[answers.truth[known], answers.prediction[known]]
        return rows
