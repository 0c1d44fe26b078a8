"""The contract of tasks without a column to predict: what is judged, kept and shown is sound."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import polars as pl

from deepwright.core.errors import RecipeError, RunError
from deepwright.core.find import find
from deepwright.core.task import TargetTask, Task
from deepwright.evaluation.contracts._free import Example, example_of
from deepwright.evaluation.contracts._promise import promise


def check_free_task(cls: type[Task]) -> Iterator[tuple[str, str | None]]:
    """Each promise, with what is wrong about it, or None where it is kept."""
    yield promise("says its name, figures, rules and entrants, and why it suits its example", partial(_says, cls))
    for says, test in _PROMISES.items():
        yield promise(says, partial(_on_example, cls, test))


def _on_example(cls: type[Task], test: Callable[[Example], None]) -> None:
    test(example_of(cls))


def _says(cls: type[Task]) -> None:
    assert cls.name.isidentifier(), f"'{cls.name}' is no identifier"
    for what in ("figures", "rules", "entrants"):
        assert getattr(cls, what) and all(isinstance(name, str) for name in getattr(cls, what)), f"no {what}"
    assert cls.__doc__ and "Predictions:" in cls.__doc__, "its docstring does not say what predictions are"
    rows, kinds, target = cls.example_rows()
    assert rows.height >= 60, f"its example has {rows.height} rows, expected 60 or more"
    assert set(kinds) == set(rows.columns), "the example's kinds are not those of its columns"
    assert cls.asks(rows, kinds, target), "it cannot be asked of its own example"
    strange = dict.fromkeys(kinds, "a kind that is not there")
    assert cls.asks(rows, strange, target) is None, "it can be asked of columns of a kind that is not there"


def _truth(example: Example) -> None:
    assert len(example.truth) == example.rows.height, "there is not one truth a row"
    single = [example.task.truth(example.rows[i : i + 1], example.encoding) for i in range(5)]
    assert pl.concat(single).equals(example.truth[:5]), "a row's truth is another one when it stands alone"


def _ideal(example: Example) -> None:
    best = example.ideal
    if best is None:
        return
    assert len(best) == len(example.truth), "the ideal predictions are not one a row"
    for name in example.task.metrics:
        metric = find("metric", name)()
        score = metric.score(best)
        low, high = metric.bounds
        assert math.isnan(score) or low - 1e-9 <= score <= high + 1e-9, f"{name} is {score}, outside {metric.bounds}"
    primary = find("metric", example.task.metrics[0])()
    assert math.isfinite(primary.score(best)), f"{primary.name} of the ideal predictions is not a number"


def _wrongness(example: Example) -> None:
    best = example.ideal
    wrong = None if best is None else example.task.wrongness(best)
    if best is not None and wrong is not None:
        assert wrong.shape == (len(best),) and (np.nan_to_num(wrong) >= 0).all(), (
            "wrongness is not one number ≥ 0 a row"
        )


def _state(example: Example) -> None:
    task = example.task
    again = type(task).load(json.loads(json.dumps(task.state(), allow_nan=False)))
    assert again == task, "load(state()) is another task"


def _damage(example: Example) -> None:
    cls, whole = type(example.task), example.task.state()
    for key in whole:
        for broken in ({k: v for k, v in whole.items() if k != key}, {**whole, key: object}):
            try:
                cls.load(broken)
            except RunError:
                continue
            raise AssertionError(f"a state without a sound '{key}' was taken, expected a RunError")


def _options(example: Example) -> None:
    rows, _, target = type(example.task).example_rows()
    try:
        type(example.task).ask(rows, target, example.encoding, {"no_such_option": 1})
    except RecipeError:
        return
    raise AssertionError("an option that is not there was taken")


def _explains(example: Example) -> None:
    task = example.task
    metrics = [find("metric", name)() for name in task.metrics]
    for metric in metrics:
        assert task.name in metric.tasks, f"its metric {metric.name} does not fit {task.name}"
    assert metrics[0].title.lower() in task.why_metric.lower(), f"why_metric does not speak of {metrics[0].title}"


def _entrants(example: Example) -> None:
    for name in example.task.rules:
        assert find("contender", name).family == "rule", f"'{name}' is no rule"
        assert example.task.name in find("contender", name).tasks, f"'{name}' does not answer {example.task.name}"
    assert not isinstance(example.task, TargetTask), "a task of a column has a contract of its own"


_PROMISES: dict[str, Callable[[Example], None]] = {
    "there is one truth a row, whatever stands beside it": _truth,
    "the ideal predictions are judged, within each metric's bounds": _ideal,
    "wrongness is one number a row, or is not said": _wrongness,
    "state survives JSON": _state,
    "a damaged state is refused with a RunError": _damage,
    "unknown options are refused": _options,
    "its metrics exist and fit, and the primary one is explained": _explains,
    "its rules exist and answer it": _entrants,
}
