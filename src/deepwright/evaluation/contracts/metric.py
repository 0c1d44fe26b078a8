"""The contract of metrics: the truth scores best, order does not count, edge cases never crash."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from deepwright.core.find import find, names
from deepwright.core.metric import Answers, Metric
from deepwright.evaluation.contracts._free import example_of
from deepwright.evaluation.contracts._promise import promise

_ROWS = 200


def check_metric(cls: type[Metric]) -> Iterator[tuple[str, str | None]]:
    """Each promise of a metric, with what is wrong about it, or None where it is kept; `mylab.metrics:Mine` too."""
    yield promise("says its name, title, tasks, bounds and meaning", partial(_says, cls))
    for says, test in _PROMISES.items():
        yield promise(says, partial(_everywhere, cls, test))


def _says(cls: type[Metric]) -> None:
    assert cls.name.isidentifier() and cls.title, "no name or title"
    assert isinstance(cls.greater_is_better, bool), "greater_is_better is not said"
    known = set(names("task"))
    assert cls.tasks and cls.tasks <= known, f"tasks are {set(cls.tasks)}, known are {known}"
    assert cls.meaning.endswith(".") and len(cls.meaning) > 20, f"meaning is no sentence: {cls.meaning!r}"
    assert cls.bounds[0] < cls.bounds[1], f"bounds {cls.bounds}"


def _everywhere(cls: type[Metric], test: Callable[[Metric, Answers], None]) -> None:
    """The test on an example of every task that the metric fits."""
    for task in sorted(cls.tasks):
        for answers in _EXAMPLES[task]() if task in _EXAMPLES else _free_answers(task, test):
            test(cls(), answers)


def _free_answers(task: str, test: Callable[[Metric, Answers], None]) -> Iterator[Answers]:
    """The ideal answers of a task without a column to predict; what a shuffle does to them depends on the task."""
    ideal = example_of(find("task", task)).ideal
    if ideal is not None and test not in _OF_A_COLUMN:
        yield ideal


def _truth_is_best(metric: Metric, answers: Answers) -> None:
    sign = 1 if metric.greater_is_better else -1
    scores = [metric.score(some) for some in (_perfect(answers), answers, _shuffled(answers))]
    assert all(math.isfinite(score) for score in scores), f"scores {scores}"
    best, middle, worst = (sign * score for score in scores)
    assert best > middle > worst, f"the truth scores {scores[0]}, good guesses {scores[1]}, shuffled ones {scores[2]}"
    for score in scores:
        assert metric.bounds[0] - 1e-9 <= score <= metric.bounds[1] + 1e-9, f"{score} is outside {metric.bounds}"


def _order_does_not_count(metric: Metric, answers: Answers) -> None:
    turned = answers.take(np.random.default_rng(1).permutation(len(answers)))
    assert _close(metric.score(answers), metric.score(turned)), "another order of rows, another score"


def _twice_is_once(metric: Metric, answers: Answers) -> None:
    twice = answers.take(np.tile(np.arange(len(answers)), 2))
    assert _close(metric.score(answers), metric.score(twice)), "all rows twice, another score"


def _terms_are_the_score(metric: Metric, answers: Answers) -> None:
    terms = metric.per_row(answers)
    if terms is not None:
        assert terms.shape == (len(answers),), f"{terms.shape} terms for {len(answers)} rows"
        assert _close(float(terms.mean()), metric.score(answers)), "the mean of the terms is not the score"


def _weights_are_repeats(metric: Metric, answers: Answers) -> None:
    drawn = np.random.default_rng(2).integers(0, 3, size=(3, len(answers)))
    scores = metric.weighted(answers, drawn.astype(np.float64))
    if scores is not None:
        repeated = [metric.score(answers.take(np.repeat(np.arange(len(answers)), row))) for row in drawn]
        assert np.allclose(scores, repeated, rtol=1e-9), f"weighted {scores}, with repeated rows {repeated}"


def _edges(metric: Metric, answers: Answers) -> None:
    one_class = np.flatnonzero((answers.truth == answers.truth[0]).reshape(len(answers), -1).all(axis=1))
    for what, rows in (("no row", np.arange(0)), ("one row", np.arange(1)), ("rows of one truth", one_class)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score = metric.score(answers.take(rows))
        assert isinstance(score, float), f"{what}: {type(score).__name__} instead of a float"


def _unseen_is_wrong(metric: Metric, answers: Answers) -> None:
    if answers.truth.dtype != np.int64:
        return
    truth = np.where(np.arange(len(answers)) % 2, -1, answers.truth)
    holes = Answers(
        truth=truth, prediction=answers.prediction, probability=answers.probability, classes=answers.classes
    )
    sign = 1 if metric.greater_is_better else -1
    before, after = metric.score(answers), metric.score(holes)
    assert sign * after < sign * before, f"{before} became {after} when half the truths were classes never shown"


def _without_probability(metric: Metric, answers: Answers) -> None:
    bare = Answers(truth=answers.truth, prediction=answers.prediction, classes=answers.classes)
    score = metric.score(bare)
    assert math.isnan(score) == metric.needs_probability, f"without probabilities it is {score}"


_PROMISES: dict[str, Callable[[Metric, Answers], None]] = {
    "the truth scores best, good guesses better than shuffled ones, all within bounds": _truth_is_best,
    "the order of rows does not count": _order_does_not_count,
    "all rows twice score the same": _twice_is_once,
    "where it is a mean over rows, the mean of its terms is the score": _terms_are_the_score,
    "weighing rows equals repeating them": _weights_are_repeats,
    "no row, one row and one truth give a number or NaN, without a warning": _edges,
    "a class that training never showed counts as wrong": _unseen_is_wrong,
    "where it needs probabilities and there are none, it is NaN": _without_probability,
}

_OF_A_COLUMN = (_truth_is_best, _unseen_is_wrong, _without_probability)
"""Promises about predictions of a column, row against row."""


def _regression() -> Iterator[Answers]:
    rng = np.random.default_rng(0)
    truth = 10.0 + rng.normal(size=_ROWS)
    yield Answers(truth=truth, prediction=truth + 0.3 * rng.normal(size=_ROWS))


def _classification() -> Iterator[Answers]:
    for classes in (("no", "yes"), ("a/b", "a/c", "d/e", "d/f")):
        rng = np.random.default_rng(len(classes))
        truth = rng.integers(0, len(classes), size=_ROWS)
        powers = np.exp(rng.normal(size=(_ROWS, len(classes))) + 3.0 * np.eye(len(classes))[truth])
        probability = powers / powers.sum(axis=1, keepdims=True)
        yield Answers(truth=truth, prediction=probability.argmax(axis=1), probability=probability, classes=classes)


def _tagging() -> Iterator[Answers]:
    rng = np.random.default_rng(0)
    truth = rng.random((_ROWS, 4)) < np.array([0.5, 0.4, 0.3, 0.2])
    probability = 1.0 / (1.0 + np.exp(-(4.0 * truth - 2.0 + rng.normal(size=truth.shape))))
    yield Answers(truth=truth, prediction=probability > 0.5, probability=probability, classes=("p", "q", "r", "s"))


_EXAMPLES: dict[str, Callable[[], Iterator[Answers]]] = {
    "regression": _regression,
    "classification": _classification,
    "tagging": _tagging,
}


def _shuffled(answers: Answers) -> Answers:
    taken = answers.take(np.random.default_rng(0).permutation(len(answers)))
    return Answers(
        truth=answers.truth, prediction=taken.prediction, probability=taken.probability, classes=answers.classes
    )


def _perfect(answers: Answers) -> Answers:
    certain = None
    if answers.probability is not None:
        columns = np.arange(answers.probability.shape[1])
        certain = (answers.truth if answers.truth.ndim == 2 else answers.truth[:, None] == columns).astype(np.float64)
    return Answers(truth=answers.truth, prediction=answers.truth, probability=certain, classes=answers.classes)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
