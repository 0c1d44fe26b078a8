"""Shared: one process's rows of each batch of a stream that all processes read alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import RecipeError


class Shared(Stream):
    """Rows r, …, s of each batch go to process `rank` of `count`: together the processes see each batch once.

    stream: the same in every process, with the same seed; batches are as large as if there was one process only.

    A batch with fewer rows than processes goes to all of them whole: its mean over all is then the mean of one.
    The position is that of the whole stream, so a checkpoint fits any number of processes.
    Raises RecipeError where there is no such process.
    """

    def __init__(self, stream: Stream, rank: int, count: int) -> None:
        if not 0 <= rank < count:
            raise RecipeError(f"expected a rank from 0 to {count - 1}, got {rank}.", remedy="Take both from `join`.")
        self._stream = stream
        self._rank = rank
        self._count = count

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """See `Stream.batches`; every tensor keeps its rows as first axis."""
        for batch in self._stream.batches(learner, device):
            if self._count > len(next(iter(batch.values()))):
                yield batch
            else:
                yield {name: column.tensor_split(self._count)[self._rank] for name, column in batch.items()}

    @property
    def batches_per_epoch(self) -> int | None:
        return self._stream.batches_per_epoch

    def state(self) -> dict[str, Any]:
        return self._stream.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._stream.restore(state)

    def tally(self) -> dict[str, float]:
        return self._stream.tally()
