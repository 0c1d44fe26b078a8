"""Task: what is asked; the contract of `tasks/`. Pure: it holds no weights and knows no device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from deepwright.core.metric import Answers

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from torch import Tensor


class Task(ABC):
    """What is asked of a table. Fitted on the training rows' target, immutable afterwards.

    Loss and predict stand beside each other: what the one expects, the other inverts.

    Predictions are a table again (a polars frame), the same whatever family of contender made them:
        regression:     prediction (float64)
        classification: prediction (string), probability (float64, of that class), "p(LABEL)" for each class
        tagging:        prediction (list of strings), "p(TAG)" for each tag
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[str, ...]]
    """Names of the figures that a report of this task shows, in order."""
    rules: ClassVar[tuple[str, ...]]
    """Names of the rule contenders that answer it by default."""
    target: str

    @classmethod
    @abstractmethod
    def suits(cls, kind: str, target: pl.Series) -> str | None:
        """Why this task fits a target of that kind ("3 classes in column species"), or None where it does not."""

    @classmethod
    @abstractmethod
    def example(cls) -> tuple[str, pl.Series]:
        """A kind and a target column of it (24 rows or more) that this task suits; its contract runs on it."""

    @classmethod
    @abstractmethod
    def fit(cls, target: pl.Series, options: Mapping[str, Any]) -> Self:
        """Learn classes or scale from the training rows' target. `options` are the task's keys in the recipe
        (loss, class_weights, label_smoothing, huber_delta, …). Raises DataError or RecipeError."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers a network gives for each row; not always `outcomes`: two classes may share one logit."""

    @property
    @abstractmethod
    def outcomes(self) -> int:
        """K, how many columns of values `predictions` takes: classes, tags, or 1 for a number. For everyone but
        networks."""

    @abstractmethod
    def encode(self, target: pl.Series) -> np.ndarray:
        """Target as the loss wants it: (B,) float32 standardised · (B,) int64 codes, -1 unseen · (B, K) float32."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """() mean loss of raw network outputs (B, outputs), or (B, M, outputs) for M members, against encode()d
        targets (for members the mean over them). Soft targets (B, K) are accepted where mixing makes sense."""

    @abstractmethod
    def predict(self, output: np.ndarray) -> pl.DataFrame:
        """Raw network outputs (B, outputs) → predictions in the user's units; (B, M, outputs) averages the
        members' predictions (probabilities, not logits)."""

    @abstractmethod
    def predictions(self, values: np.ndarray) -> pl.DataFrame:
        """What classical models and rules give → the same table: values in user units (B,) for regression,
        probabilities (B, K) for classification (columns in order of `classes`) and tagging."""

    @abstractmethod
    def answers(self, predictions: pl.DataFrame, target: pl.Series) -> Answers:
        """Predictions beside the truth, as arrays that metrics read."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics to report, the primary one first (it follows the data: skew, number of classes)."""

    @property
    @abstractmethod
    def why_metric(self) -> str:
        """Why the primary metric is this one, in a sentence, and how to choose another."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-able state; `load(state())` equals self."""

    @classmethod
    @abstractmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Rebuild from `state()`; raises RunError on damage."""
