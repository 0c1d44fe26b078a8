"""Contender: who may answer; the contract of `contenders/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from deepwright.core.config import Config

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.encoding import Encoding


NOT_REPEATABLE = "A fit that the clock cuts cannot be repeated exactly."
"""Ends a note of that kind."""


def _unheard(note: str) -> None:
    """Where nobody keeps notes."""


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a contender is told, beside the rows.

    task:     fitted on the training rows; of one of the tasks that the contender claims.
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

    task: Any
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


class Order(Config):
    """What is to be generated."""

    count: int = Field(default=1, ge=1)
    """How many texts or rows."""
    prompt: str = ""
    """What a text begins with."""
    length: int = Field(default=300, ge=1)
    """Characters of each text, the prompt apart."""
    temperature: float = Field(default=1.0, ge=0)
    """Below 1 the likely is likelier still, 0 always takes the likeliest; above 1 evens out."""
    top_k: int | None = Field(default=None, ge=1)
    """Draw only among so many of the likeliest; None: among all."""
    seed: int = Field(default=0, ge=0)
    """Of the draws."""


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

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        """What people look at rather than read, JSON-able: samples, a map, an episode move by move; for figures.

        frame: the validation rows. The task's docstring says what its figures look for; None where there is nothing.
        """
        return None

    def generate(self, order: Order) -> Iterator[str | pl.DataFrame] | None:
        """New things like those it learned from, piece by piece: text, or frames of rows; None where it cannot.

        The same order gives the same things.
        """
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
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Config:
        """The options that its contract tries it with: the defaults, where they are enough."""
        return cls.Options()

    @abstractmethod
    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> Model:
        """Learn from the training rows (input columns and target), choose by the validation rows."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, task: Any, encoding: Encoding, *, trust: Sequence[str] = ()) -> Model:
        """Rebuild a saved model; executes nothing from the folder; raises RunError on damage.

        trust: dotted names of the user's own classes that may be imported; a folder alone can never name one.
        """
