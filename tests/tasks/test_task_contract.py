"""Every task keeps its family's contract, with every option, and the contract notices tasks that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.core.find import find, names
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.evaluation.contracts.task import check_task
from deepwright.tasks.classification import Classification
from deepwright.tasks.regression import Regression
from deepwright.tasks.tagging import Tagging


def broken(cls: type[Task]) -> list[str]:
    return [f"{says}: {problem}" for says, problem in check_task(cls) if problem]


@pytest.mark.parametrize("name", names("task"))
def test_keeps_its_promises(name: str) -> None:
    assert find("task", name).name == name
    assert not broken(find("task", name))


def with_options(task: type[Task], options: dict[str, Any], example: tuple[str, pl.Series] | None = None) -> type[Task]:
    """The task as it is where the recipe says these options."""
    plain = task.fit.__func__  # type: ignore[attr-defined]

    def fit(cls: type[Task], target: pl.Series, given: dict[str, Any]) -> Task:
        return plain(cls, target, {**options, **given})

    body: dict[str, Any] = {"fit": classmethod(fit)}
    if example is not None:
        body["example"] = classmethod(lambda cls: example)
    return type(task.__name__, (task,), body)


BINARY = ("category", pl.Series("ill", ["no", "yes", "no", "no"] * 10))
NUMBERS = ("number", pl.Series("stars", [1, 2, 3, 2] * 10))
_SLOW = frozenset({"huge", "tiny", "whole", "flag", "stars", "lists"})
"""Targets whose contract the long lane keeps: the task tests look at their codes and values themselves."""
VARIANTS: list[tuple[type[Task], dict[str, Any], tuple[str, pl.Series] | None]] = [
    (Regression, {"loss": "mae"}, None),
    (Regression, {"loss": "huber", "huber_delta": 0.5}, None),
    (Regression, {"loss": "rmse"}, None),
    (Regression, {"loss": "torch.nn.functional:mse_loss"}, None),
    (Regression, {"target_transform": "log"}, None),
    (Regression, {"target_transform": "log1p"}, None),
    (Regression, {}, ("number", pl.Series("huge", 1e150 * np.sin(np.arange(30.0))))),
    (Regression, {}, ("number", pl.Series("tiny", 1e-150 * np.sin(np.arange(30.0))))),
    (Regression, {}, ("number", pl.Series("far", 1e9 + 1e-3 * np.arange(30.0)))),
    (Regression, {}, ("number", pl.Series("whole", list(range(30))))),
    (Classification, {"class_weights": "balanced"}, None),
    (Classification, {"class_weights": {"bird/owl": 4.0}}, None),
    (Classification, {"loss": "cross_entropy", "label_smoothing": 0.05}, None),
    (Classification, {"hierarchy": False}, None),
    (Classification, {"loss": "torch.nn.functional:cross_entropy"}, None),
    (Classification, {"loss": "binary_cross_entropy", "threshold": 0.4}, BINARY),
    (Classification, {"positive": "no"}, BINARY),
    (Classification, {}, NUMBERS),
    (Classification, {}, ("category", pl.Series("flag", [True, False, False] * 9))),
    (Tagging, {"class_weights": "balanced"}, None),
    (Tagging, {"threshold": 0.3}, None),
    (Tagging, {}, ("tags", pl.Series("lists", [["a", "b"], ["c"], ["b"]] * 9))),
]


@pytest.mark.parametrize(
    ("task", "options", "example"),
    [pytest.param(*v, marks=pytest.mark.slow if v[2] and v[2][1].name in _SLOW else ()) for v in VARIANTS],
    ids=lambda v: str(v)[:40],
)
def test_keeps_them_with_options(task: type[Task], options: dict[str, Any], example: Any) -> None:
    assert not broken(with_options(task, options, example))


def changed(**body: Any) -> list[str]:
    return broken(type("Changed", (Regression,), body))


@pytest.mark.parametrize(
    ("body", "promise"),
    [
        ({"loss": lambda self, o, t: (o[..., 0] * 0).sum()}, "every row gets a gradient"),
        ({"loss": lambda self, o, t: (o.reshape(len(t), -1)[:, 0] - t).square().mean()}, "members are averaged"),
        ({"loss": lambda self, o, t: -Regression.loss(self, o, t)}, "predict the truth"),
        ({"predict": lambda self, o: self.predictions(np.asarray(o).reshape(len(o), -1)[:, 0])}, "units of the column"),
        (
            {"predict": lambda self, o: Regression.predict(self, np.asarray(o) - np.asarray(o).mean())},
            "one by one equals all at once",
        ),
        ({"load": classmethod(lambda cls, s: cls.fit(cls.example()[1][:5], {}))}, "state survives"),
        ({"load": classmethod(lambda cls, s: cls.fit(cls.example()[1], {}))}, "damaged state is refused"),
        ({"encode": lambda self, t: Regression.encode(self, t.fill_null(0.0))}, "missing targets"),
        ({"metrics": property(lambda self: ("accuracy",))}, "its metrics exist and fit"),
        ({"why_metric": property(lambda self: "because")}, "the primary one is explained"),
        ({"rules": ()}, "says its name"),
        (
            {"predict": lambda self, o: Regression.predict(self, o).rename({"prediction": "guess"})},
            "give the same table",
        ),
    ],
)
def test_the_contract_notices(body: dict[str, Any], promise: str) -> None:
    assert any(promise in line for line in changed(**body)), changed(**body)


def test_answers_carry_the_truth_in_its_own_units() -> None:
    task = Regression.fit(pl.Series("y", [1.0, 2.0, 4.0]), {})
    found = task.answers(task.predictions(np.array([1.5, 2.0])), pl.Series("y", [1, 2]))
    assert isinstance(found, Answers)
    assert found.truth.tolist() == [1.0, 2.0] and found.prediction.tolist() == [1.5, 2.0]
