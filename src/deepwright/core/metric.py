"""Metric: a number that says how good predictions are; the contract of `metrics/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Truth and predictions of the same rows, as arrays, whatever made them.

    regression:     truth (B,) float64, prediction (B,) float64, probability None
    classification: truth (B,) int64 codes into `classes` (-1: a class that training never showed),
                    prediction (B,) int64 codes, probability (B, K) float64 rows summing to 1, or None
    tagging:        truth (B, K) bool, prediction (B, K) bool, probability (B, K) float64 or None

    What other tasks put here their own docstrings say; `more` holds further arrays of the same rows, by name, for
    metrics of theirs.
    """

    truth: np.ndarray
    prediction: np.ndarray
    probability: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    more: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: np.ndarray) -> Answers:
        """The answers of some rows (with repeats: a bootstrap sample)."""
        probability = None if self.probability is None else self.probability[rows]
        return Answers(
            truth=self.truth[rows],
            prediction=self.prediction[rows],
            probability=probability,
            classes=self.classes,
            more={name: array[rows] for name, array in self.more.items()},
        )


class Metric(ABC):
    """One metric, stateless. One file each in `metrics/`; the file's name is the metric's name in recipes."""

    name: ClassVar[str]
    title: ClassVar[str]
    """As printed: "ROC-AUC"."""
    greater_is_better: ClassVar[bool]
    tasks: ClassVar[frozenset[str]]
    """Names of the tasks it fits; elsewhere it is refused with a reason."""
    meaning: ClassVar[str]
    """One plain sentence: what the number says to someone who has not met it."""
    needs_probability: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    """Lowest and highest value it can take."""
    resampling_shifts: ClassVar[bool] = False
    """Whether rows drawn with repeats score differently on average for no reason but the repeats, as a distance between
    two sets does: it takes them for a set of less variety. Intervals then lose that shift."""

    @abstractmethod
    def score(self, answers: Answers) -> float:
        """The metric over the whole set, exactly (never a mean of batches); NaN where it is not defined."""

    def per_row(self, answers: Answers) -> np.ndarray | None:
        """(B,) terms whose mean is the score, or None where it is not a mean over rows. Makes intervals fast."""
        return None

    def weighted(self, answers: Answers, weights: np.ndarray) -> np.ndarray | None:
        """(R,) scores, one for each of R weightings (R, B) of the rows (how often a bootstrap sample drew each), or
        None where only `take` will do. For metrics that are no mean over rows; makes their intervals fast.
        """
        return None

    def linearised(self, answers: Answers) -> np.ndarray | None:
        """(B,) terms whose mean is the score, and whose mean over a resample is the resample's score to first order:
        the score plus B times its derivative by each row's weight (the infinitesimal jackknife, Jaeckel 1972). None
        where it is not worked out. For metrics whose resamples cost much; used where rows are very many."""
        return None

    def by_chance(self, answers: Answers, draws: int, seed: int) -> np.ndarray | None:
        """(draws,) scores that chance alone gives on these rows where nothing is wrong, or None. For metrics to which
        noise adds: their resamples, noisier than the rows, lie beyond the score."""
        return None
