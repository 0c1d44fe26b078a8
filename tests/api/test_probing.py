"""Probes find what they are for, and say it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from deepwright.api.inducing import induce
from deepwright.api.probing import probe
from deepwright.contenders.rule_base import RuleBase
from deepwright.core.errors import NotFoundError


def test_the_rate_lies_below_divergence() -> None:
    found = probe("lr", "wine_red", "quality", overrides=["training.optimizer=sgd"]).content
    assert 1e-6 < found["suggestion"] < (found["diverges"] or 10)
    assert len(found["rates"]) == len(found["losses"])


def test_eight_rows_are_learned_by_heart_unless_the_rate_is_hopeless() -> None:
    assert probe("overfit", "penguins", "species").content["passed"]
    hopeless = probe("overfit", "penguins", "species", overrides=["training.lr=1e-9"])
    assert not hopeless.content["passed"] and "probe lr" in str(hopeless)


def test_gradients_agree() -> None:
    found = probe("gradient", "iris", "species", network="mlp").content
    assert found["passed"] and found["checked"] > 20


def test_batches_double() -> None:
    sizes = probe("batch", "penguins", "species").content["sizes"]
    assert all(b == 2 * a for a, b in pairwise(sizes))


def test_an_unknown_probe_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="gradient"):
        probe("gradients", "penguins", "species")


def test_induced_rules_are_rules() -> None:
    RuleBase.Options(text=induce("penguins", "species"))
    assert "flipper_length_mm" in induce("penguins", "species")
