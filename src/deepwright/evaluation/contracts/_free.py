"""What the contracts try tasks without a column to predict on: the task's own example, encoded, asked and answered."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from deepwright.core.encoding import Encoding
from deepwright.core.find import find
from deepwright.core.metric import Answers
from deepwright.core.task import Task


@dataclass(frozen=True, kw_only=True)
class Example:
    """A task that was asked of its own example rows."""

    rows: pl.DataFrame
    encoding: Encoding
    task: Task
    truth: pl.Series

    @property
    def ideal(self) -> Answers | None:
        """The answers that nothing beats, where the task can say which."""
        predictions = self.task.ideal(self.truth)
        return None if predictions is None else self.task.answers(predictions, self.truth)


def example_of(cls: type[Task], rows: slice = slice(None)) -> Example:
    """The task on (some of) its example rows; all of them teach."""
    frame, kinds, target = cls.example_rows()
    inputs = [column for column in frame.columns if column != target]
    encoding = Encoding(tuple(find("kind", kinds[column])().fit(frame.get_column(column)) for column in inputs))
    task = cls.ask(frame, target, encoding, {})
    part = frame[rows]
    return Example(rows=part, encoding=encoding, task=task, truth=task.truth(part, encoding))
