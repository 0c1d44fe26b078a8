"""Splits: disjoint, complete, seeded, exact; classes keep their shares, groups stay whole, time runs forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError, NotFoundError, RecipeError
from deepwright.core.recipe import SplitRecipe
from deepwright.core.table import Origin, Split, Table
from deepwright.prepare.splits import split, split_files


def table_of(**columns: Any) -> Table:
    return Table(frame=pl.DataFrame(columns), origin=Origin(source="made.csv", format="frame"))


def recipe(**keys: Any) -> SplitRecipe:
    return SplitRecipe(**keys)


def assert_parts(dealt: Split, rows: list[int] | range) -> None:
    """Disjoint, complete, sorted, none empty."""
    together = np.concatenate([dealt.train, dealt.valid, dealt.test])
    assert sorted(together.tolist()) == list(rows)
    for _, part in dealt:
        assert part.dtype == np.int64 and len(part) and (np.diff(part) > 0).all()


SHARES = st.floats(0.05, 0.45)


@settings(max_examples=100, deadline=None)
@given(st.integers(3, 300), SHARES, SHARES, st.integers(0, 9))
def test_random_is_complete_exact_and_seeded(rows: int, test: float, valid: float, seed: int) -> None:
    table = table_of(y=list(range(rows)))
    plan = recipe(test=test, valid=valid, seed=seed)
    dealt = split(table, "y", plan)
    assert_parts(dealt, range(rows))
    if round(test * rows) and round(valid * rows) and round(test * rows) + round(valid * rows) < rows:
        assert (len(dealt.test), len(dealt.valid)) == (round(test * rows), round(valid * rows))
    again = split(table, "y", plan)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(dealt, again, strict=True))
    assert f"seed {seed}" in dealt.how


def test_another_seed_another_split() -> None:
    table = table_of(y=list(range(100)))
    assert not np.array_equal(split(table, "y", recipe(seed=1)).test, split(table, "y", recipe(seed=2)).test)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=8), st.integers(0, 5), st.integers(0, 5))
def test_stratified_keeps_shares(sizes: list[int], seed: int, shuffle: int) -> None:
    classes = np.repeat([f"c{i}" for i in range(len(sizes))], sizes)
    np.random.default_rng(shuffle).shuffle(classes)
    if len(classes) < 10:
        return
    table = table_of(y=classes)
    dealt = split(table, "y", recipe(seed=seed), stratify=True)
    assert_parts(dealt, range(len(classes)))
    if "too few" in dealt.how:
        return
    rows = len(classes)
    assert (len(dealt.test), len(dealt.valid)) == (round(0.2 * rows), round(0.15 * rows))
    for name, size in zip([f"c{i}" for i in range(len(sizes))], sizes, strict=True):
        assert (classes[dealt.train] == name).any(), f"{name} is not in training"
        if min(sizes) >= 10:  # nothing had to be moved for the small ones
            for part, share in ((dealt.test, 0.2), (dealt.valid, 0.15)):
                assert abs((classes[part] == name).sum() - len(part) / rows * size) < 1 + 1e-9, share


def test_a_class_with_one_row_goes_to_train_and_is_told() -> None:
    dealt = split(table_of(y=["a"] * 40 + ["b"] * 40 + ["lonely"]), "y", recipe(), stratify=True)
    assert 80 in dealt.train and "1 class with a single row went to train" in dealt.how


def test_classes_of_one_row_each_fall_back_or_say_so() -> None:
    table = table_of(y=[f"c{i}" for i in range(20)])
    assert "too few rows a class" in split(table, "y", recipe(), stratify=True).how
    with pytest.raises(DataError, match="random"):
        split(table, "y", recipe(by="stratified"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=200), st.integers(0, 3))
def test_groups_stay_whole(groups: list[int], seed: int) -> None:
    if len(set(groups)) < 3:
        return
    table = table_of(g=groups, y=list(range(len(groups))))
    dealt = split(table, "y", recipe(by="group", column="g", seed=seed))
    assert_parts(dealt, range(len(groups)))
    of = [{groups[row] for row in part} for _, part in dealt]
    assert not (of[0] & of[1] or of[0] & of[2] or of[1] & of[2])
    assert dealt.groups is not None and len(dealt.groups) == len(groups)
    assert len(set(dealt.groups[np.array(groups) == groups[0]])) == 1


def test_many_groups_come_near_the_shares() -> None:
    groups = np.random.default_rng(0).integers(0, 200, 5000)
    dealt = split(table_of(g=groups, y=groups), "y", recipe(by="group", column="g"))
    assert abs(len(dealt.test) / 5000 - 0.2) < 0.01 and abs(len(dealt.valid) / 5000 - 0.15) < 0.01


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    groups = ["a", "a", "b", "b", None, None, "", "c"] * 5
    dealt = split(table_of(g=groups, y=list(range(40))), "y", recipe(by="group", column="g"))
    assert dealt.groups is not None and len(set(dealt.groups)) == 3 + 15


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=10, max_size=150))
def test_time_runs_forward_and_ties_stay_together(times: list[int]) -> None:
    if len(set(times)) < 3:
        return
    dealt = split(table_of(t=times, y=list(range(len(times)))), "y", recipe(by="time", column="t"))
    assert_parts(dealt, range(len(times)))
    of = np.array(times)
    assert of[dealt.train].max() < of[dealt.valid].min() and of[dealt.valid].max() < of[dealt.test].min()


def test_time_sizes_are_exact_without_ties() -> None:
    order = np.random.default_rng(0).permutation(200)
    days = pl.Series(order).cast(pl.Int32).cast(pl.Date)
    for column in (order, days, days.dt.strftime("%d/%m/%Y")):
        dealt = split(table_of(t=column, y=order), "y", recipe(by="time", column="t"))
        assert (len(dealt.train), len(dealt.valid), len(dealt.test)) == (130, 30, 40)
        assert order[dealt.test].min() == 160


def test_rows_without_a_time_train() -> None:
    dealt = split(
        table_of(t=[1.0, None, 3.0, 4.0, 5.0, 6.0, 7.0], y=list(range(7))), "y", recipe(by="time", column="t")
    )
    assert 1 in dealt.train and "1 rows without a time" in dealt.how


def test_by_column_in_the_words_people_use() -> None:
    said = ["train", "Training ", "VAL", "dev", "test", "holdout", "fit"]
    dealt = split(table_of(part=said, y=list(range(7))), "y", recipe(by="column", column="part"))
    assert [part.tolist() for _, part in dealt] == [[0, 1, 6], [2, 3], [4, 5]]


def test_by_column_draws_a_part_that_is_not_there() -> None:
    said = ["train"] * 80 + ["test"] * 20
    dealt = split(table_of(part=said, y=list(range(100))), "y", recipe(by="column", column="part", valid=0.1))
    assert (len(dealt.train), len(dealt.valid), len(dealt.test)) == (70, 10, 20)
    assert "valid drawn from train" in dealt.how


def test_by_column_names_strange_values() -> None:
    with pytest.raises(DataError, match="'tset'"):
        split(table_of(part=["train", "tset", "valid"], y=[1, 2, 3]), "y", recipe(by="column", column="part"))


def test_files_are_put_below_each_other() -> None:
    train, test = table_of(a=list(range(50)), y=list(range(50))), table_of(y=[1, 2, 3], a=[4, 5, 6])
    joined, dealt = split_files(train, "y", recipe(by="files"), {"test": test})
    assert len(joined) == 53 and dealt.test.tolist() == [50, 51, 52]
    assert joined.frame["a"][50] == 4
    assert (len(dealt.train), len(dealt.valid)) == (42, 8) and "valid drawn from the training file" in dealt.how
    _, both = split_files(train, "y", recipe(by="files"), {"test": test, "valid": test})
    assert both.valid.tolist() == [50, 51, 52] and both.test.tolist() == [53, 54, 55] and len(both.train) == 50


def test_files_with_other_columns_are_refused() -> None:
    train = table_of(a=list(range(10)), y=list(range(10)))
    with pytest.raises(DataError, match="missing: a"):
        split_files(train, "y", recipe(by="files"), {"test": table_of(y=[1])})
    with pytest.raises(DataError, match="types"):
        split_files(train, "y", recipe(by="files"), {"test": table_of(a=["x"], y=[1])})


def test_rows_without_a_target_go_nowhere() -> None:
    dealt = split(table_of(y=[1.0, None, 3.0, float("nan"), 5.0, 6.0]), "y", recipe())
    assert_parts(dealt, [0, 2, 4, 5])
    assert "2 rows without a target left out" in dealt.how


@pytest.mark.parametrize(
    ("values", "keys", "error", "says"),
    [
        ([1, 2], {}, DataError, "at least 3 rows"),
        ([None, None, 1, 2], {}, DataError, "2 of 4 rows have no value"),
        ([1, 2, 3, 4], {"by": "group"}, RecipeError, "needs a column"),
        ([1, 2, 3, 4], {"by": "group", "column": "z"}, NotFoundError, "no column 'z'"),
        ([1, 1, 2, 2], {"by": "group", "column": "y"}, DataError, "at least 3 groups"),
        ([1, 1, 2, 2], {"by": "time", "column": "y"}, DataError, "at least 3 different times"),
        (["a", "b", "c", "d"], {"by": "time", "column": "y"}, DataError, "dates, times or numbers"),
        ([1, 2, 3, 4], {"test": 0.6, "valid": 0.5}, RecipeError, "leave nothing"),
        ([1, 2, 3, 4], {"by": "files"}, RecipeError, "files"),
    ],
)
def test_what_cannot_be_split_is_refused_with_a_remedy(values: Any, keys: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        split(table_of(y=values), "y", recipe(**keys))
    assert caught.value.remedy


def test_a_target_that_is_not_there_offers_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'price'"):
        split(table_of(price=[1, 2, 3]), "prise", recipe())


def test_a_part_that_a_column_lacks_is_drawn_with_equal_shares_of_the_classes() -> None:
    frame = pl.DataFrame(
        {"y": [i % 4 for i in range(400)], "x": range(400), "part": ["train"] * 300 + ["test"] * 100}
    ).with_columns(pl.col("y").cast(pl.String))
    recipe = SplitRecipe(by="column", column="part", valid=0.2)
    dealt = split(Table(frame=frame, origin=Origin(source="t", format="frame")), "y", recipe, stratify=True)
    assert [len(dealt.train), len(dealt.valid), len(dealt.test)] == [220, 80, 100]
    assert frame[dealt.valid]["y"].value_counts()["count"].to_list() == [20] * 4
