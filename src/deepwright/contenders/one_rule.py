"""One rule: the best single column with a few thresholds or values, as a sentence (Holte 1993)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._lesson import lesson, predictions, said, sample
from deepwright.contenders._pieces import Question, best_question, question_from, segments_cost
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, read_json, write_json
from deepwright.core.task import TargetTask

_PRIOR_ROWS = 2.0
"""Rows of the overall shares that are mixed into each piece, so that no class ever gets probability 0."""
_CHOOSING = 50_000
"""Training rows that choose the column and where it is cut; all of them make the answers."""


@final
class OneRule(Contender):
    """R. C. Holte, "Very simple classification rules perform well on most commonly used datasets", 1993.

    Differs from the paper: numbers are cut at the best places (dynamic programming over at most 64 bins) instead of
    greedily; a tenth of the Brier score joins the training errors, so that skewed classes are told apart too; works
    for regression (a value for each piece) and tags (shares for each piece); a text column asks for a word.
    """

    name = "one_rule"
    family = "rule"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """How fine the rule may be."""

        pieces: int = Field(default=3, ge=2, le=12)
        """Most pieces that a number column is cut into; values of a category column: four times as many."""
        smallest: int | None = Field(default=None, ge=1)
        """Rows in the smallest piece, from 1; None: 6 as in the paper, or 1 % of the rows where that is more."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> OneRuleModel:
        learnt = lesson(brief.task, train)
        smallest = self.options.smallest or max(6, len(learnt) // 100)
        cost = segments_cost(brief.task.name)
        few = learnt.take(sample(learnt.y, _CHOOSING, brief.seed)) if len(learnt) > _CHOOSING else learnt
        least = max(1, smallest * len(few) // len(learnt))
        questions = [
            question
            for encoder in brief.encoding.encoders
            if (question := best_question(encoder, few, cost, self.options.pieces, least)) is not None
        ]
        useful = [question for question, gain in questions if gain > 0]
        best = max(questions, key=lambda pair: pair[1])[0] if useful else None
        return OneRuleModel(brief.task, best, _values(best, learnt.frame, learnt.y, brief.task), len(learnt))

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> OneRuleModel:
        return OneRuleModel.load(folder, task, encoding)


@final
class OneRuleModel(Model):
    """A question to one column, and the answer for each piece.

    values: (P + 1, K), the last row for missing cells; rows: how many training rows it was learnt from.
    """

    _FILE: ClassVar[str] = "one_rule.json"

    def __init__(self, task: TargetTask, question: Question | None, values: np.ndarray, rows: int) -> None:
        self._task = task
        self._question = question
        self._values = values
        self._rows = rows

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self._question is None:
            return predictions(self._task, np.tile(self._values[-1], (frame.height, 1)))
        return predictions(self._task, self._values[self._question.pieces(frame)])

    def explain(self) -> str:
        """The rule as a sentence: "if flipper_length_mm > 206 then Gentoo (95 %), otherwise Adelie (68 %)"."""
        outcomes = [said(self._task, values) for values in self._values]
        if self._question is None:
            return f"no single column helps: always {outcomes[-1]}"
        return self._question.sentence(outcomes)

    def importances(self) -> dict[str, float] | None:
        return None if self._question is None else {self._question.column: 1.0}

    def explain_rows(self, frame: pl.DataFrame) -> list[str]:
        """For each row: the cell that was read, and the part of the rule that it falls under."""
        outcomes = [said(self._task, values) for values in self._values]
        if self._question is None:
            return [self.explain()] * frame.height
        cells = frame.get_column(self._question.column).to_list()
        conditions = [*self._question.conditions(), f"{self._question.column} is missing"]
        return [
            f"{outcomes[piece]}, because {conditions[piece]} ({self._question.column} = {cell})"
            for cell, piece in zip(cells, self._question.pieces(frame), strict=True)
        ]

    def save(self, folder: Path) -> None:
        question = None if self._question is None else self._question.state()
        write_json(
            folder / self._FILE,
            {"sentence": self.explain(), "question": question, "values": self._values, "rows": self._rows},
        )

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding) -> OneRuleModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        path = folder / cls._FILE
        with boundary(path):
            state = read_json(path)
            question = None if state["question"] is None else question_from(state["question"])
            values = np.array(state["values"], dtype=np.float64)
            rows = int(state["rows"])
        width = 1 if task.name == "regression" else task.outcomes
        pieces = 1 if question is None else len(question.conditions()) + 1
        known = question is None or question.column in encoding.columns
        if values.shape != (pieces, width) or not known:
            raise RunError("its rule does not fit the task and columns of the run.", where=str(path))
        return OneRuleModel(task, question, values, rows)


def _values(question: Question | None, frame: pl.DataFrame, y: np.ndarray, task: TargetTask) -> np.ndarray:
    """(P + 1, K) the answer of each piece, the last one for missing cells; (1, K) without a question."""
    overall = y.mean(axis=0)
    if question is None:
        return overall[None, :]
    pieces = question.pieces(frame)
    count = len(question.conditions()) + 1
    sums = np.stack([y[pieces == piece].sum(axis=0) for piece in range(count)])
    rows = np.bincount(pieces, minlength=count)[:, None]
    prior = 0.0 if task.name == "regression" else _PRIOR_ROWS
    with np.errstate(invalid="ignore"):
        means = (sums + prior * overall) / (rows + prior)
    return np.where(rows > 0, means, overall)
