"""Noised: another stream, whose batches bring the random numbers that a learner would draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import RunError


class Noised(Stream):
    """The batches of a stream with "noise" (B, …), standard normal, for learners that read it.

    shape: of one row's numbers: (M, Z) for a learner that makes M moves a batch with Z numbers each.
    seed:  batch n's numbers depend on (seed, n) and on nothing else.

    A row's numbers then belong to the row: several processes that share a batch draw what one would have drawn.
    """

    def __init__(self, stream: Stream, shape: tuple[int, ...], *, seed: int = 0) -> None:
        self._stream = stream
        self._shape = shape
        self._seed = seed
        self._position = 0  # batches handed out

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """See `Stream.batches`."""
        generator = torch.Generator()
        for batch in self._stream.batches(learner, device):
            rows = len(next(iter(batch.values())))
            generator.manual_seed((self._seed * 0x9E3779B97F4A7C15 + self._position) & 0x7FFFFFFFFFFFFFFF)
            noise = torch.randn(rows, *self._shape, generator=generator)  # (B, …)
            self._position += 1
            yield {**batch, "noise": noise.to(device)}

    @property
    def batches_per_epoch(self) -> int | None:
        return self._stream.batches_per_epoch

    def state(self) -> dict[str, Any]:
        """The position of the stream, batches handed out, and what their numbers were drawn from."""
        return {"stream": self._stream.state(), "position": self._position, "seed": self._seed}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue after the last batch handed out; raises RunError when the seed differs, or as the stream does."""
        if state["seed"] != self._seed:
            raise RunError(
                f"the checkpoint was made with noise of seed {state['seed']}, here it is {self._seed}.",
                remedy="Resume with the plan the training was started with.",
            )
        self._stream.restore(state["stream"])
        self._position = state["position"]

    def tally(self) -> dict[str, float]:
        return self._stream.tally()
