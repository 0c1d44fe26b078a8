"""Numbers: scaled as scikit-learn does, safe at extremes, missing and infinite values treated as documented."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import RecipeError
from deepwright.kinds._moments import column_moments, moments
from deepwright.kinds.number import Number

RNG = np.random.default_rng(0)
TRAIN = RNG.lognormal(size=500) * 40 - 7
NEW = RNG.lognormal(size=300) * 40 - 7


def encoded(values: Any, scale: str = "standard", new: Any = None) -> np.ndarray:
    encoder = Number().fit(pl.Series("x", values), options={"scale": scale})
    return encoder.encode(pl.Series("x", values if new is None else new))["x"]


def inside(values: np.ndarray) -> np.ndarray:
    """Clipped as documented: the training range widened by its width on both sides."""
    low, high = TRAIN.min(), TRAIN.max()
    return np.clip(values, 2 * low - high, 2 * high - low)


def test_standard_equals_scikit_learn() -> None:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(TRAIN[:, None])
    expected = scaler.transform(inside(NEW)[:, None])[:, 0]
    np.testing.assert_allclose(encoded(TRAIN, new=NEW), expected, rtol=2e-6, atol=2e-6)


def test_minmax_equals_scikit_learn() -> None:
    from sklearn.preprocessing import MinMaxScaler

    expected = MinMaxScaler().fit(TRAIN[:, None]).transform(inside(NEW)[:, None])[:, 0]
    np.testing.assert_allclose(encoded(TRAIN, "minmax", NEW), expected, rtol=2e-6, atol=2e-6)


def test_quantile_equals_scikit_learn() -> None:
    from sklearn.preprocessing import QuantileTransformer

    tied = np.round(TRAIN)  # ties are where implementations differ
    for train in (TRAIN, tied):
        transformer = QuantileTransformer(n_quantiles=500, output_distribution="normal", subsample=None)
        expected = transformer.fit(train[:, None]).transform(NEW[:, None])[:, 0]
        np.testing.assert_allclose(encoded(train, "quantile", NEW), expected, atol=1e-5)


def test_none_keeps_values() -> None:
    np.testing.assert_array_equal(encoded(TRAIN, "none"), TRAIN.astype(np.float32))


def test_unknown_scale_is_refused_with_the_choices() -> None:
    with pytest.raises(RecipeError, match="standard, quantile, minmax, none"):
        encoded(TRAIN, "robust")


def test_missing_is_the_mean_and_an_indicator_where_training_had_any() -> None:
    encoder = Number().fit(pl.Series("age", [10.0, 20.0, None, 30.0]))
    batch = encoder.encode(pl.Series("age", [20.0, None]))
    assert list(batch) == ["age", "age.missing"]
    np.testing.assert_array_equal(batch["age"], [0, 0])
    np.testing.assert_array_equal(batch["age.missing"], [0, 1])
    without = Number().fit(pl.Series("age", [10.0, 20.0, 30.0]))
    assert [field.name for field in without.fields] == ["age"]
    assert without.encode(pl.Series("age", [None], dtype=pl.Float64))["age"][0] == 0


def test_infinite_values_and_texts_count_as_missing() -> None:
    encoder = Number().fit(pl.Series("x", [1.0, 3.0, float("inf"), float("-inf"), None]))
    assert "3 missing" in encoder.describe() and "2 infinite" in encoder.describe()
    matrix, _ = encoder.matrix(pl.Series("x", [float("inf"), 2.0]))
    assert np.isnan(matrix[0, 0]) and matrix[1, 0] == 2.0
    assert encoder.encode(pl.Series("x", [float("inf")]))["x.missing"][0] == 1
    texts = Number().fit(pl.Series("x", ["1", " 2.5 ", " ", "n/a", None]))
    assert "3 missing" in texts.describe() and "1 text that" in texts.describe()
    np.testing.assert_array_equal(texts.matrix(pl.Series("x", ["4", "four"]))[0][:, 0], [4, np.nan])
    assert texts.unseen(pl.Series("x", ["2", "four", " ", "1e9"])).to_list() == [False, True, False, True]


def test_a_number_is_the_same_number_in_every_type() -> None:
    encoder = Number().fit(pl.Series("x", [0, 1, 2, 5]))
    for column in (pl.Series("x", [2, 3]), pl.Series("x", [2.0, 3.0]), pl.Series("x", ["2", "3.0"]),
                   pl.Series("x", [2, 3], dtype=pl.UInt8), pl.Series("x", [2, 3]).cast(pl.Decimal(9, 2))):  # fmt: skip
        np.testing.assert_array_equal(encoder.encode(column)["x"], encoder.encode(pl.Series("x", [2, 3]))["x"])


@pytest.mark.parametrize("scale", ["standard", "quantile", "minmax", "none"])
@pytest.mark.parametrize(
    "values",
    [
        [5.0] * 20,
        [1e308, -1e308] * 10,
        [1e-320, 2e-320] * 10,
        [1.7e9 + i / 1000 for i in range(20)],
        [0.0] * 19 + [1e30],
    ],
    ids=["constant", "huge", "tiny", "far from zero", "one wild"],
)  # fmt: skip
def test_extremes_stay_finite(values: list[float], scale: str) -> None:
    column = pl.Series("x", values)
    encoder = Number().fit(column, options={"scale": scale})
    state = json.loads(json.dumps(encoder.state(), allow_nan=False))
    again = Number().load(state, encoder.arrays())
    for new in (column, pl.Series("x", [0.0, 1e308, -1e308, None])):
        batch = encoder.encode(new)["x"]
        assert np.isfinite(batch).all()
        np.testing.assert_array_equal(again.encode(new)["x"], batch)


def test_far_values_are_clipped_and_flagged() -> None:
    encoder = Number().fit(pl.Series("x", [0.0, 10.0]))
    column = pl.Series("x", [0.0, 20.0, 1e6, -10.0, -1e6])
    assert encoder.unseen(column).to_list() == [False, True, True, True, True]
    np.testing.assert_allclose(encoder.encode(column)["x"], [-1, 3, 3, -3, -3])
    assert encoder.matrix(column)[0][2, 0] == 1e6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12) | st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=60))
def test_moments_equal_numpy(values: list[float]) -> None:
    array = np.array(values)
    known = array[np.isfinite(array)]
    facts = moments(array)
    assert facts.count == len(known)
    if len(known):
        np.testing.assert_allclose([facts.mean, facts.minimum, facts.maximum],
                                   [known.mean(), known.min(), known.max()], rtol=1e-9, atol=1e-3)  # fmt: skip
        np.testing.assert_allclose(facts.sd, known.std(), rtol=1e-6, atol=1e-3)


def test_moments_over_many_blocks() -> None:
    values = np.random.default_rng(1).normal(1e6, 1e-3, size=100_001)
    values[::7] = np.nan
    facts = moments(values)
    np.testing.assert_allclose(facts.sd, np.nanstd(values), rtol=1e-6)
    assert facts.count == int(np.isfinite(values).sum())


def test_recognises_numbers_honestly() -> None:
    guess = Number().recognise(pl.Series("x", ["1.5", "2", " ", "-3e4"] * 10))
    assert guess.confidence > 0.8 and "100.0%" in guess.reason
    assert Number().recognise(pl.Series("x", ["a", "b"])).confidence == 0
    assert "from 1 to 9" in Number().recognise(pl.Series("x", [1, 5, 9])).reason


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, None, 4.5],
        [1e9 + 1, 1e9 + 2, 1e9 + 4],
        [5.0, 5.0, 5.0],
        [1.0, float("inf"), 3.0],
        [1.0, float("nan"), 3.0],
        [1e200, -1e200, 3.0],
        [1e-200, 2e-200],
        [None, None],
        [7.0],
    ],
)
def test_moments_of_a_column_equal_those_of_its_values(values: list[float | None]) -> None:
    column = pl.Series("x", values, dtype=pl.Float64)
    quick, careful = column_moments(column), moments(column.to_numpy())
    assert quick.count == careful.count
    for name in ("mean", "sd", "minimum", "maximum"):
        assert getattr(quick, name) == pytest.approx(getattr(careful, name), rel=1e-12), name
