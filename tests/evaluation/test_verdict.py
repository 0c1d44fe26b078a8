"""Verdict: the winner is chosen on validation, ties go to the simpler, and the words follow from the numbers."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError
from deepwright.core.find import find
from deepwright.core.metric import Answers, Metric
from deepwright.evaluation.intervals import compare_paired
from deepwright.evaluation.verdict import choose_winner, verdict, with_range

FAMILY = {"majority": "rule", "one_rule": "rule", "linear": "classical", "boosted_trees": "classical", "tabm": "deep"}


def metric(name: str) -> Metric:
    return find("metric", name)()


def answers(skills: dict[str, float], rows: int, seed: int = 0) -> dict[str, Answers]:
    """Three classes; each contender sees the truth through noise of its own and of all."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, rows)
    shared = rng.normal(size=(rows, 3))
    made = {}
    for name, skill in skills.items():
        powers = np.exp(skill * np.eye(3)[truth] + shared + 0.3 * rng.normal(size=(rows, 3)))
        p = powers / powers.sum(axis=1, keepdims=True)
        made[name] = Answers(truth=truth, prediction=p.argmax(axis=1), probability=p, classes=("a", "b", "c"))
    return made


def scores(valid: dict[str, Answers], own: Metric, **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "name": name,
            "family": FAMILY[name],
            "state": "done",
            "valid_score": own.score(valid[name]) if name in valid else None,
            "fit_seconds": 1.5,
            "predict_microseconds_per_row": 12.0,
            "bytes": 20_000,
            "deep": {"network": name} if FAMILY[name] == "deep" else None,
            **more.get(name, {}),
        }
        for name in [*valid, *(extra for extra in more if extra not in valid)]
    }


# -------------------------------------------------------------------- the choice
def test_the_clearly_better_wins_whatever_its_family() -> None:
    for best in FAMILY:
        skills = {name: 4.0 if name == best else 0.5 for name in FAMILY}
        assert choose_winner(answers(skills, 300), metric("accuracy"), FAMILY) == best


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "roc_auc"])
def test_ties_go_to_the_simpler(name: str) -> None:
    same = answers({"linear": 2.0}, 200)["linear"]
    everyone = dict.fromkeys(reversed(FAMILY), same)
    assert choose_winner(everyone, metric(name), FAMILY) in ("majority", "one_rule")
    no_rules = dict.fromkeys(("tabm", "boosted_trees", "linear"), same)
    costs = {"tabm": 1.0, "boosted_trees": 5.0, "linear": 9.0}
    assert choose_winner(no_rules, metric(name), FAMILY, costs=costs) == "boosted_trees"


def test_a_network_that_is_barely_ahead_does_not_win() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    wrong = np.arange(200) < 40
    linear = Answers(truth=truth, prediction=np.where(wrong, 1 - truth, truth), classes=("a", "b"))
    # Nine rows mended, nine broken, one more mended: one row ahead.
    flips = np.r_[np.arange(10), 100 + np.arange(9)]
    changed = linear.prediction.copy()
    changed[flips] = 1 - changed[flips]
    deep = Answers(truth=truth, prediction=changed, classes=("a", "b"))
    own = metric("accuracy")
    assert own.score(deep) > own.score(linear)
    assert choose_winner({"linear": linear, "tabm": deep}, own, FAMILY) == "linear"


def test_a_contender_without_a_defined_score_does_not_win() -> None:
    own = metric("log_loss")
    made = answers({"linear": 1.0, "majority": 0.0}, 100)
    blind = Answers(truth=made["linear"].truth, prediction=made["linear"].truth, classes=("a", "b", "c"))
    assert choose_winner({**made, "one_rule": blind}, own, FAMILY) == "linear"
    assert choose_winner({"one_rule": blind, "tabm": blind}, own, FAMILY) == "one_rule"
    with pytest.raises(DataError, match="no contender"):
        choose_winner({}, own, FAMILY)


@pytest.mark.slow
def test_on_noise_the_rule_wins_most_of_the_time() -> None:
    own = metric("accuracy")
    wins = [choose_winner(answers(dict.fromkeys(FAMILY, 0.0), 150, seed), own, FAMILY) for seed in range(100)]
    assert sum(FAMILY[name] == "rule" for name in wins) >= 75


# -------------------------------------------------------------------- the words
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.sampled_from([5, 12, 40, 150]),
    skills=st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.1, 3.0]), min_size=5, max_size=5),
    name=st.sampled_from(["accuracy", "log_loss", "roc_auc", "brier"]),
    entered=st.integers(1, 5),
)
def test_the_words_follow_from_the_numbers(seed: int, rows: int, skills: list[float], name: str, entered: int) -> None:
    own = metric(name)
    chosen = dict(list(zip(FAMILY, skills, strict=True))[-entered:])
    valid, test = answers(chosen, rows, seed), answers(chosen, rows, seed + 1)
    winner = choose_winner(valid, own, FAMILY)
    found = verdict(winner, scores(valid, own), test, own)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["winner"] == winner and own.title in found["sentence"] and f"{rows:,} test row" in found["sentence"]
    compared = {entry["b"]: entry for entry in found["comparisons"]}
    assert set(compared) == set(chosen) - {winner} and all(entry["a"] == winner for entry in found["comparisons"])
    for entry in compared.values():
        again = compare_paired(own, test[winner], test[entry["b"]])
        assert entry["difference"] == again.value
    told = found["sentence"].split(" Cost:")[0].split(": it ")[-1] if compared else ""
    for clause in filter(None, re.split(r", and (?=beats|falls|ties|cannot)", told)):
        other = next(name for name in compared if re.search(rf"\b{name}\b", clause))
        low, high, difference = (compared[other][key] for key in ("low", "high", "difference"))
        if clause.startswith("beats"):
            assert low > 0
        elif clause.startswith("falls behind"):
            assert high < 0
        else:
            assert low is None or low <= 0 <= high
            assert ("ahead of it" in clause) == (difference > 0) and ("behind it" in clause) == (difference < 0)
    _check_recommendation(found["recommendation"], winner, compared)


def _check_recommendation(text: str, winner: str, compared: dict[str, Any]) -> None:
    assert winner in text
    clear = [entry for entry in compared.values() if entry["low"] is not None and entry["low"] > 0]
    worse = [entry for entry in compared.values() if entry["high"] is not None and entry["high"] < 0]
    if "no doubt" in text:
        assert len(clear) == len(compared)
    if "Nothing clearly beats" in text:
        assert FAMILY[winner] == "rule" and not worse
    if "did better on the test rows" in text:
        assert worse
    assert ("did better on the test rows" in text) == bool(worse)
    deep = [name for name in (winner, *compared) if FAMILY[name] == "deep"]
    assert ("tried is tabm" in text) == bool(deep)


def test_a_small_test_set_is_called_small() -> None:
    own = metric("log_loss")
    for rows, words in ((7, "intervals are unknown"), (30, "intervals are wide"), (200, None)):
        made = answers({"majority": 0.0, "linear": 3.0}, rows)
        text = verdict("linear", scores(made, own), made, own)["recommendation"]
        assert words is None or words in text
        assert words is not None or "intervals" not in text


def test_rows_in_groups_are_counted_as_groups() -> None:
    own = metric("log_loss")
    made = answers({"majority": 0.0, "linear": 3.0}, 400)
    found = verdict("linear", scores(made, own), made, own, np.arange(400) % 20)
    assert (
        "400 test rows in 20 groups" in found["sentence"]
        and "only 400 test rows in 20 groups" in found["recommendation"]
    )


def test_costs_are_told_and_missing_ones_do_not_hurt() -> None:
    own = metric("accuracy")
    made = answers({"linear": 2.0, "tabm": 2.0}, 100)
    sentence = verdict("linear", scores(made, own), made, own)["sentence"]
    assert "linear learns in 1.5 s, predicts in 12 µs a row and takes 20 kB" in sentence and "tabm learns" in sentence
    bare = {name: {"family": FAMILY[name]} for name in made}
    assert "linear learns in –" in verdict("linear", bare, made, own)["sentence"]


def test_who_failed_is_named() -> None:
    own = metric("accuracy")
    made = answers({"majority": 0.0, "linear": 3.0}, 100)
    found = verdict("linear", scores(made, own, tabm={"state": "failed"}), made, own)
    assert "tabm could not be fitted and was not compared" in found["recommendation"]
    assert "tried is" not in found["recommendation"]


def test_a_network_by_another_name_is_told_by_both() -> None:
    own = metric("accuracy")
    made = answers({"majority": 0.0, "tabm": 3.0}, 100)
    found = verdict("tabm", scores(made, own, tabm={"deep": {"network": "residual_mlp"}}), made, own)
    assert found["sentence"].startswith("The network tabm (residual_mlp) wins")
    assert "tried is residual_mlp" in found["recommendation"]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.91312, 0.88712, 0.93456), "0.9131 [0.8871, 0.9346]"),
        ((0.91312, 0.8, 0.95), "0.913 [0.800, 0.950]"),
        ((48213.0, 45104.0, 51894.0), "48,210 [45,100, 51,890]"),
        ((-0.5, -1.25, 0.25), "−0.50 [−1.25, 0.25]"),
        ((0.5, float("nan"), float("nan")), "0.5"),
        ((1.0, 1.0, 1.0), "1 [1, 1]"),
    ],
)
def test_numbers_with_their_interval(numbers: tuple[float, float, float], text: str) -> None:
    assert with_range(*numbers) == text
