"""Network: with what; the contract of `networks/`, a plain nn.Module with a typed Config."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from deepwright.core import config as core
from deepwright.core.fields import Signature

Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A parameter count that a reader can check by hand or in a paper, and how to build what has it.

    what:       in words: "4-16-3, as for iris".
    name:       in a file that stands for several names, the one whose size it is.
    parameters: trainable numbers.
    config, signature, outputs: the network's arguments.
    """

    what: str
    parameters: int
    signature: Signature
    outputs: int
    name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


class Network(nn.Module):
    """One architecture, one file in `networks/`.

    paper:       where it comes from (authors, year, section).
    takes:       the forms of field it reads; it is offered only where `signature.forms <= takes`.
    published:   parameter counts a reader can check.
    recommended: keys of Plan that its authors (or our measurements) recommend; a recipe's own keys come first.
    trial:       settings that its contract tries it with, where with those it has without any it would take minutes.
    first_choice: names of it that enter a contest by default where they read the columns, each with its place among
                 such names, the simplest first; in plain values, since it is read without loading the file.
    per_position: whether it answers at every position of a sequence, (B, T, outputs), and not once for a row.
    signature:   what it was built to read.
    """

    paper: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    published: ClassVar[tuple[Published, ...]] = ()
    recommended: ClassVar[Mapping[str, Any]] = {}
    trial: ClassVar[Mapping[str, Any]] = {}
    per_position: ClassVar[bool] = False
    first_choice: ClassVar[Mapping[str, int]] = {}

    Config: ClassVar[type[core.Config]]

    @abstractmethod
    def __init__(self, config: core.Config, signature: Signature, outputs: int) -> None:
        """Build; no data, no clock. `outputs` is the width of the last dimension of what forward gives."""
        super().__init__()
        self.signature = signature

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Encoded columns as `Signature` says → (B, outputs), or (B, M, outputs) for M members trained together."""

    @property
    @abstractmethod
    def head(self) -> nn.Module:
        """The part that knows the task's outputs; transfer replaces it and keeps the rest."""

    def prepare(self, batch: Batch) -> None:
        """Take constants such as quantile bins from the training rows (or a sample), once, before training.

        They are buffers, saved with the weights. Most networks need none.
        """

    def about(self) -> str:
        """Its shape in words, for people: "TabM, 2 blocks of 256, 16 members"."""
        return type(self).__name__


Memory = tuple[Tensor, ...]
"""What a causal network keeps of the positions it has read, so that it need not read them again; () before any."""


class CausalNetwork(Network):
    """A network that reads one field of tokens and answers at every position, from that one and those before it.

    Outputs at position t never depend on tokens after t: padding at the end changes nothing before it.
    """

    per_position = True

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """batch["tokens:NAME"] (B, T) → (B, T, outputs); raises RecipeError where T exceeds `context`."""

    @property
    @abstractmethod
    def context(self) -> int | None:
        """The most positions it reads; None: any number."""

    @abstractmethod
    def go_on(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """(B, S) tokens that follow those in `memory` → their (B, S, outputs), and the memory of all of them.

        The outputs are those of `forward` on all tokens at once, up to rounding.
        """
