"""The plain rules: constants and the one rule, by numbers worked out by hand or by brute force."""

from __future__ import annotations

import itertools
import re

import numpy as np
import polars as pl
import pytest
from contender_cases import Case, chances
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.contenders._pieces import _segment, segments_cost
from deepwright.core.errors import DataError


def test_majority_mean_and_median() -> None:
    frame = pl.DataFrame({"u": [1.0] * 8, "y": ["a"] * 5 + ["b"] * 2 + ["c"]})
    model = Case(frame, "y", "classification").fit("majority")
    found = model.predict(frame[:3])
    assert found["prediction"].to_list() == ["a"] * 3
    assert np.allclose(sorted(chances(found)[0]), [1 / 8, 2 / 8, 5 / 8])
    assert model.explain() == "always a, as 62.5% of the training rows are"
    case = Case(pl.DataFrame({"u": [1.0] * 4, "y": [1.0, 2.0, 3.0, 10.0]}), "y", "regression")
    assert case.fit("mean").predict(case.frame)["prediction"].to_list() == [4.0] * 4
    assert case.fit("median").predict(case.frame)["prediction"].to_list() == [2.5] * 4


def test_majority_of_tags() -> None:
    frame = pl.DataFrame({"u": [1.0] * 4, "y": [["p"], ["p", "q"], ["p"], []]})
    found = Case(frame, "y", "tagging").fit("majority").predict(frame)
    assert found["prediction"].to_list() == [["p"]] * 4
    assert (found["p(p)"][0], found["p(q)"][0]) == (0.75, 0.25)


def test_rows_without_a_target_are_left_out() -> None:
    frame = pl.DataFrame({"u": [1.0, 2.0, 3.0], "y": [1.0, None, 3.0]})
    assert Case(frame, "y", "regression").fit("mean").predict(frame)["prediction"].to_list() == [2.0] * 3
    case = Case(frame, "y", "regression")
    case.frame = frame[1:2]
    with pytest.raises(DataError, match="there are none"):
        case.fit("mean")


def threshold_case(rows: int = 200) -> Case:
    rng = np.random.default_rng(0)
    flipper = np.round(rng.uniform(170, 230, rows))
    label = np.where(flipper > 206, "Gentoo", np.where(rng.random(rows) < 0.7, "Adelie", "Chinstrap"))
    frame = pl.DataFrame({"noise": rng.normal(size=rows), "flipper": flipper, "label": label})
    return Case(frame, "label", "classification")


def test_one_rule_finds_the_threshold_and_says_it() -> None:
    case = threshold_case()
    model = case.fit("one_rule")
    sentence = model.explain()
    match = re.fullmatch(r"if flipper > (\S+) then Gentoo \(\d+%\), otherwise Adelie \(\d+%\)", sentence)
    assert match, sentence
    below = case.frame.filter(pl.col("label") != "Gentoo")["flipper"].max()
    above = case.frame.filter(pl.col("label") == "Gentoo")["flipper"].min()
    assert below <= float(match[1]) < above
    # A person who applies the sentence gets the model's predictions.
    by_hand = ["Gentoo" if f > float(match[1]) else "Adelie" for f in case.frame["flipper"]]
    assert model.predict(case.frame)["prediction"].to_list() == by_hand
    assert model.importances() == {"flipper": 1.0}
    assert model.explain_rows(case.frame[:1])[0].endswith(f"(flipper = {case.frame['flipper'][0]})")


def test_one_rule_on_values_words_and_missing_cells() -> None:
    rng = np.random.default_rng(0)
    island = rng.choice(["Biscoe", "Dream", "Torgersen"], 300)
    y = np.where(island == "Dream", 5.0, np.where(island == "Biscoe", 1.0, 9.0))
    holes = pl.Series(rng.random(300) < 0.2)
    frame = pl.DataFrame({"island": pl.Series(island).set(holes, None), "y": np.where(holes, 20.0, y)})
    model = Case(frame, "y", "regression", {"island": "category"}).fit("one_rule")
    asked = pl.DataFrame({"island": ["Dream", "Biscoe", "Torgersen", None]})
    assert np.allclose(model.predict(asked)["prediction"], [5.0, 1.0, 9.0, 20.0])
    assert model.explain().startswith("if island is ")
    spam = rng.random(300) < 0.4
    text = [f"{'cheap' if s else 'kind'} {rng.choice(['offer', 'regards', 'news'])} of {i}" for i, s in enumerate(spam)]
    frame = pl.DataFrame({"text": text, "y": np.where(spam, "spam", "ham")})
    model = Case(frame, "y", "classification", {"text": "text"}).fit("one_rule")
    assert re.match(r"if text has the word '(cheap|kind)' then (spam|ham)", model.explain())
    assert (model.predict(frame)["prediction"] == frame["y"]).all()


def test_one_rule_says_so_when_no_column_helps() -> None:
    frame = pl.DataFrame({"u": [1.0] * 40, "y": ["a", "a", "a", "b"] * 10})
    model = Case(frame, "y", "classification").fit("one_rule")
    assert model.explain() == "no single column helps: always a (75%)"
    assert model.predict(frame)["prediction"].unique().to_list() == ["a"]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5)), min_size=3, max_size=9),
    st.integers(2, 4),
    st.integers(1, 6),
)
def test_cuts_are_the_best_of_all(bins: list[tuple[int, int]], most: int, smallest: int) -> None:
    rows = np.array([n for n, _ in bins], dtype=float)
    ones = np.array([min(k, n) for n, k in bins], dtype=float)
    sums, squares = np.stack([rows - ones, ones], axis=1), rows.copy()
    cost = segments_cost("classification")

    def price(ends: tuple[int, ...]) -> float:
        edges = [0, *(end + 1 for end in ends), len(rows)]
        parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
        if len(parts) > 1 and any(rows[p].sum() < smallest for p in parts):
            return np.inf
        return sum(
            float(cost(rows[p].sum()[None], sums[p].sum(axis=0)[None], squares[p].sum()[None])[0]) for p in parts
        )

    _, costs = _segment(rows, sums, squares, cost, most, smallest)
    for pieces in range(1, most + 1):
        best = min((price(ends) for ends in itertools.combinations(range(len(rows) - 1), pieces - 1)), default=np.inf)
        assert costs[pieces - 1] == pytest.approx(best)


def test_pieces_are_never_smaller_than_asked() -> None:
    case = threshold_case()
    for smallest in (20, 60):
        model = case.fit("one_rule", smallest=smallest, pieces=8)
        reasons = pl.Series([why.rsplit(" (", 1)[0] for why in model.explain_rows(case.frame)])
        assert reasons.value_counts()["count"].min() >= smallest
