"""Network: with what; the contract of `networks/`, a plain nn.Module with a typed Config."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from deepwright.core.config import Config
from deepwright.core.fields import Signature

Batch = dict[str, Tensor]


class Network(nn.Module):
    """One architecture, one file in `networks/`.

    paper:     where it comes from (authors, year, section).
    takes:     the forms of field it reads; it is offered only where `signature.forms <= takes`.
    published: parameter counts a reader can check: {"what is built, in words": count}.
    """

    paper: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    published: ClassVar[dict[str, int]] = {}

    Config: ClassVar[type[Config]]

    @abstractmethod
    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        """Build; no data, no clock. `outputs` is the width of the last dimension of what forward gives."""
        super().__init__()

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Encoded columns as `Signature` says → (B, outputs), or (B, M, outputs) for M members trained together."""

    @property
    @abstractmethod
    def head(self) -> nn.Module:
        """The part that knows the task's outputs; transfer replaces it and keeps the rest."""
