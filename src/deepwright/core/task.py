"""Task: what is asked; the contract of `tasks/`. Pure: it knows no network and no device.

Every task is asked of a table and answered by a table. `Task` is what all of them share; `TargetTask` adds what
there is to say where a column is to be predicted. A task without such a column (clusters, a language model, a
generator, an agent) subclasses `Task` itself: everything that judges, reports or keeps a run reads `Task` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from deepwright.core.metric import Answers

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from torch import Tensor

    from deepwright.core.encoding import Encoding


class Task(ABC):
    """What is asked of a table. Fitted on the training rows, immutable afterwards.

    Predictions are a table again (a polars frame), one row for each row asked about, the same columns whatever family
    of contender made them; the task's own docstring names them.
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[str, ...]]
    """Names of the figures that a report of this task shows, in order."""
    rules: ClassVar[tuple[str, ...]]
    """Names of the rule contenders that answer it by default; what "rule" stands for in a recipe."""
    entrants: ClassVar[tuple[str, ...]]
    """Who enters the contest where a recipe names nobody."""
    trainer: ClassVar[str] = "network"
    """The contender that trains a network which a recipe only names."""
    deals: ClassVar[str] = "auto"
    """How rows are split where a recipe does not say: as `SplitRecipe.by`, or "column:NAME"."""
    stratifies: ClassVar[bool] = False
    """Whether all parts of a split should hold equal shares of the target's values, where a recipe does not say."""
    reads_as: ClassVar[Mapping[str, str]] = {}
    """Inferred kind of an input column → the kind this task reads it as: {"text": "characters"}."""
    keeps_constants: ClassVar[bool] = False
    """Whether columns with one value only belong to a row all the same: the edge of a picture."""
    precedence: ClassVar[int] = 0
    """Without a target the task that can be asked and has the largest is chosen; below 0 only when asked for."""
    compared: ClassVar[int] = 2_000
    """Training rows that are predicted to compare their score with validation; more cost time and say the same."""
    permutes: ClassVar[bool] = False
    """Whether shuffling an input column says how much it matters."""
    target: str | None

    @classmethod
    @abstractmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        """Why this task can be asked of these columns ("3 classes in column species"), or None where it cannot.

        target: the column that the user named, else None.
        """

    @classmethod
    @abstractmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        """Learn what it needs from the training rows. `options` are the task's own keys in the recipe.

        Raises DataError or RecipeError, also for an option that is not there.
        """

    @abstractmethod
    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        """What predictions of these rows are judged against, one value a row; kept beside them in the run folder.

        A target, the text itself, the encoded point, …; null where there is nothing to say.
        """

    @abstractmethod
    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        """Predictions beside `truth`, as arrays that metrics read. Raises RunError where they are damaged."""

    def wrongness(self, answers: Answers) -> np.ndarray | None:
        """(B,) how wrong each row is, 0 for not at all, in a unit of the task's own; None where rows are not wrong."""
        return None

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

    @classmethod
    def example_rows(cls) -> tuple[pl.DataFrame, dict[str, str], str | None]:
        """A table of 60 rows or more, the kind of each column and the target, that this task can be asked of.

        The contracts of the task, and of contenders that answer it, run on it.
        """
        raise NotImplementedError(f"{cls.__name__} has no example")

    def ideal(self, truth: pl.Series) -> pl.DataFrame | None:
        """Predictions that nothing beats, for the contract; None where a truth does not say what they would be."""
        return None


class TargetTask(Task):
    """What is asked of a column: predict it from the others. Fitted on the training rows' target.

    Loss and predict stand beside each other: what the one expects, the other inverts.

    Predictions:
        regression:     prediction (float64)
        classification: prediction (string), probability (float64, of that class), "p(LABEL)" for each class
        tagging:        prediction (list of strings), "p(TAG)" for each tag
    """

    entrants = ("rule", "linear", "boosted_trees", "networks")
    permutes = True
    target: str

    @classmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        return None if target is None else cls.suits(kinds[target], frame.get_column(target))

    @classmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        assert target is not None
        return cls.fit(train.get_column(target), options)

    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        return rows.get_column(self.target)

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
    def classes(self) -> tuple[str, ...]:
        """Names of classes or tags in the order of their probabilities; () where a number is predicted."""
        return ()

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
