"""Every kind keeps the family's contract, and the contract notices kinds that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.core.config import Config
from deepwright.core.fields import Field
from deepwright.core.find import find, names
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.evaluation.contracts.kind import check_kind
from deepwright.kinds._shared import floats, read_state


@pytest.mark.parametrize("name", names("kind"))
def test_kind_keeps_its_contract(name: str) -> None:
    broken = {says: wrong for says, wrong in check_kind(find("kind", name)) if wrong}
    assert not broken


@pytest.mark.parametrize("name", names("kind"))
def test_kind_wins_its_own_example(name: str) -> None:
    column = find("kind", name).example()
    sure = {other: find("kind", other)().recognise(column).confidence for other in names("kind")}
    assert max(sure, key=lambda other: sure[other]) == name


class _State(Config):
    column: str
    mean: float


class _Ranks(Encoder):
    """Encodes a value as its rank among the rows it came with: not a function of each row."""

    kind = "ranks"

    def __init__(self, state: _State) -> None:
        self.column, self._state = state.column, state

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(form="number", name=self.column),)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return {self.column: np.argsort(np.argsort(floats(column))).astype(np.float32)}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        return self.encode(column)[self.column].astype(np.float64)[:, None], [self.column]

    def unseen(self, column: pl.Series) -> pl.Series:
        return pl.Series([False] * len(column), dtype=pl.Boolean)

    def describe(self) -> str:
        return "ranks"

    def state(self) -> dict[str, Any]:
        return self._state.model_dump()


class Ranks(Kind):
    name = "ranks"

    @classmethod
    def example(cls) -> pl.Series:
        return pl.Series("x", [float(i * i % 11) for i in range(20)] + [None])

    def recognise(self, column: pl.Series) -> Guess:
        return Guess(confidence=0.9, reason="always")

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        return _Ranks(_State(column=column.name, mean=float(np.nan_to_num(floats(column)).sum())))

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return _Ranks(read_state(_State, state, self.name))


def test_contract_notices_a_kind_whose_rows_meet() -> None:
    kept = dict(check_kind(Ranks))
    assert kept["rows do not meet: one by one, or in another order, equals all at once"]
    assert kept["state survives JSON and arrays, bit for bit"] is None


class _Learner(_Ranks):
    """Goes on learning while it encodes, from whatever rows come."""

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        values = np.nan_to_num(floats(column), posinf=0, neginf=0)
        if len(values):
            self._state = _State(column=self.column, mean=0.5 * self._state.mean + 0.5 * float(values.mean()))
        return {self.column: np.clip(values - self._state.mean, -9, 9).astype(np.float32)}


class Learner(Kind):
    name = "ranks"
    example, recognise = Ranks.example, Ranks.recognise

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        return _Learner(_State(column=column.name, mean=0.0))

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return _Learner(_State(column=state["column"], mean=0.0))


def test_contract_notices_a_kind_that_learns_from_other_rows() -> None:
    kept = dict(check_kind(Learner))
    assert "state" in (kept["learns from the training rows only: encoding other rows changes nothing"] or "")
    assert kept["a damaged state is refused with a RunError"]
