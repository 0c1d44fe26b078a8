"""Language modelling: what comes next in a text, character by character; no column to predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import RunError
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.kinds._shared import texts
from deepwright.tasks._options import read_options, read_state

if TYPE_CHECKING:
    from deepwright.core.encoding import Encoding

_TEXT = frozenset({"text", "characters"})
_COLUMNS = ("bits_per_character", "nats", "characters")


class _Options(Config):
    """The task's keys in a recipe: none."""


class _State(Config):
    """What the task remembers."""

    column: str


class LanguageModelling(Task):
    """Say how likely each character of a text is, given those before it in the same row.

    A character that training never showed is charged the chance that one is new, 1 / (characters seen + 1), spread
    evenly over all of Unicode that is not known: the chances of all texts sum to 1, and it costs every model the same.

    Predictions: bits_per_character (float64, of the row), nats (float64, of the whole row), characters (int64)
    Answers: truth (B,) int64 characters of each row, prediction (B,) float64 nats of the whole row
    Exhibits: speech (as `contenders/_speech.py` says), and on_the_way: step, text
    """

    name = "language_modelling"
    figures = (
        "next_character",
        "text_surprise",
        "bits_by_position",
        "generated_text",
        "learning_curves",
    )
    rules = ("most_frequent_character",)
    entrants = ("rule", "n_gram", "gpt")
    trainer = "next_token"
    deals = "order"
    reads_as: ClassVar[Mapping[str, str]] = {"text": "characters"}
    precedence = 10
    compared = 60
    target = None

    def __init__(self, column: str) -> None:
        self.column = column

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LanguageModelling) and other.column == self.column

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        if target is not None:
            return None
        told = [column for column, kind in kinds.items() if kind in _TEXT]
        others = [column for column, kind in kinds.items() if kind not in _TEXT and kind != "id"]
        return f"texts in column {told[0]} and nothing beside them" if len(told) == 1 and not others else None

    @classmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        read_options(_Options, options, cls.name)
        return cls(encoding.columns[0])

    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        """The texts themselves."""
        return texts(rows.get_column(self.column)).fill_null("")

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        missing = [column for column in _COLUMNS if column not in predictions.columns]
        if missing:
            raise RunError(f"the predictions lack the columns {', '.join(missing)}.")
        characters = truth.str.len_chars().cast(pl.Int64).to_numpy()
        nats = predictions["nats"].cast(pl.Float64).to_numpy()
        if not np.array_equal(predictions["characters"].to_numpy(), characters) or not (nats >= 0).all():
            raise RunError("the predictions are not of these texts, or their nats are damaged.")
        return Answers(truth=characters, prediction=nats)

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bits_per_character", "perplexity", "nats_per_character")

    @property
    def why_metric(self) -> str:
        return "bits per character, which compare across alphabets and models (another with task.metric)"

    def state(self) -> dict[str, Any]:
        return {"column": self.column}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        return cls(read_state(_State, state, cls.name).column)

    @classmethod
    def example_rows(cls) -> tuple[pl.DataFrame, dict[str, str], str | None]:
        """Ninety short rhymes of twelve words."""
        rng = np.random.default_rng(0)
        words = ["the", "cat", "sat", "on", "a", "mat", "and", "ran", "to", "me", "as", "rain"]
        rows = [" ".join(rng.choice(words, size=int(rng.integers(3, 12)))) + ".\n" for _ in range(90)]
        return pl.DataFrame({"text": rows}), {"text": "characters"}, None

    def ideal(self, truth: pl.Series) -> pl.DataFrame:
        """Certain of every character."""
        zero = np.zeros(len(truth))
        characters = truth.str.len_chars().cast(pl.Int64)
        return pl.DataFrame({"bits_per_character": zero, "nats": zero, "characters": characters})
