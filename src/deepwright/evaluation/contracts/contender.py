"""The contract of contenders: fits, answers in the task's own table, survives saving, treats every row by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from deepwright.core.contender import Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.find import find, names
from deepwright.evaluation.contracts._free_contender import FreeTrial
from deepwright.evaluation.contracts._promise import promise
from deepwright.evaluation.contracts._trying import assert_close, assert_misses_files, assert_reloads, brief_for

if TYPE_CHECKING:
    from deepwright.core.task import TargetTask

_KINDS = {"size": "number", "weight": "number", "colour": "category", "note": "text", "day": "time"}
_TARGETS = {"classification": ("label", "accuracy"), "regression": ("price", "rmse"), "tagging": ("tags", "f1_micro")}


def check_contender(cls: type[Contender], *, seconds: float | None = None) -> Iterator[tuple[str, str | None]]:
    """Each promise of a contender on every task it claims, with what is wrong about it, or None.

    seconds: of each fit; None: as long as it takes.
    """
    yield promise("says its name, family and tasks, and its first line what it is", partial(_named, cls))
    for name in sorted(cls.tasks & set(_TARGETS)):
        trial = _Trial(cls, name, seconds)
        promises: tuple[tuple[str, Callable[[], None]], ...] = (
            ("fits and is no worse than a constant", trial.beats_a_constant),
            ("its predictions are the task's table, and probabilities sum to 1", trial.table),
            ("a batch equals row by row", trial.row_by_row),
            ("values never seen and rows of nothing but missing cells are predicted", trial.strange_rows),
            ("saved and loaded it predicts the same, and unpickles nothing", trial.reloaded),
            ("a missing or cut file is a RunError", trial.damaged),
            ("the same seed gives the same predictions", trial.repeated),
            ("explains itself in a sentence, importances sum to 1", trial.explained),
        )
        for says, test in promises:
            yield promise(f"{name}: {says}", test)
    for name in sorted(cls.tasks & set(names("task")) - set(_TARGETS)):
        for says, test in FreeTrial(cls, name, seconds).promises():
            yield promise(f"{name}: {says}", test)


def example_rows(rows: int = 240, seed: int = 0) -> pl.DataFrame:
    """Made rows of every kind of column, with missing cells, and a target for each task."""
    rng = np.random.default_rng(seed)
    size, weight = rng.normal(50.0, 10.0, rows), rng.lognormal(1.0, 0.5, rows)
    colour = rng.choice(["red", "green", "blue"], rows, p=[0.5, 0.3, 0.2])
    soft = rng.random(rows) < 0.4
    days = np.datetime64("2024-01-01") + rng.integers(0, 700, rows).astype("timedelta64[D]")
    words = rng.choice(["with a handle", "for the kitchen", "as a gift", "second hand"], rows)
    label = np.where(size + rng.normal(0, 3, rows) > 55, "large", np.where(colour == "red", "small red", "small"))
    tags = [
        [t for t, on in zip(("warm", "soft"), pair, strict=True) if on]
        for pair in zip(colour == "red", soft, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "size": size,
            "weight": weight,
            "colour": colour,
            "note": [f"{'soft' if s else 'hard'} thing {word}" for s, word in zip(soft, words, strict=True)],
            "day": days,
            "label": label,
            "price": 3.0 * size + 20.0 * (colour == "blue") + rng.normal(0, 5, rows),
            "tags": pl.Series(tags, dtype=pl.List(pl.String)),
        }
    )
    holes = pl.Series(rng.random(rows) < 0.1)
    gone = [pl.when(holes.shuffle(seed=i)).then(None).otherwise(pl.col(c)).alias(c) for i, c in enumerate(_KINDS)]
    return frame.with_columns(gone)


class _Trial:
    """One contender on one task."""

    def __init__(self, cls: type[Contender], task: str, seconds: float | None) -> None:
        self._cls = cls
        self._target, self._metric = _TARGETS[task]
        self._seconds = seconds
        self._task_name = task
        rows = example_rows().select(*_KINDS, self._target)
        self._train, self._valid = rows[:180], rows[180:]

    @cached_property
    def task(self) -> TargetTask:
        cls: type[TargetTask] = find("task", self._task_name)
        return cls.fit(self._train.get_column(self._target), {})

    @cached_property
    def encoding(self) -> Encoding:
        return Encoding(tuple(find("kind", k)().fit(self._train.get_column(c)) for c, k in _KINDS.items()))

    @cached_property
    def model(self) -> Model:
        return self.fitted()

    def fitted(self) -> Model:
        options = self._cls.example(self._train, self.task, self.encoding)
        with tempfile.TemporaryDirectory() as folder:
            brief = brief_for(self.task, self.encoding, self._metric, Path(folder), self._seconds)
            return self._cls(options).fit(self._train, self._valid, brief)

    def beats_a_constant(self) -> None:
        truth = self.task.encode(self._valid.get_column(self._target))
        shares = self.task.encode(self._train.get_column(self._target))
        if self._task_name == "regression":
            known, price = self._train["price"].to_numpy(), self._valid["price"].to_numpy()
            errors = self.model.predict(self._valid)["prediction"].to_numpy() - price
            better = np.abs(errors).mean() <= 1.02 * np.abs(price - np.median(known)).mean()
            better |= (errors**2).mean() <= 1.02 * ((price - known.mean()) ** 2).mean()
        else:
            eye = np.eye(self.task.outcomes)
            one_hot = [eye[codes] if codes.ndim == 1 else codes for codes in (truth, shares)]
            chances = self.model.predict(self._valid).select(pl.col("^p\\(.*\\)$")).to_numpy()
            better = ((chances - one_hot[0]) ** 2).sum() <= 1.02 * ((one_hot[1].mean(axis=0) - one_hot[0]) ** 2).sum()
        assert better, "a constant would have done better on the validation rows"

    def table(self) -> None:
        found = self.model.predict(self._valid)
        values = np.full((1, self.task.outcomes), 1.0 / self.task.outcomes)
        expected = self.task.predictions(values[:, 0] if self._task_name == "regression" else values)
        assert found.schema == expected.schema, f"expected {expected.schema}, it gave {found.schema}"
        assert found.height == self._valid.height, "the number of rows changed"
        assert not any(found.null_count().row(0)), "a prediction is missing"
        chances = found.select(pl.col("^p\\(.*\\)$")).to_numpy()
        assert ((chances >= 0) & (chances <= 1)).all(), "a probability is not between 0 and 1"
        if self._task_name == "classification":
            assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-6), "probabilities do not sum to 1"
        assert self.model.predict(self._valid[:0]).schema == expected.schema, "no rows are not predicted as no rows"

    def row_by_row(self) -> None:
        rows = self._valid[:12].drop(self._target)
        single = pl.concat([self.model.predict(rows[i : i + 1]) for i in range(rows.height)])
        assert_close(self.model.predict(rows), single, 1e-9 if self._cls.family != "deep" else 1e-4)

    def strange_rows(self) -> None:
        rows = self._valid[:4].drop(self._target)
        unseen = rows.with_columns(pl.lit("ultraviolet").alias("colour"), pl.lit(1e12).alias("weight"))
        empty = rows.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in rows.schema.items())
        untyped = pl.DataFrame({name: [None] * 4 for name in rows.columns})
        for frame in (unseen, empty, untyped):
            found = self.model.predict(frame)
            assert found.height == 4 and not any(found.null_count().row(0)), "a strange row is not predicted"
            numbers = found.select(pl.selectors.numeric()).to_numpy()
            assert np.isfinite(numbers).all(), "a strange row is predicted as not a number"

    def reloaded(self) -> None:
        assert_reloads(self.model, self._load, self._valid)

    def damaged(self) -> None:
        assert_misses_files(self.model, self._load)

    def _load(self, folder: Path) -> Model:
        return self._cls.load(folder, self.task, self.encoding)

    def repeated(self) -> None:
        again = self.fitted()
        assert again.predict(self._valid).equals(self.model.predict(self._valid)), (
            "other predictions from the same seed"
        )

    def explained(self) -> None:
        text = self.model.explain()
        assert text.strip() and "\n" not in text, "expected a sentence"
        shares = self.model.importances()
        if shares is not None:
            assert set(shares) <= set(_KINDS), f"unknown columns: {set(shares) - set(_KINDS)}"
            assert not shares or abs(sum(shares.values()) - 1.0) < 1e-6 or not any(shares.values()), "not shares of one"
        reasons = self.model.explain_rows(self._valid[:3])
        assert reasons is None or (len(reasons) == 3 and all(reasons)), "expected a reason for each row"


def _named(cls: type[Contender]) -> None:
    assert cls.name and cls.family in ("rule", "classical", "deep"), "expected a name and a family"
    assert cls.tasks, "it claims no task"
    assert cls.__doc__ and cls.Options.__doc__, "expected docstrings on the contender and its options"
    for key, field in cls.Options.model_fields.items():
        assert field.description, f"the option '{key}' says nothing about itself"
