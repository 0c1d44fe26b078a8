"""What each task does with its column: scales, classes, trees, tags, weights, thresholds, the choice of metric."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError, NotFoundError, RecipeError, RunError
from deepwright.core.task import Task
from deepwright.tasks import choose_task
from deepwright.tasks.classification import Classification
from deepwright.tasks.regression import Regression
from deepwright.tasks.tagging import Tagging


# -------------------------------------------------------------------- regression
def test_the_loss_sees_standard_deviations() -> None:
    values = np.random.default_rng(0).normal(250_000, 90_000, 500)
    encoded = Regression.fit(pl.Series("price", values), {}).encode(pl.Series("price", values))
    assert encoded.dtype == np.float32
    assert abs(encoded.mean()) < 1e-6 and encoded.std() == pytest.approx(1, abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1e307, 1e307), min_size=1, max_size=20), st.sampled_from(["float", "int"]))
def test_predict_inverts_encode_at_any_scale(values: list[float], kind: str) -> None:
    target = pl.Series("y", values) if kind == "float" else pl.Series("y", [int(v) % 2**53 for v in values])
    task = Regression.fit(target, {})
    encoded = task.encode(target)
    assert np.isfinite(encoded).all()
    back = task.predict(encoded[:, None])["prediction"].to_numpy()
    known = target.cast(pl.Float64).to_numpy()
    # Half the range: the whole one may overflow. float32 carries about seven digits of it.
    half_range = known.max() / 2 - known.min() / 2
    assert np.all(np.abs(back / 2 - known / 2) <= 1e-5 * half_range + 1e-15 * np.abs(known) + 1e-300)


def test_a_constant_target_is_predicted_as_it_is() -> None:
    task = Regression.fit(pl.Series("y", [7.5] * 10), {})
    assert task.encode(pl.Series("y", [7.5])).tolist() == [0.0]
    assert task.predict(np.zeros((1, 1)))["prediction"].to_list() == [7.5]


@pytest.mark.parametrize(("transform", "lowest"), [("log", 0.5), ("log1p", 0.0)])
def test_logarithms(transform: str, lowest: float) -> None:
    target = pl.Series("y", [lowest, 1.0, 10.0, 1000.0])
    task = Regression.fit(target, {"target_transform": transform})
    back = task.predict(task.encode(target)[:, None])["prediction"].to_numpy()
    assert np.allclose(back, target.to_numpy(), rtol=1e-5, atol=1e-6)
    assert np.isfinite(task.encode(pl.Series("y", [-5.0, 0.0]))).all()
    with pytest.raises(DataError, match="needs targets"):
        Regression.fit(pl.Series("y", [lowest - 1, 1.0]), {"target_transform": transform})


def test_members_are_averaged_in_the_units_of_the_target() -> None:
    target = pl.Series("y", [1.0, 10.0, 100.0])
    task = Regression.fit(target, {"target_transform": "log"})
    members = np.stack([task.encode(target), task.encode(target[::-1])], axis=1)[:, :, None]
    assert np.allclose(task.predict(members)["prediction"].to_numpy(), [50.5, 10.0, 50.5], rtol=1e-5)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pl.Series("y", ["a", "b"]), "String values such as 'a'"),
        (pl.Series("y", [1.0, float("inf")]), "the first is infinite, row 2"),
        (pl.Series("y", [None, None], dtype=pl.Float64), "every target is missing"),
    ],
)
def test_regression_refuses(column: pl.Series, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Regression.fit(column, {})


def test_mape_only_where_no_target_is_near_zero() -> None:
    assert "mape" in Regression.fit(pl.Series("y", [10.0, 20.0, 30.0]), {}).metrics
    assert "mape" not in Regression.fit(pl.Series("y", [0.0, 20.0, 30.0]), {}).metrics


# -------------------------------------------------------------------- classification
@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (pl.Series("c", [10, 2, 2, 10, 3]), ("2", "3", "10")),
        (pl.Series("c", [1.0, 2.0, None, float("nan"), 2.0]), ("1", "2")),
        (pl.Series("c", [0.5, 1.0, 1.0]), ("0.5", "1")),
        (pl.Series("c", [True, False, True]), ("false", "true")),
        (pl.Series("c", ["b", "a", "c", "a"]), ("a", "b", "c")),
        (pl.Series("c", ["yes", "no", "yes", "yes"]), ("no", "yes")),
        (pl.Series("c", ["ill", "well", "well"]), ("well", "ill")),
        (pl.Series("c", ["p", "e", "e", "p"]), ("e", "p")),
        (pl.Series("c", ["b", "a", "a"], dtype=pl.Categorical), ("a", "b")),
    ],
)
def test_classes_and_their_order(column: pl.Series, classes: tuple[str, ...]) -> None:
    assert Classification.fit(column, {}).classes == classes


def test_the_positive_class_is_the_one_that_is_named() -> None:
    column = pl.Series("c", ["yes", "no", "yes"])
    task = Classification.fit(column, {"positive": "no"})
    assert task.classes == ("yes", "no")
    with pytest.raises(NotFoundError, match="Did you mean 'yes'"):
        Classification.fit(column, {"positive": "yess"})


def test_floats_integers_and_texts_are_the_same_class() -> None:
    task = Classification.fit(pl.Series("c", [1.0, 2.0, 1.0]), {})
    for column in (pl.Series([2, 1, 3]), pl.Series([2.0, 1.0, 3.0]), pl.Series(["2", "1", "3"])):
        assert task.encode(column).tolist() == [1, 0, -1]


def test_an_unseen_class_is_always_wrong() -> None:
    task = Classification.fit(pl.Series("c", ["a", "b", "b", "c"]), {})
    made = pl.DataFrame({"prediction": ["zebra", "a"]})
    answers = task.answers(made, pl.Series("c", ["zebra", "a"]))
    assert answers.truth.tolist() == [-1, 0] and answers.prediction.tolist() == [-2, 0]
    assert answers.probability is None


def test_probabilities_sum_to_one_and_belong_to_the_prediction() -> None:
    task = Classification.fit(pl.Series("c", list("abc") * 3), {})
    found = task.predict(np.random.default_rng(0).normal(size=(20, 4, 3)) * 30)
    columns = found.select([f"p({label})" for label in task.classes]).to_numpy()
    assert np.allclose(columns.sum(axis=1), 1)
    for label, probability, row in zip(found["prediction"], found["probability"], columns, strict=True):
        assert probability == row[task.classes.index(label)] == row.max()


def test_the_threshold_decides_between_two_classes() -> None:
    task = Classification.fit(pl.Series("c", ["no", "yes"] * 3), {"threshold": 0.2})
    found = task.predictions(np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]))
    assert found["prediction"].to_list() == ["no", "yes", "yes"]
    assert found["probability"].to_list() == [0.9, 0.2, 0.3]


def test_class_weights_are_the_reference_ones() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array(list("aaaaaabbc"))
    task = Classification.fit(pl.Series("c", labels), {"class_weights": "balanced"})
    assert task.class_weights is not None
    assert np.allclose(task.class_weights, compute_class_weight("balanced", classes=np.unique(labels), y=labels))
    output, codes = torch.randn(9, 3), torch.as_tensor(task.encode(pl.Series("c", labels)))
    expected = torch.nn.functional.cross_entropy(output, codes, torch.as_tensor(task.class_weights).float())
    assert torch.allclose(task.loss(output, codes), expected)


def test_a_tree_is_noticed_and_changes_loss_and_metrics() -> None:
    column = pl.Series("c", ["animal/dog", "animal/cat", "car/vw"] * 4)
    tree, flat = Classification.fit(column, {}), Classification.fit(column, {"hierarchy": False})
    assert tree.hierarchical and "hierarchical_distance" in tree.metrics and "paths" in tree.why_metric
    assert not flat.hierarchical and "hierarchical_distance" not in flat.metrics
    output, codes = torch.randn(12, 3), torch.as_tensor(tree.encode(column))
    assert not torch.allclose(tree.loss(output, codes), flat.loss(output, codes))


@pytest.mark.parametrize("labels", [["1/2", "3/4"], ["km/h", "m"], ["a/", "a/b"], ["a", "b"]])
def test_a_slash_alone_is_no_tree(labels: list[str]) -> None:
    assert not Classification.fit(pl.Series("c", labels * 3), {}).hierarchical


@pytest.mark.parametrize(
    ("counts", "primary"),
    [
        ({"no": 50, "yes": 50}, "accuracy"),
        ({"no": 80, "yes": 20}, "roc_auc"),
        ({"no": 95, "yes": 5}, "average_precision"),
        ({"yes": 95, "no": 5}, "roc_auc"),
        ({"a": 40, "b": 30, "c": 30}, "accuracy"),
        ({"a": 80, "b": 10, "c": 10}, "balanced_accuracy"),
        ({"a": 45, **{chr(98 + k): 5 for k in range(11)}}, "balanced_accuracy"),
    ],
)
def test_the_primary_metric_follows_the_data_and_says_so(counts: dict[str, int], primary: str) -> None:
    labels = [label for label, count in counts.items() for _ in range(count)]
    task = Classification.fit(pl.Series("c", labels), {})
    assert task.metrics[0] == primary
    assert len(set(task.metrics)) == len(task.metrics)
    share = max(counts.values()) / sum(counts.values())
    assert f"{share:.0%}" in task.why_metric or "rare" in task.why_metric
    assert "task.metric=" in task.why_metric


@pytest.mark.parametrize(
    ("labels", "options", "error", "words"),
    [
        (["a", "a"], {}, DataError, "at least two classes .* only 'a'"),
        ([None, None], {}, DataError, "found none"),
        (["a", "b", "c", "d"], {}, DataError, "each of the 4 training rows has a class of its own"),
        (["a", "b"], {"class_weights": {"c": 1.0}}, NotFoundError, "no class 'c'"),
        (["a", "b"], {"class_weights": {"a": 0.0}}, RecipeError, "above 0"),
        (["a", "b"], {"label_smoothing": 1.5}, RecipeError, "label_smoothing"),
        (["a", "b"], {"label_smothing": 0.1}, RecipeError, "Did you mean 'label_smoothing'"),
        (["a", "b"], {"loss": "mse"}, RecipeError, "'mse' does not fit classification"),
        (["a", "b", "c", "a"], {"threshold": 0.5}, RecipeError, "threshold is for two classes, there are 3"),
        (["a", "b", "c", "a"], {"loss": "binary_cross_entropy"}, RecipeError, "is for two classes"),
        (["a", "b"], {"loss": "torch:abs", "class_weights": "balanced"}, RecipeError, "outputs and targets only"),
    ],
)
def test_classification_refuses(labels: list[str | None], options: dict[str, object], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        Classification.fit(pl.Series("c", labels, dtype=pl.String), options)


def test_one_logit_is_still_two_classes() -> None:
    task = Classification.fit(pl.Series("c", ["no", "yes"] * 3), {"loss": "binary_cross_entropy"})
    assert (task.outputs, task.outcomes) == (1, 2)
    assert task.predictions(np.array([[0.3, 0.7]]))["prediction"].to_list() == ["yes"]


# -------------------------------------------------------------------- tagging
def test_tags_however_they_are_written() -> None:
    lists = [["a", "b"], ["b"], ["c", "a"], ["b", "c"]]
    expected = Tagging.fit(pl.Series("t", lists), {})
    assert expected.classes == ("b", "a", "c")
    for written in (
        ["a;b", "b", "c;a", "b;c"],
        ["a|b", "b", "c | a", "b|c"],
        ["a, b", "b", "c, a", "b, c"],
        ["['a','b']", "['b']", "['c', 'a']", "['b','c']"],
        ['["a","b"]', '["b"]', '["c", "a"]', '["b","c"]'],
    ):
        task = Tagging.fit(pl.Series("t", written), {})
        assert task.classes == expected.classes
        assert np.array_equal(task.encode(pl.Series("t", written)), expected.encode(pl.Series("t", lists)))


def test_rare_tags_can_be_left_out() -> None:
    column = pl.Series("t", ["a|b", "a", "a|c", "b"])
    assert Tagging.fit(column, {"min_rows": 2}).classes == ("a", "b")
    with pytest.raises(DataError, match="none on 9 training rows"):
        Tagging.fit(column, {"min_rows": 9})


def test_predicted_tags_are_those_above_the_threshold() -> None:
    task = Tagging.fit(pl.Series("t", ["a|b", "b"]), {"threshold": 0.3})
    found = task.predictions(np.array([[0.3, 0.1], [0.9, 0.9], [0.0, 0.0]]))
    assert found["prediction"].to_list() == [["b"], ["b", "a"], []]
    answers = task.answers(found, pl.Series("t", ["b", "a|new", ""]))
    assert answers.prediction.tolist() == [[True, False], [True, True], [False, False]]
    assert answers.truth.tolist() == [[True, False], [False, True], [False, False]]


def test_balanced_tags_weigh_rows_without_against_rows_with() -> None:
    task = Tagging.fit(pl.Series("t", ["a|b", "a", "a", "a"]), {"class_weights": "balanced"})
    assert task.class_weights is not None
    assert np.allclose(task.class_weights, [1 / 4, 3 / 1])


# -------------------------------------------------------------------- the choice
def choose(kind: str, column: pl.Series, name: str = "auto") -> tuple[type[Task], str]:
    """The task for a table of this one column, which is the target."""
    return choose_task(column.to_frame(), {column.name: kind}, column.name, name)


@pytest.mark.parametrize(
    ("kind", "column", "task"),
    [
        ("number", pl.Series("y", np.arange(30) * 1.1), "regression"),
        ("number", pl.Series("y", list(range(30))), "regression"),
        ("number", pl.Series("y", [350, 250]), "regression"),
        ("number", pl.Series("y", [0, 1, 1, 0]), "classification"),
        ("number", pl.Series("y", [3, 4, 5] * 10), "classification"),
        ("category", pl.Series("y", list("ab") * 5), "classification"),
        ("category", pl.Series("y", [True, False] * 5), "classification"),
        ("text", pl.Series("y", ["a long answer", "another one"] * 5), "classification"),
        ("tags", pl.Series("y", ["a|b", "b|c"] * 5), "tagging"),
    ],
)
def test_the_task_follows_the_column_and_says_why(kind: str, column: pl.Series, task: str) -> None:
    chosen, why = choose(kind, column)
    assert chosen.name == task and why.startswith(task) and "'y'" in why


def test_the_choice_says_how_to_change_it_and_can_be_changed() -> None:
    column = pl.Series("quality", [3, 4, 5] * 10)
    assert "task.name=regression" in choose("number", column)[1]
    chosen, why = choose("number", column, "regression")
    assert chosen is Regression and "as asked" in why


@pytest.mark.parametrize(
    ("kind", "column", "name", "words"),
    [
        ("text", pl.Series("y", ["a b", "c d"] * 3), "regression", "regression predicts a number.*kind text.*'a b'"),
        ("category", pl.Series("y", list("ab") * 3), "tagging", "tagging predicts several tags"),
        ("number", pl.Series("y", np.arange(30) * 1.1), "classification", "30 distinct numbers in 30 rows"),
        ("text", pl.Series("y", [f"text {i}" for i in range(30)]), "auto", "30 distinct values in 30 rows"),
        ("category", pl.Series("y", ["a"] * 9), "auto", "a target that varies, every row says 'a'"),
        ("text", pl.Series("y", [None] * 9, dtype=pl.String), "auto", "every value is missing"),
    ],
)
def test_a_question_that_does_not_fit_is_a_clear_error(kind: str, column: pl.Series, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        choose(kind, column, name)
    assert caught.value.where == "column 'y'" and "--kind y=" in (caught.value.remedy or "")


def test_an_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'classification'"):
        choose("category", pl.Series("y", list("ab")), "clasification")


def test_a_task_of_the_users_own() -> None:
    chosen, why = choose("category", pl.Series("y", list("ab") * 3), "deepwright.tasks.tagging:Tagging")
    assert chosen is Tagging and why == "as asked"


@pytest.mark.parametrize("task", [Regression, Classification, Tagging])
def test_damage_names_the_key(task: type[Task]) -> None:
    with pytest.raises(RunError, match="target"):
        task.load({"target": 3})
