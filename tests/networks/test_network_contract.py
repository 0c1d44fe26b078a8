"""Every network keeps its family's contract, and the contract catches networks that break it."""

from __future__ import annotations

from types import MappingProxyType

import pytest
import torch
from torch import Tensor, nn

from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.core.config import Config as BaseConfig
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, names
from deepwright.evaluation.contracts.network import check_network

_SLOW = {"EfficientNet", "ResNet", "AlexNet", "AlexNetTwoTower", "GPT", "VGG", "Fusion", "CifarResNet"}
"""Held to it all the same, but not on every change."""


def classes() -> list[object]:
    """Each class once: a file may stand for several names."""
    found = dict.fromkeys(find("network", name) for name in names("network"))
    return [pytest.param(c, id=c.__name__, marks=[pytest.mark.slow] * (c.__name__ in _SLOW)) for c in found]


@pytest.mark.parametrize("cls", classes())
def test_contract(cls: type[Network]) -> None:
    broken = {says: wrong for says, wrong in check_network(cls) if wrong}
    assert not broken


def test_a_network_of_the_users_own_passes() -> None:
    broken = {says: wrong for says, wrong in check_network(Own) if wrong}
    assert not broken


class Own(Network):
    """Two layers."""

    paper = "none"
    takes = TABLE_FORMS
    published = (
        Published(
            what="2-4-1",
            parameters=17,
            outputs=1,
            signature=Signature((Field(form="number", name="a"), Field(form="number", name="b"))),
        ),
    )
    recommended = MappingProxyType({"lr": 1e-3})

    class Config(BaseConfig):
        """Settings."""

        width: int = 4
        """Units."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.inputs = TableInput(TableInput.Config(), signature)
        self.first = nn.Linear(self.inputs.width, config.width)
        self.last = nn.Linear(config.width, outputs)

    @property
    def head(self) -> nn.Module:
        return self.last

    def forward(self, batch: Batch) -> Tensor:
        return self.last(torch.tanh(self.first(self.inputs(batch))))


def broken_promises(cls: type[Network]) -> set[str]:
    return {says.split(" ")[0] + " " + says.split(" ")[1] for says, wrong in check_network(cls) if wrong}


class Mixes(Own):
    def forward(self, batch: Batch) -> Tensor:
        x = self.inputs(batch)
        return self.last(torch.tanh(self.first(x - x.mean(0))))


class Wasteful(Own):
    def __init__(self, config: Own.Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.unused = nn.Linear(2, 2)


class Forgetful(Own):
    def __init__(self, config: Own.Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.secret = torch.rand(())

    def forward(self, batch: Batch) -> Tensor:
        return super().forward(batch) * self.secret


class Wide(Own):
    def forward(self, batch: Batch) -> Tensor:
        return super().forward(batch)[:, :-1]


class Constant(Own):
    def forward(self, batch: Batch) -> Tensor:
        return super().forward({name: torch.zeros_like(column) for name, column in batch.items()})


class Miscounted(Own):
    published = (Published(what="wrong", parameters=18, outputs=1, signature=Own.published[0].signature),)


class Headless(Own):
    @property
    def head(self) -> nn.Module:
        return self.first


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (Mixes, "rows do"),
        (Wasteful, "every parameter"),
        (Forgetful, "a saved"),
        (Wide, "gives outputs"),
        (Constant, "learns eight"),
        (Miscounted, "has the"),
        (Headless, "has a"),
    ],
)
def test_the_contract_catches(cls: type[Network], expected: str) -> None:
    assert expected in broken_promises(cls)
