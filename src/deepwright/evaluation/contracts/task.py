"""The contract of tasks: what loss expects, predict inverts; the truth scores best; nothing is lost on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import DataError, RecipeError, RunError
from deepwright.core.find import find
from deepwright.core.metric import Answers, Metric
from deepwright.core.task import TargetTask, Task
from deepwright.evaluation.contracts._free_task import check_free_task
from deepwright.evaluation.contracts._promise import promise

_STEPS = 120
"""Of descending the loss on free outputs; enough for the example to be learnt by heart."""


def check_task(cls: type[Task]) -> Iterator[tuple[str, str | None]]:
    """Each promise of a task, with what is wrong about it, or None where it is kept; `mylab.tasks:Mine` too."""
    if not issubclass(cls, TargetTask):
        yield from check_free_task(cls)
        return
    yield promise("says its name, figures, rules, and why it suits its example", partial(_says, cls))
    for says, test in _PROMISES.items():
        yield promise(says, partial(_on_example, cls, test))


def _on_example(cls: type[TargetTask], test: Callable[[type[TargetTask], TargetTask, pl.Series], None]) -> None:
    _, target = cls.example()
    test(cls, cls.fit(target, {}), target)


def _says(cls: type[TargetTask]) -> None:
    assert cls.name.isidentifier(), f"'{cls.name}' is no identifier"
    for what in ("figures", "rules"):
        assert getattr(cls, what) and all(isinstance(name, str) for name in getattr(cls, what)), f"no {what}"
    kind, target = cls.example()
    assert len(target) >= 24, f"its example has {len(target)} rows, expected 24 or more"
    assert cls.suits(kind, target), f"it does not suit its own example of kind {kind}"
    assert cls.suits("a kind that is not there", target) is None, "it suits a kind that is not there"
    assert cls.fit(target, {}).target == target.name, "it does not know the name of its column"


def _loss_is_sound(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    import torch

    encoded = torch.as_tensor(task.encode(target))
    assert len(encoded) == len(target), f"{len(target)} rows encode to {len(encoded)}"
    output = torch.randn(len(target), task.outputs, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = task.loss(output, encoded)
    assert loss.shape == () and torch.isfinite(loss), f"the loss is {loss}"
    (gradient,) = torch.autograd.grad(loss, output)
    assert torch.isfinite(gradient).all() and bool((gradient != 0).any(dim=1).all()), "a row gets no gradient"


def _members_are_averaged(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    import torch

    encoded = torch.as_tensor(task.encode(target))
    output = torch.randn(len(target), 3, task.outputs, generator=torch.Generator().manual_seed(0))
    apart = torch.stack([task.loss(output[:, member], encoded) for member in range(3)]).mean()
    together = task.loss(output, encoded)
    assert torch.allclose(together, apart, rtol=1e-4), f"three members together cost {together}, apart {apart}"
    single, repeated = output[:, 0].numpy(), output[:, :1].expand(-1, 4, -1).numpy()
    assert _close(task.predict(single), task.predict(repeated)), "four equal members predict otherwise than one"


def _soft_targets(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    import torch

    encoded = torch.as_tensor(task.encode(target))
    output = torch.randn(len(target), task.outputs, generator=torch.Generator().manual_seed(0))
    if encoded.is_floating_point():
        mixed = task.loss(output, 0.3 * encoded + 0.7 * encoded.flip(0))
        assert torch.isfinite(mixed), f"mixed targets cost {mixed}"
        return
    soft = torch.nn.functional.one_hot(encoded, task.outcomes).float()
    a, b = task.loss(output, encoded), task.loss(output, soft)
    assert torch.allclose(a, b, rtol=1e-5), f"codes cost {a}, the same as one-hot rows {b}"


def _outcomes(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    given = np.full((5, task.outcomes), 1.0 / task.outcomes)
    made = task.predictions(given[:, 0] if task.encode(target).ndim == 1 and task.outcomes == 1 else given)
    learnt = task.predict(np.zeros((5, task.outputs)))
    assert made.height == 5, f"{made.height} predictions from 5 rows of values"
    assert made.schema == learnt.schema, f"values give {made.columns}, a network's outputs {learnt.columns}"


def _learnt_outputs_predict_the_truth(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    best = task.answers(task.predict(_learnt(task, target)), target)
    worst = _shuffled(best)
    for metric in _metrics(task):
        good, bad = metric.score(best), metric.score(worst)
        if math.isfinite(good) and math.isfinite(bad):
            sign = 1 if metric.greater_is_better else -1
            assert sign * good > sign * bad, f"{metric.name}: {good} for the truth, {bad} for shuffled predictions"
    primary = _metrics(task)[0]
    score, perfect = primary.score(best), primary.score(_perfect(best))
    shuffled = primary.score(worst)
    assert abs(score - perfect) < 0.05 * abs(shuffled - perfect), f"{primary.name} {score}, the truth has {perfect}"


def _units(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    answers = task.answers(task.predict(_learnt(task, target)), target)
    if answers.truth.dtype == np.float64:
        spread = float(answers.truth.std()) or 1.0
        assert np.allclose(answers.prediction, answers.truth, atol=0.05 * spread), "predictions are in other units"
    else:
        assert (answers.prediction == answers.truth).all(), "small loss, and yet a wrong prediction"


def _rows_do_not_meet(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    output = np.random.default_rng(0).normal(size=(len(target), task.outputs))
    whole = task.predict(output)
    single = pl.concat([task.predict(output[i : i + 1]) for i in range(len(target))])
    assert _close(whole, single), "a row is predicted otherwise when it stands alone"
    encoded = np.concatenate([task.encode(target[i : i + 1]) for i in range(len(target))])
    assert np.array_equal(encoded, task.encode(target)), "a row is encoded otherwise when it stands alone"


def _extremes(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    for value in (0.0, 1e4, -1e4, 3e38):
        output = np.zeros((2, task.outputs))
        output[:, 0] = value
        frame = task.predict(output)
        numbers = frame.select(pl.selectors.float()).to_numpy()
        assert np.isfinite(numbers).all(), f"an output of {value} is predicted as {frame.row(0)}"


def _state(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    again = cls.load(json.loads(json.dumps(task.state(), allow_nan=False)))
    assert again == task, "load(state()) is another task"
    output = np.random.default_rng(0).normal(size=(len(target), task.outputs))
    assert again.predict(output).equals(task.predict(output)), "it predicts otherwise after a round trip"
    assert np.array_equal(again.encode(target), task.encode(target)), "it encodes otherwise after a round trip"


def _damage(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    whole = task.state()
    for key in whole:
        for broken in ({k: v for k, v in whole.items() if k != key}, {**whole, key: object}):
            _refuses(partial(cls.load, broken), RunError, f"a state without a sound '{key}'")


def _missing(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    holes = pl.concat([target[:2], pl.Series(target.name, [None], dtype=target.dtype)])
    _refuses(partial(task.encode, holes), DataError, "a missing target")
    with_holes = pl.concat([target, pl.Series(target.name, [None] * 3, dtype=target.dtype)])
    assert cls.fit(with_holes, {}) == task, "missing targets change what is learned"
    _refuses(lambda: cls.fit(with_holes[-3:], {}), DataError, "a target without any value")


def _options(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    _refuses(lambda: cls.fit(target, {"no_such_option": 1}), RecipeError, "an option that is not there")


def _explains(cls: type[TargetTask], task: TargetTask, target: pl.Series) -> None:
    metrics = _metrics(task)
    for metric in metrics:
        assert task.name in metric.tasks, f"its metric {metric.name} does not fit {task.name}"
    assert len(task.why_metric) > 20, "why_metric says nothing"
    assert metrics[0].title.lower() in task.why_metric.lower(), f"why_metric does not speak of {metrics[0].title}"


_PROMISES: dict[str, Callable[[type[TargetTask], TargetTask, pl.Series], None]] = {
    "the loss is one finite number, and every row gets a gradient": _loss_is_sound,
    "members are averaged: losses in training, predictions in use": _members_are_averaged,
    "soft and mixed targets are taken": _soft_targets,
    "values of classical models and outputs of networks give the same table": _outcomes,
    "outputs that make the loss small predict the truth, and score better than shuffled ones": (
        _learnt_outputs_predict_the_truth
    ),
    "predictions are in the units of the column": _units,
    "rows do not meet: one by one equals all at once": _rows_do_not_meet,
    "outputs however large give finite predictions": _extremes,
    "state survives JSON, bit for bit": _state,
    "a damaged state is refused with a RunError": _damage,
    "missing targets teach nothing and are refused where they cannot be left out": _missing,
    "unknown options are refused": _options,
    "its metrics exist and fit, and the primary one is explained": _explains,
}


def _learnt(task: TargetTask, target: pl.Series) -> np.ndarray:
    """(B, outputs) free outputs, one row for each target, after descending the task's own loss."""
    import torch

    encoded = torch.as_tensor(task.encode(target))
    output = torch.zeros(len(target), task.outputs, requires_grad=True)
    optimizer = torch.optim.Adam([output], lr=0.5)
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 0.5 * (1 - step / _STEPS)
        optimizer.zero_grad()
        task.loss(output, encoded).backward()
        optimizer.step()
    return output.detach().numpy()


def _metrics(task: TargetTask) -> list[Metric]:
    assert task.metrics, "no metric is named"
    return [find("metric", name)() for name in task.metrics]


def _shuffled(answers: Answers) -> Answers:
    """The predictions of other rows beside the truth."""
    order = np.random.default_rng(0).permutation(len(answers))
    taken = answers.take(order)
    return Answers(
        truth=answers.truth, prediction=taken.prediction, probability=taken.probability, classes=answers.classes
    )


def _perfect(answers: Answers) -> Answers:
    """Predictions that are the truth, with certainty."""
    certain = None
    if answers.probability is not None:
        shape = answers.probability.shape[1]
        certain = answers.truth if answers.truth.ndim == 2 else answers.truth[:, None] == np.arange(shape)
        certain = certain.astype(np.float64)
    return Answers(truth=answers.truth, prediction=answers.truth, probability=certain, classes=answers.classes)


def _close(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    if a.columns != b.columns or a.height != b.height:
        return False
    numbers = pl.selectors.float()
    same = a.select(~numbers).equals(b.select(~numbers))
    return same and np.allclose(a.select(numbers).to_numpy(), b.select(numbers).to_numpy(), rtol=1e-5, atol=1e-7)


def _refuses(action: Callable[[], Any], kind: type[Exception], what: str) -> None:
    try:
        action()
    except kind:
        return
    raise AssertionError(f"{what} was taken, expected a {kind.__name__}")
