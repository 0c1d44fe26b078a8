"""Learner: how a network learns; yields losses, one move each; the contract of `learners/`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

Batch = dict[str, Tensor]


class Move(NamedTuple):
    """ "Take `part` down this loss."; when the learner wakes up again, that step has been taken."""

    part: str
    """Attribute of the learner whose parameters follow this loss, and no others."""
    loss: Tensor
    """ ()"""


class Learner(nn.Module):
    """A way of learning. Its parts (networks) are attributes; `losses` says which part follows which loss.

    Any nn.Module with a `losses` method will do for `train`; this base only says it.
    """

    one_move: ClassVar[bool] = False
    """Whether every batch is one move of the same part and no code follows it: such a step can be compiled whole."""

    @abstractmethod
    def losses(self, batch: Batch) -> Iterator[Move]:
        """One generator a batch; code after a `yield` runs when that step has been taken."""
