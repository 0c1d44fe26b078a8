"""Intervals: the right width against theory, honest at the bounds, the same for groups as for their sums, and fast."""

from __future__ import annotations

import time
from functools import partial
from typing import ClassVar

import numpy as np
import pytest

from deepwright.core.find import find, names
from deepwright.core.metric import Answers, Metric
from deepwright.core.task import TargetTask
from deepwright.evaluation.contracts._free_contender import FreeTrial
from deepwright.evaluation.intervals import compare_paired, interval, paired_difference


def metric(name: str) -> Metric:
    return find("metric", name)()


def regression(rng: np.random.Generator, rows: int, noise: float = 1.0) -> Answers:
    truth = rng.normal(size=rows)
    return Answers(truth=truth, prediction=truth + noise * rng.normal(size=rows))


def binary(rng: np.random.Generator, rows: int, skill: float = 1.0, share: float = 0.5) -> Answers:
    truth = (rng.random(rows) < share).astype(np.int64)
    p = 1 / (1 + np.exp(-(skill * (2 * truth - 1) + rng.normal(size=rows))))
    return Answers(
        truth=truth,
        prediction=(p > 0.5).astype(np.int64),
        probability=np.stack([1 - p, p], axis=1),
        classes=("no", "yes"),
    )


def test_a_mean_gets_the_interval_of_the_textbook() -> None:
    answers = regression(np.random.default_rng(0), 400)
    errors = np.abs(answers.truth - answers.prediction)
    low, high = interval(metric("mae"), answers)
    half = 1.96 * errors.std(ddof=1) / 20
    assert low == pytest.approx(errors.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(errors.mean() + half, abs=0.1 * half)


def test_accuracy_gets_wilsons_interval() -> None:
    truth = np.zeros(50, dtype=np.int64)
    answers = Answers(truth=truth, prediction=(np.arange(50) < 5).astype(np.int64), classes=("a", "b"))
    low, high = interval(metric("accuracy"), answers)
    # statsmodels.stats.proportion.proportion_confint(45, 50, method="wilson")
    assert (low, high) == (pytest.approx(0.786398, abs=1e-6), pytest.approx(0.956524, abs=1e-6))


def test_the_interval_holds_the_score_and_stays_within_bounds() -> None:
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.ones(3), 80)
    several = Answers(
        truth=rng.integers(0, 3, 80),
        prediction=probability.argmax(axis=1),
        probability=probability,
        classes=("a/x", "a/y", "b/z"),
    )
    tags = Answers(
        truth=probability > 0.3, prediction=probability > 0.5, probability=probability, classes=("x", "y", "z")
    )
    examples = {"regression": regression(rng, 80), "classification": several, "tagging": tags}
    for name in names("metric"):
        own = metric(name)
        for task in own.tasks & set(examples):
            score, (low, high) = own.score(examples[task]), interval(own, examples[task])
            assert low <= score + 1e-12, name
            assert score <= high + 1e-12 and own.bounds[0] <= low <= high <= own.bounds[1], name


@pytest.mark.parametrize("name", [name for name in names("task") if not issubclass(find("task", name), TargetTask)])
def test_the_interval_holds_the_score_where_nothing_is_a_target(name: str) -> None:
    trial = FreeTrial(find("contender", find("task", name).rules[0]), name, None)
    task, encoding = trial.example.task, trial.example.encoding
    answers = task.answers(trial.model.predict(trial.valid), task.truth(trial.valid, encoding))
    for own in map(metric, task.metrics):
        score, (low, high) = own.score(answers), interval(own, answers)
        if np.isfinite(score) and np.isfinite(low):
            assert own.bounds[0] <= low <= score + 1e-9, own.name
            assert score - 1e-9 <= high <= own.bounds[1], own.name


def test_the_same_input_gives_the_same_numbers() -> None:
    answers = binary(np.random.default_rng(2), 120)
    for name in ("roc_auc", "log_loss", "f1"):
        assert interval(metric(name), answers) == interval(metric(name), answers)


@pytest.mark.parametrize("name", ["accuracy", "subset_accuracy"])
def test_all_right_is_not_certainty(name: str) -> None:
    truth = np.ones((20, 2), dtype=bool) if name == "subset_accuracy" else np.ones(20, dtype=np.int64)
    low, high = interval(metric(name), Answers(truth=truth, prediction=truth, classes=("a", "b")))
    assert high == 1.0 and 0.8 < low < 0.85


def test_a_perfect_ranking_is_not_certainty() -> None:
    rng = np.random.default_rng(3)
    answers = binary(rng, 100, skill=50, share=0.2)
    assert metric("roc_auc").score(answers) == 1.0
    low, high = interval(metric("roc_auc"), answers)
    rare = int(answers.truth.sum())
    assert high == 1.0 and low == pytest.approx(1 - 3 / rare)


def test_a_perfect_regression_is_no_share_of_right_rows() -> None:
    truth = np.arange(20.0) * 1e-6
    answers = Answers(truth=truth, prediction=truth)
    assert interval(metric("mae"), answers) == (0.0, 0.0) == interval(metric("rmse"), answers)


def test_too_few_rows_say_nothing() -> None:
    answers = regression(np.random.default_rng(4), 9)
    assert all(np.isnan(interval(metric("rmse"), answers)))
    difference, low, high = paired_difference(metric("rmse"), answers, answers)
    assert difference == 0 and np.isnan(low) and np.isnan(high)
    ten = regression(np.random.default_rng(4), 10)
    assert all(np.isfinite(interval(metric("rmse"), ten)))
    # Nine groups are nine pieces of evidence, however many rows they have.
    many = regression(np.random.default_rng(4), 900)
    assert all(np.isnan(interval(metric("rmse"), many, np.arange(900) % 9)))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_no_row_one_row(rows: int) -> None:
    answers = binary(np.random.default_rng(5), rows)
    for name in ("roc_auc", "log_loss", "accuracy"):
        low, high = interval(metric(name), answers)
        assert np.isnan(low) or 0 <= low <= high


def test_groups_of_repeated_rows_equal_the_single_rows() -> None:
    single = regression(np.random.default_rng(6), 200)
    repeated = single.take(np.repeat(np.arange(200), 10))
    groups = np.repeat(np.arange(200), 10)
    alone, grouped = interval(metric("mae"), single), interval(metric("mae"), repeated, groups)
    assert np.allclose(alone, grouped)
    low, high = interval(metric("mae"), repeated)
    assert high - low < 0.5 * (alone[1] - alone[0])


def test_very_many_rows_are_dealt_to_blocks_without_another_width() -> None:
    answers = regression(np.random.default_rng(7), 50_000)
    errors = np.abs(answers.truth - answers.prediction)
    low, high = interval(metric("mae"), answers)
    assert high - low == pytest.approx(2 * 1.96 * errors.std() / np.sqrt(50_000), rel=0.08)


def test_better_is_positive_whatever_the_direction_of_the_metric() -> None:
    rng = np.random.default_rng(8)
    good, bad = binary(rng, 400, skill=2), None
    noise = np.random.default_rng(9).normal(size=400)
    p = 1 / (1 + np.exp(-(0.3 * (2 * good.truth - 1) + noise)))
    bad = Answers(
        truth=good.truth,
        prediction=(p > 0.5).astype(np.int64),
        probability=np.stack([1 - p, p], axis=1),
        classes=good.classes,
    )
    for name in ("accuracy", "log_loss", "roc_auc", "brier", "f1"):
        difference, low, high = paired_difference(metric(name), good, bad)
        assert difference > 0 and low > 0, name
        turned, other_low, other_high = paired_difference(metric(name), bad, good)
        assert turned == pytest.approx(-difference)
        assert (other_low, other_high) == (pytest.approx(-high, abs=0.01), pytest.approx(-low, abs=0.01))
        sign = 1 if metric(name).greater_is_better else -1
        assert difference == pytest.approx(sign * (metric(name).score(good) - metric(name).score(bad)))


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    rng = np.random.default_rng(10)
    truth, hard = rng.normal(size=300), 5 * rng.normal(size=300)
    a = Answers(truth=truth, prediction=truth + hard)
    b = Answers(truth=truth, prediction=truth + 1.1 * hard)
    low_a, high_a = interval(metric("mae"), a)
    _, low, high = paired_difference(metric("mae"), a, b)
    assert low > 0 and high - low < 0.2 * (high_a - low_a)


def test_a_handful_of_rows_is_no_clear_difference() -> None:
    truth = np.zeros(100, dtype=np.int64)
    a = Answers(truth=truth, prediction=truth, classes=("x", "y"))
    b = Answers(truth=truth, prediction=(np.arange(100) < 4).astype(np.int64), classes=("x", "y"))
    # Resampling would say [0.01, 0.08]; four against none has p = 0.125 in the exact test.
    found = compare_paired(metric("accuracy"), a, b)
    assert found.value == pytest.approx(0.04) and not found.clear and found.low < 0 < found.high
    equal = compare_paired(metric("accuracy"), a, a)
    assert equal.value == 0 and equal.low < 0 < equal.high < 0.05


def test_answers_of_other_rows_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="same rows"):
        paired_difference(metric("mae"), regression(rng, 5), regression(rng, 6))


class Median(Metric):
    """A metric of the user's own that is neither a mean nor a function of weights."""

    name: ClassVar[str] = "median_error"
    title: ClassVar[str] = "median error"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    meaning: ClassVar[str] = "Half of the errors are smaller than this."

    def score(self, answers: Answers) -> float:
        return float(np.median(np.abs(answers.truth - answers.prediction)))


def test_a_metric_of_the_users_own_gets_an_interval_too() -> None:
    answers = regression(np.random.default_rng(11), 300)
    low, high = interval(Median(), answers)
    assert 0.5 < low < Median().score(answers) < high < 0.9


def test_twenty_thousand_rows_and_five_contenders_take_seconds() -> None:
    rng = np.random.default_rng(12)
    contenders = [regression(rng, 20_000, noise) for noise in (1.0, 1.1, 1.2, 1.3, 1.4)]
    own = metric("rmse")
    started = time.process_time()
    for answers in contenders:
        interval(own, answers)
        paired_difference(own, contenders[0], answers)
    assert time.process_time() - started < 4  # about 0.7 s on an idle core


def several(rng: np.random.Generator, rows: int, classes: int) -> Answers:
    truth = rng.integers(0, classes, rows)
    logit = rng.normal(size=(rows, classes)) + 1.5 * (truth[:, None] == np.arange(classes))
    p = np.exp(np.round(logit, 1))  # ties among the scores
    p /= p.sum(axis=1, keepdims=True)
    return Answers(truth=truth, prediction=p.argmax(axis=1), probability=p, classes=tuple(map(str, range(classes))))


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_linear_terms_are_the_derivative_by_the_weights(name: str) -> None:
    own, answers = metric(name), several(np.random.default_rng(13), 60, 3)
    terms = own.linearised(answers)
    assert terms is not None and terms.mean() == pytest.approx(own.score(answers))
    moved = own.weighted(answers, np.ones((60, 60)) + 1e-6 * np.eye(60))
    assert moved is not None
    slopes = (moved - own.score(answers)) / 1e-6
    assert np.allclose(terms, own.score(answers) + 60 * slopes, atol=1e-5)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_linear_terms_spread_as_resamples_do(name: str) -> None:
    rng, own = np.random.default_rng(14), metric(name)
    answers = several(rng, 2_500, 4)
    weights = np.stack([np.bincount(rng.integers(0, 2_500, 2_500), minlength=2_500) for _ in range(400)])
    scores = own.weighted(answers, weights.astype(np.float64))
    low, high = interval(own, answers)  # 4 × 2,500 rows leave 400 resamples: the linear terms are taken
    assert scores is not None and high - low == pytest.approx(
        2 * 1.96 * scores.std(ddof=1), rel=0.12
    )  # 3.4 errors of 400


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_rankings_of_many_classes_are_quick_alone_and_in_pairs(name: str) -> None:
    rng = np.random.default_rng(15)
    a, b = several(rng, 20_000, 10), None
    b = Answers(truth=a.truth, prediction=a.prediction, probability=a.probability[:, ::-1], classes=a.classes)  # type: ignore[index]
    started = time.process_time()
    low, high = interval(metric(name), a)
    found = compare_paired(metric(name), a, b)
    assert low < metric(name).score(a) < high and found.clear
    assert time.process_time() - started < 2  # about 0.4 s on an idle core; resampling itself takes 4


def stated(rng: np.random.Generator, rows: int, honest: float) -> Answers:
    """One class is always called; what is said of its chance is so far from a half as `honest` times the truth."""
    chance = rng.uniform(0.5, 1, rows)
    said = 0.5 + honest * (chance - 0.5)
    truth = (rng.random(rows) >= chance).astype(np.int64)
    both = np.stack([said, 1 - said], axis=1)
    return Answers(truth=truth, prediction=np.zeros(rows, dtype=np.int64), probability=both, classes=("a", "b"))


def test_the_calibration_error_lies_in_its_interval_and_honest_predictions_may_have_none() -> None:
    own, begins = metric("calibration_error"), []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        honest, meek = stated(rng, 200, 1.0), stated(rng, 200, 0.4)
        for answers in (honest, meek):
            low, high = interval(own, answers)
            assert low <= own.score(answers) <= high
        begins.append(interval(own, honest)[0] == 0.0)
        assert interval(own, meek)[0] > 0.02
    assert sum(begins) >= 36  # 39 of 40 are expected


def coverage(name: str, make, rows: int, value: float, times: int = 600) -> float:  # type: ignore[no-untyped-def]
    hits = 0
    for seed in range(times):
        low, high = interval(metric(name), make(np.random.default_rng(seed), rows), seed=seed)
        hits += low <= value <= high
    return hits / times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make", "rows"),
    [
        ("mae", regression, 30),
        ("mae", regression, 200),
        ("rmse", regression, 50),
        ("r2", regression, 100),
        ("accuracy", binary, 30),
        ("accuracy", binary, 200),
        ("roc_auc", binary, 60),
        ("log_loss", binary, 50),
        ("f1", binary, 100),
        ("calibration_error", partial(stated, honest=1.0), 100),
    ],
)
def test_coverage_of_the_truth(name: str, make, rows: int) -> None:  # type: ignore[no-untyped-def]
    value = metric(name).score(make(np.random.default_rng(10**6), 1_000_000))
    assert 0.92 <= coverage(name, make, rows, value) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("accuracy", 60), ("log_loss", 60), ("roc_auc", 100)])
def test_coverage_of_a_difference(name: str, rows: int) -> None:
    def pair(rng: np.random.Generator, size: int) -> tuple[Answers, Answers]:
        a = binary(rng, size, skill=1.2)
        shared = np.log(a.probability[:, 1] / a.probability[:, 0])  # type: ignore[index]
        p = 1 / (1 + np.exp(-(shared + 0.8 * rng.normal(size=size))))
        b = Answers(
            truth=a.truth,
            prediction=(p > 0.5).astype(np.int64),
            probability=np.stack([1 - p, p], axis=1),
            classes=a.classes,
        )
        return a, b

    a, b = pair(np.random.default_rng(10**6), 1_000_000)
    own = metric(name)
    sign = 1 if own.greater_is_better else -1
    value = sign * (own.score(a) - own.score(b))
    hits = 0
    for seed in range(600):
        _, low, high = paired_difference(own, *pair(np.random.default_rng(seed), rows), seed=seed)
        hits += low <= value <= high
    assert 0.92 <= hits / 600 <= 0.985
