"""Categories: codes by frequency, unknown and rare share code 0, missing has its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import RunError
from deepwright.core.kind import Encoder
from deepwright.kinds._shared import count_blank, is_blank
from deepwright.kinds.category import Category

FRUIT = pl.Series("fruit", ["apple"] * 200 + ["pear"] * 60 + ["fig"] * 30 + ["kiwi"] * 4 + ["plum"] + [None] * 5)


def codes(encoder: Encoder, values: Any, dtype: Any = None) -> list[int]:
    return encoder.encode(pl.Series("fruit", values, dtype=dtype))["fruit"].tolist()


def test_codes_are_by_frequency_and_rare_ones_share_the_unknown_code() -> None:
    encoder = Category().fit(FRUIT)
    assert encoder.fields[0].size == 5
    assert codes(encoder, ["apple", "pear", "fig", "kiwi", "plum", "mango", None, ""]) == [1, 2, 3, 0, 0, 0, 4, 4]
    assert encoder.unseen(pl.Series("fruit", ["apple", "kiwi", "plum", "mango", None])).to_list() == [
        False, False, False, True, False,
    ]  # fmt: skip
    assert "3 values: apple, pear, fig" in encoder.describe() and "2 rare" in encoder.describe()


def test_missing_is_unknown_where_training_had_none() -> None:
    encoder = Category().fit(pl.Series("fruit", ["apple", "pear"] * 10))
    assert encoder.fields[0].size == 3
    assert codes(encoder, [None, "apple"]) == [0, encoder.encode(pl.Series("fruit", ["apple"]))["fruit"][0]]


def test_small_tables_have_no_rare_values() -> None:
    encoder = Category().fit(pl.Series("fruit", ["a", "b", "c"] + ["d"] * 10))
    assert codes(encoder, ["a", "b", "c", "d"]) == [2, 3, 4, 1]


def test_ties_are_in_alphabetical_order_whatever_the_order_of_rows() -> None:
    values = ["c", "a", "b"] * 10
    for order in (values, values[::-1], sorted(values)):
        assert codes(Category().fit(pl.Series("fruit", order)), ["a", "b", "c"]) == [1, 2, 3]


def test_a_value_is_the_same_however_the_file_was_read() -> None:
    encoder = Category().fit(pl.Series("fruit", [1, 2, 3, 1] * 10))
    for values in ([1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"]):
        assert codes(encoder, values) == [1, 2, 3]
    truth = Category().fit(pl.Series("fruit", [True, False, True]))
    assert codes(truth, [True, False]) == codes(truth, ["true", "false"]) == [1, 2]
    for dtype in (pl.Categorical, pl.Enum(["1", "2", "3"])):
        assert codes(encoder, ["3", "1", None], dtype) == [3, 1, 0]


def test_matrix_is_one_hot_and_agrees_with_codes() -> None:
    encoder = Category().fit(FRUIT)
    block, names = encoder.matrix(FRUIT)
    assert names == ["fruit=(other)", "fruit=apple", "fruit=pear", "fruit=fig", "fruit=(missing)"]
    np.testing.assert_array_equal(block.argmax(axis=1), encoder.encode(FRUIT)["fruit"])
    np.testing.assert_array_equal(block.sum(axis=1), 1)


def test_wide_matrices_are_sparse_and_equal() -> None:
    import scipy.sparse

    column = pl.Series("zip", [str(i % 300) for i in range(6000)])
    encoder = Category().fit(column)
    block, names = encoder.matrix(column)
    assert isinstance(block, scipy.sparse.csr_matrix) and block.shape == (6000, 301) == (6000, len(names))
    np.testing.assert_array_equal(block.toarray().argmax(axis=1), encoder.encode(column)["zip"])


def test_repeated_values_in_a_stored_state_are_refused() -> None:
    state = Category().fit(FRUIT).state() | {"values": ["a", "a"]}
    with pytest.raises(RunError, match="repeat"):
        Category().load(state, {})


# Control characters are left out: whether they are blank is a matter on which Python and Unicode differ.
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | WORDS, min_size=1, max_size=80), st.lists(WORDS, max_size=10))
def test_codes_equal_a_plain_dictionary(train: list[str | None], new: list[str]) -> None:
    column = pl.Series("fruit", train, dtype=pl.String)
    known = [value for value in train if value is not None and value.strip()]
    least = min(5, max(1, len(train) // 50))
    frequent = [
        value
        for value in sorted(set(known), key=lambda v: (-known.count(v), v.encode()))
        if known.count(value) >= least
    ]
    expected = {value: code + 1 for code, value in enumerate(frequent)}
    missing = len(frequent) + 1 if len(known) < len(train) else 0
    values = [*train, *new]
    wanted = [missing if v is None or not v.strip() else expected.get(v, 0) for v in values]
    assert codes(Category().fit(column), values, pl.String) == wanted


@pytest.mark.parametrize(
    ("column", "likely"),
    [
        (pl.Series("a", [True, None, False] * 10), True),
        (pl.Series("passenger_class", [1, 2, 3] * 20), True),
        (pl.Series("digit", list(range(10)) * 20), True),
        (pl.Series("user_id", [7, 19, 150, 22, 5] * 20), True),
        (pl.Series("rooms", [3, 4, 5, 6, 7] * 20), False),
        (pl.Series("price", [1.5, 2.5] * 20), False),
        (pl.Series("name", [f"n{i}" for i in range(100)]), False),
    ],
)
def test_recognises_categories_honestly(column: pl.Series, likely: bool) -> None:
    guess = Category().recognise(column)
    assert (guess.confidence > 0.8) == likely, guess


@pytest.mark.parametrize("tail", [[], [None], ["never seen"], ["  "], ["a", None, "\u00a0"]])
def test_few_texts_and_many_get_codes_by_the_same_rule(tail: list[str | None]) -> None:
    """Few values are told apart by comparing, many by hashing: each row's code is the same either way."""
    train = pl.Series("x", ["a", "b", "a", "a longer value than twelve bytes", "b", "a"] * 40)
    encoder = Category().fit(train)
    rows = pl.Series("x", [*train.to_list(), *tail], dtype=pl.String)
    together = encoder.encode(rows)["x"]
    alone = [int(encoder.encode(rows.slice(i, 1))["x"][0]) for i in range(len(rows))]
    assert together.tolist() == alone
    order = ["a", *sorted(["b", "a longer value than twelve bytes"], key=lambda v: (-train.to_list().count(v), v))]
    assert alone == [1 + order.index(value) if value in order else 0 for value in rows.to_list()]
    assert count_blank(rows) == int(is_blank(rows).sum())
