"""Every metric equals scikit-learn to 1e-9, ties, rare classes and classes that training never showed included."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from deepwright.core.find import find
from deepwright.core.hierarchy import distances, level_codes
from deepwright.core.metric import Answers

CLOSE = 1e-9


def score(name: str, answers: Answers) -> float:
    return find("metric", name)().score(answers)


def regression(seed: int, rows: int = 101) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 3, rows).round(1)
    return Answers(truth=truth, prediction=truth + rng.standard_t(3, rows).round(1))


def classification(seed: int, classes: int, *, rows: int = 157, ties: bool = True, unseen: bool = False) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, rows, p=rng.dirichlet(np.ones(classes)))
    probability = rng.dirichlet(np.ones(classes), rows)
    probability[np.arange(rows), truth] += 0.5
    probability /= probability.sum(axis=1, keepdims=True)
    if ties:
        # Sixteenths: rows still sum to exactly 1, and many probabilities are equal.
        probability = np.floor(probability * 16) / 16
        probability[:, 0] += 1 - probability.sum(axis=1)
    if unseen:
        truth = np.where(rng.random(rows) < 0.1, -1, truth)
    names = tuple(f"class {k}" for k in range(classes))
    return Answers(truth=truth, prediction=probability.argmax(axis=1), probability=probability, classes=names)


def tagging(seed: int, tags: int = 5, rows: int = 83) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, tags)) < rng.uniform(0.05, 0.6, tags)
    probability = np.round(np.clip(0.3 * truth + rng.random((rows, tags)) * 0.7, 0, 1), 1)
    names = tuple("abcdefgh"[:tags])
    return Answers(truth=truth, prediction=probability >= 0.5, probability=probability, classes=names)


Reference = Callable[[Answers], float]

REGRESSION: dict[str, Reference] = {
    "mse": lambda a: reference.mean_squared_error(a.truth, a.prediction),
    "rmse": lambda a: reference.root_mean_squared_error(a.truth, a.prediction),
    "mae": lambda a: reference.mean_absolute_error(a.truth, a.prediction),
    "mape": lambda a: reference.mean_absolute_percentage_error(a.truth, a.prediction),
    "r2": lambda a: reference.r2_score(a.truth, a.prediction),
}


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("seed", range(5))
def test_regression(name: str, seed: int) -> None:
    answers = regression(seed)
    assert score(name, answers) == pytest.approx(REGRESSION[name](answers), rel=CLOSE)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e8, 1e150])
def test_rmse_and_r2_at_every_scale(scale: float) -> None:
    plain = regression(0)
    answers = Answers(truth=plain.truth * scale, prediction=plain.prediction * scale)
    assert score("rmse", answers) == pytest.approx(score("rmse", plain) * scale, rel=CLOSE)
    assert score("r2", answers) == pytest.approx(score("r2", plain), rel=CLOSE)


def test_rmse_does_not_overflow_where_squares_do() -> None:
    answers = Answers(truth=np.array([0.0, 0.0]), prediction=np.array([3e200, 4e200]))
    assert score("rmse", answers) == pytest.approx(np.sqrt(12.5) * 1e200, rel=CLOSE)


def test_huber_by_hand() -> None:
    answers = Answers(truth=np.zeros(4), prediction=np.array([0.0, 0.5, 1.0, -3.0]))
    assert score("huber", answers) == pytest.approx((0 + 0.125 + 0.5 + 2.5) / 4)


def test_r2_of_a_truth_that_does_not_vary_is_not_defined() -> None:
    assert np.isnan(score("r2", Answers(truth=np.full(5, 0.1), prediction=np.arange(5.0))))


def positive(function: Callable[..., float], a: Answers) -> float:
    """scikit-learn's score of the positive class, or the macro mean."""
    if len(a.classes) == 2:
        return function(a.truth == 1, a.prediction == 1, zero_division=0)
    return function(a.truth, a.prediction, average="macro", zero_division=0)


def over_classes(function: Callable[..., float], a: Answers) -> float:
    assert a.probability is not None
    columns = [1] if len(a.classes) == 2 else [k for k in range(len(a.classes)) if (a.truth == k).any()]
    return float(np.mean([function(a.truth == k, a.probability[:, k]) for k in columns]))


def specificity(a: Answers) -> float:
    columns = [1] if len(a.classes) == 2 else range(len(a.classes))
    return float(np.mean([reference.recall_score(a.truth != k, a.prediction != k) for k in columns]))


CLASSIFICATION: dict[str, Reference] = {
    "accuracy": lambda a: reference.accuracy_score(a.truth, a.prediction),
    "balanced_accuracy": lambda a: reference.balanced_accuracy_score(a.truth, a.prediction),
    "precision": lambda a: positive(reference.precision_score, a),
    "recall": lambda a: positive(reference.recall_score, a),
    "f1": lambda a: positive(reference.f1_score, a),
    "f1_macro": lambda a: reference.f1_score(a.truth, a.prediction, average="macro", zero_division=0),
    "f1_micro": lambda a: reference.f1_score(a.truth, a.prediction, average="micro"),
    "specificity": specificity,
    "roc_auc": lambda a: over_classes(reference.roc_auc_score, a),
    "average_precision": lambda a: over_classes(reference.average_precision_score, a),
}


@pytest.mark.parametrize("unseen", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classification(name: str, classes: int, unseen: bool) -> None:
    for seed in range(4):
        answers = classification(seed, classes, unseen=unseen)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that are not in the truth
            expected = CLASSIFICATION[name](answers)
        assert score(name, answers) == pytest.approx(expected, abs=CLOSE)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_probabilities(classes: int) -> None:
    for seed, ties in ((0, False), (1, True), (2, True)):
        answers = classification(seed, classes, ties=ties)
        labels = np.arange(classes)
        expected = reference.log_loss(answers.truth, answers.probability, labels=labels)
        assert score("log_loss", answers) == pytest.approx(expected, rel=CLOSE)
        given_to = answers.probability[:, 1] if classes == 2 else answers.probability  # type: ignore[index]
        expected = reference.brier_score_loss(answers.truth, given_to, labels=labels)
        assert score("brier", answers) == pytest.approx(expected, rel=CLOSE)


def test_multiclass_roc_auc_equals_one_vs_rest_of_the_reference() -> None:
    answers = classification(3, 4)
    expected = reference.roc_auc_score(answers.truth, answers.probability, multi_class="ovr", average="macro")
    assert score("roc_auc", answers) == pytest.approx(expected, abs=CLOSE)


def test_an_unseen_class_costs_as_a_probability_of_zero() -> None:
    answers = Answers(
        truth=np.array([-1]), prediction=np.array([0]), probability=np.array([[0.7, 0.2, 0.1]]), classes=("a", "b", "c")
    )
    assert score("log_loss", answers) == pytest.approx(-np.log(np.finfo(float).eps))
    # The true class would be a fourth column: (1 - 0)² more.
    assert score("brier", answers) == pytest.approx(0.49 + 0.04 + 0.01 + 1)


def test_calibration_error_equals_its_definition() -> None:
    answers = classification(0, 3, rows=997, ties=False)
    assert answers.probability is not None
    stated = answers.probability.max(axis=1)
    right = answers.prediction == answers.truth
    expected = 0.0
    for k in range(15):
        inside = (stated > k / 15) & (stated <= (k + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - stated[inside].mean())
    assert score("calibration_error", answers) == pytest.approx(expected, abs=CLOSE)


def test_calibration_error_of_honest_probabilities_is_small() -> None:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(3), 20_000)
    truth = (probability.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    honest = Answers(truth=truth, prediction=probability.argmax(axis=1), probability=probability, classes=tuple("abc"))
    assert score("calibration_error", honest) < 0.02


TAGGING: dict[str, Reference] = {
    "subset_accuracy": lambda a: reference.accuracy_score(a.truth, a.prediction),
    "hamming": lambda a: reference.hamming_loss(a.truth, a.prediction),
    "tag_f1_micro": lambda a: reference.f1_score(a.truth, a.prediction, average="micro"),
    "tag_f1_macro": lambda a: reference.f1_score(a.truth, a.prediction, average="macro", zero_division=0),
    "label_ranking_average_precision": lambda a: reference.label_ranking_average_precision_score(
        a.truth, a.probability
    ),
    "roc_auc": lambda a: reference.roc_auc_score(a.truth, a.probability, average="macro"),
    "average_precision": lambda a: reference.average_precision_score(a.truth, a.probability, average="macro"),
}


@pytest.mark.parametrize("name", TAGGING)
@pytest.mark.parametrize("seed", range(4))
def test_tagging(name: str, seed: int) -> None:
    answers = tagging(seed)
    assert score(name, answers) == pytest.approx(TAGGING[name](answers), abs=CLOSE)


def test_label_ranking_with_no_tag_and_all_tags() -> None:
    truth = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    probability = np.array([[0.1, 0.2, 0.3], [0.3, 0.3, 0.1], [0.5, 0.5, 0.5]])
    answers = Answers(truth=truth, prediction=probability > 0.4, probability=probability)
    expected = reference.label_ranking_average_precision_score(truth, probability)
    assert score("label_ranking_average_precision", answers) == pytest.approx(expected)


def test_hierarchical_distance_by_hand() -> None:
    classes = ("animal/dog", "animal/cat", "car/vw", "plant")
    assert level_codes(classes).tolist() == [[0, 0], [0, 1], [1, 2], [2, 3]]
    assert distances(classes).tolist() == [[0, 1, 2, 2], [1, 0, 2, 2], [2, 2, 0, 2], [2, 2, 2, 0]]
    answers = Answers(truth=np.array([0, 0, 0, -1]), prediction=np.array([0, 1, 2, 0]), classes=classes)
    assert score("hierarchical_distance", answers) == pytest.approx((0 + 1 + 2 + 2) / 4)
    assert score("level_accuracy", answers) == pytest.approx((1 + 0.5 + 0 + 0) / 4)


def test_a_short_path_is_no_parent() -> None:
    # "animal" as a class of its own is not the node that "animal/dog" lies under on the second level.
    assert distances(("animal", "animal/dog")).tolist() == [[0, 1], [1, 0]]


def test_one_class_only_gives_nan_and_no_crash() -> None:
    probability = np.array([[0.2, 0.8], [0.6, 0.4]])
    answers = Answers(
        truth=np.array([1, 1]), prediction=np.array([1, 0]), probability=probability, classes=("no", "yes")
    )
    assert np.isnan(score("roc_auc", answers))
    assert np.isnan(score("specificity", answers))
    assert score("recall", answers) == 0.5
    assert score("average_precision", answers) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(
    truth=st.lists(st.booleans(), min_size=2, max_size=40),
    levels=st.integers(1, 6),
    seed=st.integers(0, 10_000),
)
def test_rankings_with_any_ties(truth: list[bool], levels: int, seed: int) -> None:
    hit = np.array(truth)
    given_to = np.random.default_rng(seed).integers(0, levels + 1, len(hit)) / levels
    answers = Answers(
        truth=hit.astype(np.int64),
        prediction=(given_to > 0.5).astype(np.int64),
        probability=np.stack([1 - given_to, given_to], axis=1),
        classes=("no", "yes"),
    )
    if hit.any() and not hit.all():
        assert score("roc_auc", answers) == pytest.approx(reference.roc_auc_score(hit, given_to), abs=CLOSE)
    if hit.any():
        expected = reference.average_precision_score(hit, given_to)
        assert score("average_precision", answers) == pytest.approx(expected, abs=CLOSE)


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), min_size=1, max_size=40),
)
def test_counts_with_any_classes(pairs: list[tuple[int, int]]) -> None:
    truth, prediction = np.array(pairs).T
    answers = Answers(truth=truth, prediction=prediction, classes=tuple("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1_macro", "f1_micro"):
            assert score(name, answers) == pytest.approx(CLASSIFICATION[name](answers), abs=CLOSE)
