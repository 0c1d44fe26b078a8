"""Contender: who may answer; the contract of `contenders/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.core.config import Config

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.encoding import Encoding
    from deepwright.core.task import Task


NOT_REPEATABLE = "A fit that the clock cuts cannot be repeated exactly."
"""Ends a note of that kind."""


def _unheard(note: str) -> None:
    """Where nobody keeps notes."""


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a contender is told, beside the rows.

    task:     fitted on the training rows.
    encoding: fitted on the training rows; input columns → tensors or matrix.
    metric:   name of the metric that chooses.
    seconds:  its share of the time for fit (None: as long as it takes); a contender stops itself before.
    seed:     of everything random.
    folder:   an existing folder of its own for checkpoints while it learns; survives a kill.
    log:      called with one JSON-able report at a time (no wall-clock in it: the log is compared bit for bit).
    rewind:   forget what was logged after this step (a contender that goes on from a checkpoint calls it first).
    progress: called with (fraction done 0 to 1 or None, one line for people); free to call often.
    memory:   mebibytes that encoded training data may take; more goes to mapped files in `folder`.
    note:     called with one sentence that must stand beside the score, such as that the clock cut the fit short.
    """

    task: Task
    encoding: Encoding
    metric: str
    seconds: float | None
    seed: int
    folder: Path
    log: Callable[[dict[str, Any]], None]
    rewind: Callable[[int], None]
    progress: Callable[[float | None, str], None]
    memory: int = 2048
    note: Callable[[str], None] = _unheard


class Model(ABC):
    """A fitted contender: a table in, predictions out. Prediction of a row never depends on other rows."""

    @abstractmethod
    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """(B rows with the input columns) → (B rows of predictions, in order); columns as `Task` says."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write plain files into an existing empty folder: JSON, safetensors, text. No pickle."""

    @abstractmethod
    def explain(self) -> str:
        """What the model is, in one or two sentences for people (a rule's own words, a network's size)."""

    def importances(self) -> dict[str, float] | None:
        """Input column → its share in what the model does (sums to 1), where the model itself knows; else None."""
        return None

    def explain_rows(self, frame: pl.DataFrame) -> list[str] | None:
        """Why each row got its prediction (which rule fired, on which values), where the model can say; else None."""
        return None

    def history(self) -> dict[str, Any] | None:
        """How a network was trained, the `deep` object of scores.json in docs/run-folder.md; None for others."""
        return None


class Contender(ABC):
    """Who may answer. One file each in `contenders/`; the file's name is the contender's name in recipes."""

    name: ClassVar[str]
    family: ClassVar[str]
    """ "rule", "classical" or "deep"; ties go to the simpler: rule before classical before deep."""
    tasks: ClassVar[frozenset[str]]
    """Names of the tasks it answers."""

    class Options(Config):
        """The contender's own keys in a recipe; none by default. Subclasses redefine it."""

    def __init__(self, options: Config) -> None:
        self.options = options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Task, encoding: Encoding) -> Config:
        """The options that its contract tries it with: the defaults, where they are enough."""
        return cls.Options()

    @abstractmethod
    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> Model:
        """Learn from the training rows (input columns and target), choose by the validation rows."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, task: Task, encoding: Encoding, *, trust: Sequence[str] = ()) -> Model:
        """Rebuild a saved model; executes nothing from the folder; raises RunError on damage.

        trust: dotted names of the user's own classes that may be imported; a folder alone can never name one.
        """
