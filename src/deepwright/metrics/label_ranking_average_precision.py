"""Label-ranking average precision: how far up the list of tags the right ones stand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.metrics._shared import TAGGING, MeanOverRows


class LabelRankingAveragePrecision(MeanOverRows):
    """mean over rows, then over their true tags, of the share of true tags among those ranked as high or higher; 1 for
    a row with no tag or all.
    """

    name: ClassVar[str] = "label_ranking_average_precision"
    title: ClassVar[str] = "label-ranking AP"
    greater_is_better: ClassVar[bool] = True
    tasks: ClassVar[frozenset[str]] = TAGGING
    meaning: ClassVar[str] = (
        "For each right tag, the share of right ones among the tags ranked at least as high: 1 when all right tags "
        "stand on top."
    )
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_probability: ClassVar[bool] = True

    def per_row(self, answers: Answers) -> np.ndarray:
        if answers.probability is None:
            return np.full(len(answers), np.nan)
        rank = _ranks(answers.probability)
        among_true = _ranks(np.where(answers.truth, answers.probability, -np.inf))
        shares = np.where(answers.truth, among_true / rank, 0.0).sum(axis=1)
        wanted = answers.truth.sum(axis=1)
        return np.where((wanted == 0) | (wanted == answers.truth.shape[1]), 1.0, shares / np.maximum(wanted, 1))


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(B, K) how many entries of the row score as high or higher; computed by sorting, ties all take the largest."""
    rows, tags = scores.shape
    order = np.argsort(-scores, axis=1, kind="stable")
    falling = np.take_along_axis(scores, order, axis=1)
    last_of_tie = np.ones((rows, tags), dtype=bool)
    last_of_tie[:, :-1] = falling[:, 1:] != falling[:, :-1]
    place = np.where(last_of_tie, np.arange(1, tags + 1), tags + 1)
    place = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty_like(place)
    np.put_along_axis(ranks, order, place, axis=1)
    return ranks
