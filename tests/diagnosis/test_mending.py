"""Recipes mended by dotted keys: pure, valid, the same when applied twice."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepwright.api.recipes import apply_override
from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.find import find, names
from deepwright.core.recipe import Recipe, label
from deepwright.diagnosis import Finding, edit, mend, reaches, remove

RECIPE: dict[str, Any] = {
    "data": {"source": "houses.csv", "split": {"seed": 3}, "kinds": {"sepal.length": "number"}},
    "task": {"target": "price"},
    "contenders": [
        "rule",
        "tabm",
        "boosted_trees",
        {"network": "mlp", "config": {"widths": [16]}, "as": "small"},
        {"linear": {"alpha": 0.1}, "as": "stiff"},
        "mylab.nets:Funny",
    ],
}

calm = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
words = st.text(
    st.characters(codec="utf-8", exclude_characters='."\\', exclude_categories=["C"]), min_size=1, max_size=8
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(leaves, lambda inner: st.dictionaries(words, inner, max_size=3), max_leaves=6)
mappings = st.dictionaries(words, trees, max_size=3)


@calm
@given(mappings, st.lists(words, min_size=1, max_size=4), leaves)
def test_what_was_set_is_there_and_nothing_else_changed(tree: dict[str, Any], path: list[str], value: Any) -> None:
    before = copy.deepcopy(tree)
    key = ".".join(path)
    try:
        edited = edit(tree, key, value)
    except RecipeError:  # the path goes through a value
        assert tree == before
        return
    assert tree == before
    node: Any = edited
    for step in path:
        node = node[step]
    assert node == value or node is value
    assert edit(edited, key, value) == edited
    assert {k: v for k, v in edited.items() if k != path[0]} == {k: v for k, v in tree.items() if k != path[0]}


@calm
@given(mappings, st.lists(words, min_size=1, max_size=4))
def test_what_was_removed_is_gone(tree: dict[str, Any], path: list[str]) -> None:
    before = copy.deepcopy(tree)
    try:
        removed = remove(tree, ".".join(path))
    except RecipeError:
        return
    assert tree == before
    node: Any = removed
    for step in path[:-1]:
        node = node.get(step, {}) if isinstance(node, dict) else {}
    assert path[-1] not in node
    assert remove(removed, ".".join(path)) == removed


@calm
@given(st.sampled_from(["tabm", "small", "stiff", "boosted_trees", "Funny"]), st.sampled_from(["a.b", "c"]), leaves)
def test_a_contender_is_found_by_its_name_and_the_others_stay(name: str, option: str, value: Any) -> None:
    before = copy.deepcopy(RECIPE)
    edited = edit(RECIPE, f"contenders.{name}.{option}", value)
    assert before == RECIPE
    changed = [(a, b) for a, b in zip(RECIPE["contenders"], edited["contenders"], strict=True) if a != b]
    assert len(changed) == 1
    assert edit(edited, f"contenders.{name}.{option}", value) == edited
    Recipe.model_validate(edited)


class TestContenders:
    def test_a_plain_network_becomes_an_object(self) -> None:
        entries = edit(RECIPE, "contenders.tabm.training.lr", 0.1)["contenders"]
        assert entries[1] == {"network": "tabm", "training": {"lr": 0.1}}

    def test_a_plain_contender_becomes_an_object(self) -> None:
        assert edit(RECIPE, "contenders.boosted_trees.leaves", 7)["contenders"][2] == {"boosted_trees": {"leaves": 7}}

    def test_options_keep_their_neighbours_and_names(self) -> None:
        stiff = edit(RECIPE, "contenders.stiff.alpha", 9)["contenders"][4]
        assert stiff == {"linear": {"alpha": 9}, "as": "stiff"}
        small = edit(RECIPE, "contenders.small.training.epochs", 5)["contenders"][3]
        assert small == {"network": "mlp", "config": {"widths": [16]}, "as": "small", "training": {"epochs": 5}}

    def test_a_dotted_name_goes_by_its_class(self) -> None:
        assert edit(RECIPE, "contenders.Funny.width", 1)["contenders"][5] == {"mylab.nets:Funny": {"width": 1}}

    def test_the_default_list_is_written_out(self) -> None:
        edited = edit({"task": {"target": "y"}}, "contenders.tabm.training.lr", 0.1)
        own = {"network": "tabm", "training": {"lr": 0.1}}
        assert edited["contenders"] == ["rule", "linear", "boosted_trees", "networks", own]

    def test_training_reaches_the_networks_that_the_columns_are_yet_to_choose(self) -> None:
        edited = edit({"task": {"target": "y"}}, "training.lr", 0.1)
        assert edited["contenders"] == ["rule", "linear", "boosted_trees", {"networks": {"training": {"lr": 0.1}}}]
        again = edit(edited, "training.epochs", 3)
        assert again["contenders"][3] == {"networks": {"training": {"lr": 0.1, "epochs": 3}}}

    def test_one_that_is_not_there_is_named_with_the_nearest(self) -> None:
        with pytest.raises(NotFoundError, match="Did you mean 'tabm'"):
            edit(RECIPE, "contenders.tabn.training.lr", 0.1)

    def test_groups_are_refused(self) -> None:
        with pytest.raises(RecipeError, match="several contenders"):
            edit(RECIPE, "contenders.rule.x", 1)

    @pytest.mark.parametrize(
        ("groups", "name", "entry"),
        [
            (["all"], "tabm", {"network": "tabm", "x": {"y": 1}}),
            (["all"], "boosted_trees", {"boosted_trees": {"x": {"y": 1}}}),
            (["all"], "linear", {"linear": {"x": {"y": 1}}}),
            (["all"], "linear_network", {"network": "linear", "as": "linear_network", "x": {"y": 1}}),
            (["rule", "tabm"], "one_rule", {"one_rule": {"x": {"y": 1}}}),
        ],
    )
    def test_one_of_a_group_gets_an_entry_of_its_own(self, groups: list[Any], name: str, entry: Any) -> None:
        recipe = {"contenders": groups}
        edited = edit(recipe, f"contenders.{name}.x.y", 1)
        assert edited["contenders"] == [*groups, entry]
        assert edit(edited, f"contenders.{name}.x.y", 1) == edited

    def test_a_group_is_not_everyone(self) -> None:
        for groups, name in ((["rule"], "tabm"), (["rule"], "svm"), (["all"], "rule_base"), (["all"], "network")):
            with pytest.raises(NotFoundError):
                edit({"contenders": groups}, f"contenders.{name}.x", 1)

    def test_none_can_be_taken_out_of_a_group(self) -> None:
        with pytest.raises(RecipeError, match="none can be taken out") as caught:
            remove({"contenders": ["all"]}, "contenders.tabm")
        assert "by name" in str(caught.value.remedy)

    def test_a_network_called_as_a_contender_is_found_by_its_own_name(self) -> None:
        recipe = {"contenders": ["linear", {"network": "linear"}]}
        assert edit(recipe, "contenders.linear_network.training.lr", 1)["contenders"] == [
            "linear",
            {"network": "linear", "training": {"lr": 1}},
        ]
        assert edit(recipe, "contenders.linear.alpha", 1)["contenders"] == [
            {"linear": {"alpha": 1}},
            {"network": "linear"},
        ]

    def test_training_reaches_the_networks_of_all(self) -> None:
        recipe = {"contenders": ["all", {"network": "mlp", "as": "small"}]}
        entries = edit(recipe, "training.lr", 0.5)["contenders"]
        labels = {label(entry) for entry in entries[1:]}
        takes = {name: find("network", name).takes for name in names("network")}
        for_tables = {name for name, forms in takes.items() if "number" in forms and "image" not in forms}
        assert labels == {"small", "linear_network", *(for_tables - {"linear"})}
        assert all(entry["training"] == {"lr": 0.5} for entry in entries[1:])
        assert edit({"contenders": entries}, "training.lr", 0.5)["contenders"] == entries

    def test_taken_out(self) -> None:
        assert len(remove(RECIPE, "contenders.tabm")["contenders"]) == 5
        with pytest.raises(RecipeError, match="only contender"):
            remove({"contenders": ["tabm"]}, "contenders.tabm")

    def test_training_reaches_every_network_and_no_one_else(self) -> None:
        entries = edit(RECIPE, "training.lr", 0.5)["contenders"]
        assert entries[1] == {"network": "tabm", "training": {"lr": 0.5}}
        assert entries[3]["training"] == {"lr": 0.5}
        assert [entries[i] for i in (0, 2, 4, 5)] == [RECIPE["contenders"][i] for i in (0, 2, 4, 5)]
        with pytest.raises(RecipeError, match="none of the contenders"):
            edit({"contenders": ["rule"]}, "training.lr", 0.5)


class TestKeys:
    def test_a_quoted_step_may_hold_dots(self) -> None:
        edited = edit(RECIPE, 'data.kinds."sepal.length"', "category")
        assert edited["data"]["kinds"] == {"sepal.length": "category"}

    @pytest.mark.parametrize("key", ["", ".", "a..b", ".a", "a.", 'a."b', 'a"b"c'])
    def test_what_is_no_key_is_refused(self, key: str) -> None:
        with pytest.raises(RecipeError):
            edit(RECIPE, key, 1)

    def test_a_value_is_no_section(self) -> None:
        with pytest.raises(RecipeError, match="no section"):
            edit(RECIPE, "data.source.name", 1)

    def test_null_as_a_value_is_not_a_removal(self) -> None:
        assert edit(RECIPE, "time", None)["time"] is None
        assert Recipe.model_validate(edit(RECIPE, "time", None)).time is None
        finding = Finding(
            id="x", title="x", severity="info", evidence="1", cause="c", remedy="r", edit={"data.split.seed": None}
        )
        assert mend(RECIPE, finding)["data"]["split"] == {}


@pytest.mark.parametrize(
    ("recipe", "there"),
    [
        ({"task": {"target": "y"}}, True),
        ({"task": {"name": "clustering"}}, False),
        ({}, False),
        ({"contenders": ["rule", "linear"]}, False),
        ({"contenders": ["all"]}, True),
        ({"contenders": ["rule", {"network": "mlp", "as": "small"}]}, True),
    ],
)
def test_what_may_be_there_changes_what_is(recipe: dict[str, Any], there: bool) -> None:
    assert reaches(recipe, "training.epochs") is there
    changed = apply_override(recipe, "training.epochs?=2")
    assert (changed != recipe) is there
    if not there:
        with pytest.raises(RecipeError, match="none of the contenders"):
            apply_override(recipe, "training.epochs=2")
    assert apply_override(recipe, "time?=3")["time"] == 3
