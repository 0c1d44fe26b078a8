"""Level accuracy: the share called right on each level of the tree of classes, averaged over levels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.hierarchy import level_codes
from deepwright.core.metric import Answers
from deepwright.metrics._shared import CLASSIFICATION, MeanOverRows


class LevelAccuracy(MeanOverRows):
    """Mean over levels, root first, of the share of rows whose predicted class lies under the right node of that
    level.
    """

    name: ClassVar[str] = "level_accuracy"
    title: ClassVar[str] = "level accuracy"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = CLASSIFICATION
    meaning: ClassVar[str] = (
        "The share called right on each level of the tree of classes, averaged: a close relative is partly right."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def per_row(self, answers: Answers) -> np.ndarray:
        codes = level_codes(answers.classes)
        known = (answers.truth >= 0) & (answers.prediction >= 0)
        same = codes[answers.truth * known] == codes[answers.prediction * known]  # (B, L)
        return np.where(known, same.mean(axis=1), 0.0)
