"""Stream: where batches come from; rows of a table, or a world in which the learner itself acts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]


class Stream(ABC):
    """Gives batches to the engine and remembers how far it is, so that training resumes with the very next batch.

    A stream hands out one batch at a time and never reads ahead: what `state` says is what has been used.
    """

    @abstractmethod
    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """Batches on `device` from the stream's position on, without an end unless it says so.

        Every tensor of a batch has the batch's rows as its first axis. `learner` is for streams in which the
        learner acts; streams of rows ignore it.
        """

    @property
    @abstractmethod
    def batches_per_epoch(self) -> int | None:
        """Batches in one pass over the data; None where there is no such thing."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The position: a tree of tensors and JSON-able values, enough for `restore`."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position that `state` gave; raises UserError when it belongs to other data."""

    def tally(self) -> dict[str, float]:
        """Finite numbers about the stream's position that are worth a place in every report's line: tokens read,
        steps taken in an environment. None by default."""
        return {}
