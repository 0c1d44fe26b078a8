"""Saved contenders that somebody tampered with are refused before anything trusts a number in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from contender_cases import Case, classification

from deepwright.contenders._booster_text import checked
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.find import find, names

_SMALL = {"random_forest": {"trees": 3}, "boosted_trees": {"rounds": 3}}
CASE, X, Y = classification(rows=150)


def load(name: str, folder: Path) -> Any:
    return find("contender", name).load(folder, CASE.task, CASE.encoding)


TREES = [
    ("a circle", {"left": (0, 0)}),
    ("a node below two", {"right": (0, 1)}),
    ("a node outside", {"left": (0, 10_000)}),
    ("a leaf on one side", {"left": (0, -1)}),
    ("a column outside", {"feature": (0, 99)}),
    ("a column below none", {"feature": (0, -3)}),
    ("no number", {"threshold": (0, np.nan)}),
]


@pytest.mark.parametrize(("what", "change"), TREES, ids=[what for what, _ in TREES])
@pytest.mark.parametrize("name", ["decision_tree", "random_forest"])
def test_trees(name: str, what: str, change: dict[str, tuple[int, float]], tmp_path: Path) -> None:
    options = {"trees": 3} if name == "random_forest" else {"leaves": 6}
    CASE.fit(name, **options).save(tmp_path)
    assert load(name, tmp_path).predict(CASE.frame).height == CASE.frame.height
    arrays = read_tensors(tmp_path / "trees.safetensors")
    for key, (at, value) in change.items():
        arrays[key][at] = value
    write_tensors(tmp_path / "trees.safetensors", arrays)
    with pytest.raises(RunError, match="no trees over the columns"):
        load(name, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name == "network_features"))
        for name in sorted(set(names("contender")) - {"network", "rule_base"})
    ],
)
def test_arrays_of_other_shapes(name: str, tmp_path: Path) -> None:
    """A model of another table, put in the place of this one."""
    narrow = Case(CASE.frame.select("x0", "x1", "y"), "y", "classification")
    if name in ("majority", "one_rule"):  # these depend on the number of classes only
        two = CASE.frame.with_columns(pl.when(pl.col("y") == "a").then(pl.lit("a")).otherwise(pl.lit("b")).alias("y"))
        narrow = Case(two, "y", "classification")
    if "classification" not in find("contender", name).tasks:
        pytest.skip("for regression")
    narrow.fit(name, **_SMALL.get(name, {})).save(tmp_path)
    with pytest.raises(RunError):
        load(name, tmp_path)


BOOSTER = [
    ("a child outside", r"left_child=\S+", "left_child=999"),
    ("a circle", r"left_child=\S+", "left_child=0"),
    ("a column outside", r"split_feature=\S+", "split_feature=77"),
    ("fewer leaves than it says", r"num_leaves=\d+", "num_leaves=3"),
    ("more leaves than it says", r"num_leaves=\d+", "num_leaves=90000"),
    ("leaves of nothing", r"leaf_value=\S+", "leaf_value=nan"),
    ("other columns", r"max_feature_idx=\d+", "max_feature_idx=1"),
    ("other classes", r"num_class=\d+", "num_class=2"),
    ("an unknown objective", r"objective=\S+", "objective=custom"),
    ("sizes that jump away", r"tree_sizes=\d+", "tree_sizes=99999999"),
    ("linear leaves", r"is_linear=0", "is_linear=1"),
    ("a category group that is not there", r"decision_type=\d+", "decision_type=1"),
    ("a line twice", r"(num_cat=0)", r"\1\n\1"),
    ("the end cut off", r"end of trees[\s\S]*", ""),
]


@pytest.mark.parametrize(("what", "pattern", "other"), BOOSTER, ids=[what for what, *_ in BOOSTER])
def test_lightgbm_text(what: str, pattern: str, other: str, tmp_path: Path) -> None:
    CASE.fit("boosted_trees", rounds=3).save(tmp_path)
    path = tmp_path / "trees-0.txt"
    whole = path.read_text()
    changed = re.sub(pattern, other, whole, count=1)
    assert changed != whole
    path.write_text(changed)
    with pytest.raises(RunError):
        load("boosted_trees", tmp_path)


def test_no_digit_of_a_tree_can_be_turned_without_notice() -> None:
    """The sizes stay right; the reader itself finds that the children make no tree."""
    text = CASE.fit("boosted_trees", rounds=1, valid=CASE.frame[:0])._ensembles[0].text
    assert checked(text, 5, 3) == text
    digits = [
        at for m in re.finditer(r"(?:left|right)_child=(.*)", text) for at in range(*m.span(1)) if text[at].isdigit()
    ]
    assert len(digits) > 12
    for at in digits:
        for digit in set("0123456789") - {text[at]}:
            with pytest.raises(ValueError, match="tree"):
                checked(text[:at] + digit + text[at + 1 :], 5, 3)


def test_lightgbm_text_with_groups_of_categories_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 30, 900)
    frame = pl.DataFrame({"g": [f"v{i}" for i in group], "y": np.where(group % 3 == 0, "p", "q")})
    case = Case(frame, "y", "classification", {"g": "category"})
    model = case.fit("boosted_trees")
    assert "num_cat=0" not in model._ensembles[0].text.split("Tree=1")[0]
    again = case.reload(model, "boosted_trees", tmp_path)
    assert again.predict(frame).equals(model.predict(frame))
    assert (model.predict(frame)["prediction"] == frame["y"]).all()
