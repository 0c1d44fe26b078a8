"""The rule base: what fires, who wins, what follows from what, and that every explanation is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from contender_cases import Case, chances
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.contenders._induction import induce
from deepwright.core.errors import NotFoundError, RecipeError, RunError
from deepwright.core.find import find

PENGUINS = """
conflict: highest_priority
default: Adelie
rules:
  - name: long flippers
    if: flipper_length_mm > 206
    then: Gentoo
    confidence: 0.95
    priority: 10
  - name: long bill
    if: bill_length_mm > 43.3
    set: {bill: long}
  - name: long bill without long flippers
    if:
      all:
        - bill == long
        - not: {any: [flipper_length_mm > 206, "island in [Torgersen]"]}
    then: Chinstrap
"""


def penguins(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Made rows that look like the penguins of Palmer station."""
    rng = np.random.default_rng(seed)
    species = rng.choice(["Adelie", "Chinstrap", "Gentoo"], rows, p=[0.45, 0.2, 0.35])
    means = {"Adelie": (38.8, 190.0), "Chinstrap": (48.8, 196.0), "Gentoo": (47.5, 217.0)}
    bill, flipper = (np.array([means[s][i] for s in species]) + rng.normal(0, (2.7, 6.0)[i], rows) for i in (0, 1))
    island = [
        {"Gentoo": "Biscoe", "Chinstrap": "Dream"}.get(s, rng.choice(["Biscoe", "Dream", "Torgersen"])) for s in species
    ]
    frame = pl.DataFrame({"bill_length_mm": bill, "flipper_length_mm": flipper, "island": island, "species": species})
    return frame.with_columns(
        pl.when(pl.Series(rng.random(rows) < 0.05))
        .then(None)
        .otherwise(pl.col("bill_length_mm"))
        .alias("bill_length_mm")
    )


KINDS = {"bill_length_mm": "number", "flipper_length_mm": "number", "island": "category"}
CASE = Case(penguins(), "species", "classification", KINDS)


def row(**cells: Any) -> pl.DataFrame:
    """One penguin, missing where nothing is said."""
    types = {"bill_length_mm": pl.Float64, "flipper_length_mm": pl.Float64, "island": pl.String}
    return pl.DataFrame({name: pl.Series([cells.get(name)], dtype=dtype) for name, dtype in types.items()})


def fitted(text: str, case: Case = CASE) -> Any:
    return case.fit("rule_base", text=text)


def test_sample_rules_on_penguins(tmp_path: Path) -> None:
    model = fitted(PENGUINS)
    found = model.predict(CASE.frame)
    assert (found["prediction"] == CASE.frame["species"]).mean() > 0.85
    again = CASE.reload(model, "rule_base", tmp_path)
    assert again.predict(CASE.frame).equals(found)
    assert (tmp_path / "rules.yaml").read_text() == PENGUINS


def test_the_sample_of_the_docstring_is_a_rule_file() -> None:
    text = find("contender", "rule_base").__doc__ or ""
    start, end = text.index("conflict:"), text.index("A condition is")
    sample = "\n".join(
        line[8:] if line.startswith(" " * 8) else line for line in (" " * 8 + text[start:end]).splitlines()
    )
    assert fitted(sample).predict(row(flipper_length_mm=230.0))["prediction"][0] == "Gentoo"


def test_why_and_how() -> None:
    model = fitted(PENGUINS)
    (why,) = model.explain_rows(row(bill_length_mm=50.5, flipper_length_mm=195.0, island="Dream"))
    assert why.startswith("Chinstrap, by rule 'long bill without long flippers'")
    assert "bill is long by rule 'long bill' (line 10): bill_length_mm > 43.3 (it is 50.5)" in why
    (none,) = model.explain_rows(row(bill_length_mm=30.0, flipper_length_mm=180.0, island="Dream"))
    assert none == "no rule applies: Adelie by default."
    (both,) = model.explain_rows(row(bill_length_mm=50.0, flipper_length_mm=230.0, island="Biscoe"))
    assert both.startswith("Gentoo, by rule 'long flippers' (line 5): flipper_length_mm > 206 (it is 230)")
    assert model.fired(row(bill_length_mm=30.0)) == [None]
    backwards = model.how("Chinstrap").splitlines()
    assert backwards[0].startswith("rule 'long bill without long flippers'")
    assert backwards[1] == "  rule 'long bill' (line 10): if bill_length_mm > 43.3, then bill is long"
    assert model.how("bill == long").startswith("rule 'long bill' (line 10)")
    assert model.how("Emperor") == "no rule concludes Emperor"


def test_without_a_default_the_shares_answer_and_the_row_is_flagged() -> None:
    model = fitted("rules: [{if: flipper_length_mm > 206, then: Gentoo}]")
    found = model.predict(row(flipper_length_mm=180.0))
    shares = [(CASE.frame["species"] == label).mean() for label in CASE.task.classes]  # type: ignore[attr-defined]
    assert np.allclose(chances(found)[0], shares)
    assert model.explain_rows(row(flipper_length_mm=180.0))[0].startswith("no rule applies")


def test_stated_and_measured_confidence() -> None:
    text = "rules: [{name: r, if: flipper_length_mm > 206, then: Gentoo%s}]"
    stated = fitted(text % ", confidence: 0.75").predict(row(flipper_length_mm=230.0))
    assert stated["p(Gentoo)"][0] == pytest.approx(0.75)
    measured = fitted(text % "").predict(row(flipper_length_mm=230.0))["p(Gentoo)"][0]
    over = CASE.frame.filter(pl.col("flipper_length_mm") > 206)
    assert measured == pytest.approx(((over["species"] == "Gentoo").sum() + 1) / (over.height + 2))
    wrong = fitted("rules: [{if: flipper_length_mm > 206, then: Adelie}]").predict(row(flipper_length_mm=230.0))
    assert wrong["prediction"][0] == "Adelie"  # the rule's own word, however often it is wrong


# -- conflict resolution and chaining against a plain interpreter -----------------------------------------------------

VALUES = Case(
    pl.DataFrame({"u": np.arange(60) % 7, "v": np.arange(60) % 5, "y": ["a", "b", "c"] * 20}),
    "y",
    "classification",
    {"u": "number", "v": "number"},
)
LEAF = st.tuples(st.sampled_from(["u", "v"]), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 6))
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)
RULE = st.tuples(TREE, st.sampled_from("abc"), st.integers(-2, 2))


def _written(tree: Any) -> Any:
    if tree[0] == "not":
        return {"not": _written(tree[1])}
    if tree[0] in ("all", "any"):
        return {tree[0]: [_written(part) for part in tree[1]]}
    return " ".join(map(str, tree))


def _holds(tree: Any, cells: dict[str, Any]) -> bool:
    if tree[0] == "not":
        return not _holds(tree[1], cells)
    if tree[0] in ("all", "any"):
        return {"all": all, "any": any}[tree[0]](_holds(part, cells) for part in tree[1])
    name, sign, value = tree
    cell = cells[name]
    if cell is None:
        return False
    return {
        "<": cell < value, "<=": cell <= value, ">": cell > value,
        ">=": cell >= value, "==": cell == value, "!=": cell != value,
    }[sign]  # fmt: skip


def _size(tree: Any) -> int:
    if tree[0] == "not":
        return _size(tree[1])
    if tree[0] in ("all", "any"):
        return {"all": sum, "any": min}[tree[0]](_size(part) for part in tree[1])
    return 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(RULE, min_size=1, max_size=6),
    st.sampled_from(["first_match", "highest_priority", "most_specific"]),
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 6)), st.one_of(st.none(), st.integers(0, 6))), min_size=1),
)
def test_the_winner_is_the_interpreters_winner(rules: list[Any], conflict: str, cells: list[Any]) -> None:
    import yaml

    written = [{"name": f"n{i}", "if": _written(t), "then": c, "priority": p} for i, (t, c, p) in enumerate(rules)]
    model = fitted(yaml.safe_dump({"conflict": conflict, "default": "a", "rules": written}, sort_keys=False), VALUES)
    frame = pl.DataFrame(cells, schema={"u": pl.Int64, "v": pl.Int64}, orient="row")
    order = {
        "first_match": lambda i: (i,),
        "highest_priority": lambda i: (-rules[i][2], i),
        "most_specific": lambda i: (-_size(rules[i][0]), -rules[i][2], i),
    }[conflict]
    predicted, fired = model.predict(frame)["prediction"].to_list(), model.fired(frame)
    reasons = model.explain_rows(frame)
    for at, (u, v) in enumerate(cells):
        applying = [i for i, (tree, _, _) in enumerate(rules) if _holds(tree, {"u": u, "v": v})]
        winner = min(applying, key=order) if applying else None
        assert fired[at] == (None if winner is None else f"n{winner}")
        assert predicted[at] == ("a" if winner is None else rules[winner][1])
        # The explanation is true: it names the winner and exactly those it prevailed over.
        named = [int(n) for n in re.findall(r"rule 'n(\d+)'", reasons[at])]
        assert named[:1] == ([] if winner is None else [winner])
        assert sorted(named) == applying


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 6))
def test_chains_of_facts_do_not_hang_on_the_order_of_the_file(order: list[int], start: int) -> None:
    rules = [
        f"{{name: s, if: u >= {start}, set: {{f0: yes}}}}",
        "{name: t, if: f0 == yes, set: {f1: yes}}",
        "{name: w, if: {all: [f1 == yes, v > 1]}, set: {f2: 7}}",
        "{name: z, if: {all: [f2 > 6.5, f1 is not missing]}, then: c}",
    ]
    model = fitted("default: a\nrules:\n" + "".join(f"  - {rules[i]}\n" for i in order), VALUES)
    frame = VALUES.frame
    expected = np.where((frame["u"] >= start) & (frame["v"] > 1), "c", "a")
    assert (model.predict(frame)["prediction"].to_numpy() == expected).all()
    at = np.flatnonzero(expected == "c")
    if len(at):
        assert re.findall(r"rule '(.)'", model.explain_rows(frame[at[:1].tolist()])[0]) == [
            "z",
            "w",
            "t",
            "s",
            "t",
            "s",
        ]


def test_rings_of_facts_are_refused_with_their_way_round() -> None:
    text = """
rules:
  - {if: b == 1, set: {a: 1}}
  - {if: c == 1, set: {b: 1}}
  - {if: a == 1, set: {c: 1}}
  - {if: a == 1, then: Adelie}
"""
    with pytest.raises(RecipeError, match=r"ring: (a ← b ← c ← a|b ← c ← a ← b|c ← a ← b ← c)") as caught:
        fitted(text)
    assert re.search(r"rules, line [345]", str(caught.value))


@pytest.mark.parametrize(
    ("condition", "cells", "expected"),
    [
        ("island == Dream", {"island": "Dream"}, True),
        ("island == dream ", {"island": "Dream"}, None),
        ("island in [Dream, 'Biscoe']", {"island": "Biscoe"}, True),
        ("island not in [Dream, Biscoe]", {"island": "Torgersen"}, True),
        ("island not in [Dream, Biscoe]", {}, False),
        ("island != Dream", {}, False),
        ("island contains ORG", {"island": "Torgersen"}, True),
        ("bill_length_mm between 40 and 41.5", {"bill_length_mm": 41.5}, True),
        ("bill_length_mm between 40 and 41.5", {"bill_length_mm": 41.6}, False),
        ("bill_length_mm is missing", {}, True),
        ("bill_length_mm is  not missing", {}, False),
        ("bill_length_mm == 40", {"bill_length_mm": 40.0}, True),
        ("bill_length_mm>=4e1", {"bill_length_mm": 40.0}, True),
        ("'`bill_length_mm` < -1'", {"bill_length_mm": -1.5}, True),
        ("{not: bill_length_mm > 3}", {}, True),
    ],
)
def test_conditions(condition: str, cells: dict[str, Any], expected: bool | None) -> None:
    text = f"default: Adelie\nrules:\n  - if: {condition}\n    then: Gentoo"
    if expected is None:
        with pytest.raises(NotFoundError, match="Did you mean 'Dream'"):
            fitted(text)
        return
    assert fitted(text).predict(row(**cells))["prediction"][0] == ("Gentoo" if expected else "Adelie")


def test_dates_compare_as_dates() -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 1), eager=True)
    frame = pl.DataFrame({"day": days, "y": [float(i) for i in range(len(days))]})
    case = Case(frame, "y", "regression", {"day": "time"})
    model = fitted("default: 0\nrules: [{if: day >= 2024-02-01, then: 1}]", case)
    assert model.predict(frame)["prediction"].sum() == 30  # 29 days of February and the first of March


def test_regression_and_tags() -> None:
    frame = pl.DataFrame({"u": [1.0, 2.0, 3.0] * 10, "y": [10.0, 20.0, 30.0] * 10})
    model = fitted("rules: [{if: u > 2.5, then: 31.5}]", Case(frame, "y", "regression"))
    assert model.predict(frame[:3])["prediction"].to_list() == [20.0, 20.0, 31.5]
    tags = frame.with_columns(pl.Series("y", [["p"], ["p", "q"], []] * 10))
    model = fitted("rules: [{if: u == 2, then: [p, q]}, {if: u == 3, then: []}]", Case(tags, "y", "tagging"))
    assert [sorted(given) for given in model.predict(frame[1:3])["prediction"].to_list()] == [["p", "q"], []]


BAD = [
    ("rules: [{if: flipper_lenght_mm > 3, then: Gentoo}]", r"line 1.*lenght.*Did you mean 'flipper_length_mm'"),
    ("rules:\n  - if: island == Draem\n    then: Gentoo", r"line 2.*'Draem'.*Did you mean 'Dream'"),
    ("rules:\n  - if: island == Dream\n    then: Gento", r"line 2.*'Gento'.*Did you mean 'Gentoo'"),
    ("rules:\n  - if: island > 3\n    then: Gentoo", r"line 2.*holds no numbers"),
    ("rules:\n  - if: island > x\n    then: Gentoo", r"line 2.*'>' needs a number"),
    ("rules:\n  - if: island Dream\n    then: Gentoo", r"line 2.*COLUMN OPERATOR VALUE"),
    ("rules:\n  - if: island in Dream\n    then: Gentoo", r"line 2.*list such as"),
    ("rules:\n  - if: bill_length_mm between 3\n    then: Gentoo", r"line 2.*LOW and HIGH"),
    ("rules:\n  - {if: island == Dream}", r"line 2.*concludes nothing"),
    ("rules:\n  - {then: Gentoo}", r"line 2.*has no 'if'"),
    ("rules:\n  - {if: {al: [island == Dream]}, then: Gentoo}", r"line 2.*no key 'al'.*Did you mean 'all'"),
    ("rules:\n  - {if: island == Dream, then: Gentoo, prioriti: 3}", r"line 2.*Did you mean 'priority'"),
    ("rules:\n  - {if: island == Dream, then: Gentoo, priority: high}", r"line 2.*expected a number"),
    ("rules:\n  - {if: island == Dream, then: Gentoo, confidence: 0.3}", r"line 2.*above 0.5"),
    ("rules:\n- {name: r, if: island == Dream, then: a}\n- {name: r, if: island == Dream, then: a}", r"line 3.*taken"),
    ("conflict: strongest\nrules: [{if: island == Dream, then: Gentoo}]", r"line 1.*'strongest'"),
    ("rules: []", r"line 1.*at least one rule"),
    ("", r"empty"),
    ("rules: [", r"no YAML"),
    ("rules: &a [*a]", r"anchors"),
    ("rules: !!python/object/apply:os.system [x]", r"tags"),
    ("rules: [{if: island == Dream, then: Gentoo, then: Adelie}]", r"twice"),
    ("rules: [{if: island == Dream, set: {island: x}, then: Gentoo}]", r"named as a column"),
    ("rules:\n- {if: island == Dream, set: {f: small}}\n- {if: f == smal, then: Gentoo}", r"line 3.*mean 'small'"),
    ("default: Emu\nrules: [{if: island == Dream, then: Gentoo}]", r"default.*'Emu'"),
    ("version: 2\nrules: [{if: island == Dream, then: Gentoo}]", r"version 1"),
    ("rules: [{if: " + "{not: " * 40 + "island == Dream" + "}" * 40 + ", then: Gentoo}]", r"deep"),
    ("rules: " + "[" * 20_000, r"deep|YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD, ids=range(len(BAD)))
def test_bad_rules_say_where_and_what_to_do(text: str, expected: str) -> None:
    with pytest.raises((RecipeError, NotFoundError)) as caught:
        fitted(text)
    assert re.search(expected, str(caught.value), re.DOTALL), str(caught.value)


def test_rules_come_from_a_file_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(PENGUINS)
    assert CASE.fit("rule_base", rules=str(path)).fired(row(flipper_length_mm=230.0)) == ["long flippers"]
    with pytest.raises(RecipeError, match="cannot be read"):
        CASE.fit("rule_base", rules=str(tmp_path / "none.yaml"))
    with pytest.raises(RecipeError, match="needs rules"):
        CASE.fit("rule_base")


def test_a_saved_rule_base_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    fitted(PENGUINS).save(tmp_path)
    load = find("contender", "rule_base").load
    for text in ("rules: !!python/name:os.system x", PENGUINS.replace("island in", "secret in"), "rules: 3"):
        (tmp_path / "rules.yaml").write_text(text)
        with pytest.raises(RunError):
            load(tmp_path, CASE.task, CASE.encoding)


@pytest.mark.parametrize("leaves", [2, 5, 9])
def test_induced_rules_are_the_tree_they_came_from(leaves: int) -> None:
    from sklearn.tree import DecisionTreeClassifier

    frame = CASE.frame.drop_nulls()
    case = Case(frame, "species", "classification", KINDS)
    model = fitted(induce(frame, case.task, case.encoding, leaves=leaves), case)
    islands = frame["island"].value_counts(sort=True)["island"].to_list()
    x = np.stack(
        [frame["bill_length_mm"], frame["flipper_length_mm"], *(frame["island"] == i for i in islands)], axis=1
    )
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=5, random_state=0)
    direct = tree.fit(x, frame["species"].to_numpy()).predict(x)
    assert (model.predict(frame)["prediction"].to_numpy() == direct).mean() > 0.98  # one tie of splits may differ
    assert None not in model.fired(frame)
    assert all("prevailed" not in why for why in model.explain_rows(frame[:20]))


def test_rules_are_induced_for_every_task() -> None:
    frame = CASE.frame.with_columns(pl.Series("tags", [[s] if s != "Adelie" else [] for s in CASE.frame["species"]]))
    for target, task in (("flipper_length_mm", "regression"), ("tags", "tagging")):
        kinds = {"bill_length_mm": "number", "island": "category"}
        case = Case(frame.select(*kinds, target), target, task, kinds)
        model = fitted(induce(case.frame, case.task, case.encoding), case)
        assert model.predict(case.frame).height == frame.height
        assert sum(name is not None for name in model.fired(case.frame)) > 0.9 * frame.height
