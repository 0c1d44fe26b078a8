"""Every contender found in its folder keeps the family's contract."""

from __future__ import annotations

import pytest

from deepwright.core.find import find, names
from deepwright.evaluation.contracts.contender import check_contender

DEEP = {"network", "network_features"}
LONGER = {"random_forest", "polynomial"}
"""Kept by the long lane; what they share with the others is looked at in both."""


def _broken(name: str) -> list[str]:
    return [f"{says}: {wrong}" for says, wrong in check_contender(find("contender", name)) if wrong is not None]


@pytest.mark.parametrize("name", sorted(set(names("contender")) - DEEP - LONGER))
def test_contract(name: str) -> None:
    assert _broken(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DEEP | LONGER))
def test_contract_of_those_that_take_longer(name: str) -> None:
    assert _broken(name) == []
