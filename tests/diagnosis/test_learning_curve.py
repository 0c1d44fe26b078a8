"""Learning curves: power laws are recognised, noise is not taken for growth, time is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepwright.core.errors import InternalError
from deepwright.improve.learning_curve import learning_curve


def power(rate: float, scale: float = 1.0, half: float = 0.001):  # type: ignore[no-untyped-def]
    def fit_and_score(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        score = 0.9 - scale * len(rows) ** -rate
        return score, score - half, score + half

    return fit_and_score


def test_a_power_law_is_carried_on() -> None:
    found = learning_curve(power(0.5), 1000, title="accuracy")
    assert [point.rows for point in found.points] == [250, 500, 1000]
    true = (1000**-0.5) - (2000**-0.5)
    assert found.ahead == pytest.approx(true, rel=1e-6)
    assert "more rows would help" in found.says and "accuracy" in found.says


def test_a_smaller_metric_may_be_the_better_one() -> None:
    def error(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        score, _, _ = power(0.5)(rows, seed)
        return -score, -score - 0.001, -score + 0.001

    assert learning_curve(error, 1000, greater_is_better=False).gain > 0
    assert "clearly worse" in learning_curve(error, 1000).says


def test_a_flat_curve_says_that_more_rows_hardly_help() -> None:
    rng = np.random.default_rng(0)

    def flat(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        score = 0.8 + 0.01 * rng.standard_normal()
        return score, score - 0.02, score + 0.02

    sayings = [learning_curve(flat, 1000).says for _ in range(50)]
    assert sum("hardly help" in says for says in sayings) >= 48


def test_shares_are_nested_and_the_same_each_time() -> None:
    seen: list[tuple[int, tuple[int, ...]]] = []

    def note(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        assert (np.diff(rows) > 0).all()
        seen.append((seed, tuple(rows)))
        return 0.5, 0.4, 0.6

    learning_curve(note, 40, seeds=2)
    for seed in (0, 1):
        quarter, half, whole = (set(rows) for s, rows in seen if s == seed)
        assert quarter < half < whole == set(range(40))
    first = list(seen)
    seen.clear()
    learning_curve(note, 40, seeds=2)
    assert seen == first
    assert first[0][1] != first[3][1]


def test_no_draw_is_begun_that_would_not_be_done_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("deepwright.improve.learning_curve.time.monotonic", lambda: now[0])

    def slow(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        now[0] += 1.0
        return 0.5, 0.4, 0.6

    for seconds, fits in ((0.1, 1), (5.9, 1), (6.0, 2), (10.0, 3), (1e9, 50)):
        assert learning_curve(slow, 100, seeds=50, seconds=seconds).points[0].fits == fits


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_few_rows(rows: int) -> None:
    found = learning_curve(power(0.5), rows)
    assert found.points[-1].rows == rows
    assert found.says.endswith(".")


def test_scores_that_are_not_there() -> None:
    found = learning_curve(lambda rows, seed: (math.nan, math.nan, math.nan), 100)
    assert "too few rows, or no score" in found.says
    unsure = learning_curve(lambda rows, seed: (0.5, math.nan, math.nan), 100)
    assert "cannot be said" in unsure.says


def test_nothing_to_draw_from() -> None:
    for rows, shares, seeds in ((0, (1.0,), 1), (10, (), 1), (10, (1.5,), 1), (10, (1.0,), 0)):
        with pytest.raises(InternalError):
            learning_curve(power(0.5), rows, shares=shares, seeds=seeds)


def test_more_draws_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)

    def noisy(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        score = 0.5 + 0.1 * rng.standard_normal()
        return score, score, score

    few, many = learning_curve(noisy, 100, seeds=3).points[0], learning_curve(noisy, 100, seeds=100).points[0]
    assert many.high - many.low < few.high - few.low
