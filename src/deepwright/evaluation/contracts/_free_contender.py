"""The contract of contenders on tasks without a column to predict."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import polars as pl

from deepwright.core.contender import Contender, Model, Order
from deepwright.core.find import find
from deepwright.core.metric import Metric
from deepwright.evaluation.contracts._free import Example, example_of
from deepwright.evaluation.contracts._trying import assert_close, assert_misses_files, assert_reloads, brief_for

_VALID = 20
"""Rows of the example that do not teach."""


class FreeTrial:
    """One contender on one task's own example."""

    def __init__(self, cls: type[Contender], task: str, seconds: float | None) -> None:
        self._cls = cls
        self._seconds = seconds
        self._example = example_of(find("task", task))

    def promises(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is promised, and how it is tried."""
        yield "fits, and its predictions can be judged", self.judged
        yield "a batch equals row by row", self.row_by_row
        yield "saved and loaded it predicts the same, and unpickles nothing", self.reloaded
        yield "a missing or cut file is a RunError", self.damaged
        yield "the same seed gives the same predictions", self.repeated
        yield "explains itself in a sentence, and what it shows is JSON", self.explained
        yield "the same order generates the same things", self.generates

    @property
    def example(self) -> Example:
        return self._example

    @cached_property
    def valid(self) -> pl.DataFrame:
        return self._example.rows[-_VALID:]

    @cached_property
    def model(self) -> Model:
        return self.fitted()

    def fitted(self) -> Model:
        example, train = self._example, self._example.rows[:-_VALID]
        options = self._cls.example(train, example.task, example.encoding)
        with tempfile.TemporaryDirectory() as folder:
            brief = brief_for(example.task, example.encoding, example.task.metrics[0], Path(folder), self._seconds)
            return self._cls(options).fit(train, self.valid, brief)

    def judged(self) -> None:
        found = self.model.predict(self.valid)
        assert found.height == self.valid.height, "the number of rows changed"
        task = self._example.task
        answers = task.answers(found, task.truth(self.valid, self._example.encoding))
        metric: Metric = find("metric", task.metrics[0])()
        score = metric.score(answers)
        assert math.isfinite(score), f"{metric.title} is {score}"
        low, high = metric.bounds
        assert low - 1e-9 <= score <= high + 1e-9, f"{metric.title} {score} is outside its bounds"
        assert self.model.predict(self.valid[:0]).schema == found.schema, "no rows are not predicted as no rows"

    def row_by_row(self) -> None:
        rows = self.valid[:6]
        single = pl.concat([self.model.predict(rows[i : i + 1]) for i in range(rows.height)])
        assert_close(self.model.predict(rows), single, 1e-9 if self._cls.family != "deep" else 1e-4)

    def reloaded(self) -> None:
        assert_reloads(self.model, self._load, self.valid)

    def damaged(self) -> None:
        assert_misses_files(self.model, self._load)

    def repeated(self) -> None:
        again = self.fitted().predict(self.valid)
        assert again.equals(self.model.predict(self.valid)), "other predictions from the same seed"

    def explained(self) -> None:
        text = self.model.explain()
        assert text.strip() and "\n" not in text, "expected a sentence"
        json.dumps(self.model.exhibits(self.valid), allow_nan=False)

    def generates(self) -> None:
        made = self.model.generate(Order(count=3, length=20, seed=4))
        if made is None:
            return
        first, second = list(made), list(self.model.generate(Order(count=3, length=20, seed=4)) or ())
        assert len(first) == len(second) > 0, "the same order gave another number of pieces"
        for one, other in zip(first, second, strict=True):
            same = (
                one.equals(other) if isinstance(one, pl.DataFrame) and isinstance(other, pl.DataFrame) else one == other
            )
            assert same, "the same order generated something else"

    def _load(self, folder: Path) -> Model:
        return self._cls.load(Path(folder), self._example.task, self._example.encoding)
