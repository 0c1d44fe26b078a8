"""Tables of judgement equal scikit-learn's confusion matrix and classification report."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as reference

from deepwright.core.metric import Answers
from deepwright.metrics._tables import UNSEEN, class_table, confusion_table, level_table

CLASSES = ("animal/dog", "animal/cat", "car/vw", "car/fiat")


def answers(seed: int = 0, unseen: bool = False) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.integers(-1 if unseen else 0, 4, 120)
    prediction = np.where(rng.random(120) < 0.6, np.maximum(truth, 0), rng.integers(0, 4, 120))
    return Answers(truth=truth, prediction=prediction, classes=CLASSES)


def test_confusion_equals_the_reference() -> None:
    own = answers()
    found = confusion_table(own)
    assert found["truth"].to_list() == list(CLASSES)
    expected = reference.confusion_matrix(own.truth, own.prediction, labels=range(4))
    assert np.array_equal(found.drop("truth").to_numpy(), expected)


def test_confusion_shows_classes_that_training_never_showed() -> None:
    own = answers(unseen=True)
    found = confusion_table(own)
    assert found["truth"].to_list()[-1] == UNSEEN
    assert found.drop("truth").sum().sum_horizontal().item() == len(own)
    assert found.drop("truth").row(-1) == tuple(
        int(((own.truth == -1) & (own.prediction == k)).sum()) for k in range(4)
    )


def test_class_table_equals_the_reference() -> None:
    own = answers(1)
    report = reference.classification_report(own.truth, own.prediction, target_names=CLASSES, output_dict=True)
    for row in class_table(own).iter_rows(named=True):
        expected = report[row["class"]]
        assert row["precision"] == pytest.approx(expected["precision"])
        assert row["recall"] == pytest.approx(expected["recall"])
        assert row["f1"] == pytest.approx(expected["f1-score"])
        assert row["rows"] == expected["support"]


def test_class_table_of_tags_equals_the_reference() -> None:
    rng = np.random.default_rng(2)
    own = Answers(truth=rng.random((60, 3)) < 0.4, prediction=rng.random((60, 3)) < 0.4, classes=tuple("abc"))
    report = reference.classification_report(
        own.truth, own.prediction, target_names=list("abc"), output_dict=True, zero_division=0
    )
    for row in class_table(own).iter_rows(named=True):
        assert row["f1"] == pytest.approx(report[row["class"]]["f1-score"])


def test_levels() -> None:
    own = answers(3)
    root = np.array([0, 0, 1, 1])
    found = level_table(own)
    assert found["groups"].to_list() == [2, 4]
    assert found["accuracy"][0] == pytest.approx((root[own.truth] == root[own.prediction]).mean())
    assert found["accuracy"][1] == pytest.approx((own.truth == own.prediction).mean())
    assert found["accuracy"].is_sorted(descending=True)


def test_no_rows() -> None:
    empty = Answers(truth=np.array([], dtype=np.int64), prediction=np.array([], dtype=np.int64), classes=CLASSES)
    assert confusion_table(empty).drop("truth").to_numpy().sum() == 0
    assert class_table(empty)["rows"].sum() == 0
    assert level_table(empty)["accuracy"].is_nan().all()
    assert isinstance(level_table(empty), pl.DataFrame)
