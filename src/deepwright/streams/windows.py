"""Windows: random pieces of one long sequence of tokens, each with what follows its every position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import DataError, RunError


class Windows(Stream):
    """Batches of windows of `length` tokens that begin anywhere, drawn with replacement.

    tokens: (N,) int64, all texts one behind the other.
    name:   of the field of tokens; a batch holds "tokens:NAME" (B, T) and "target" (B, T), the same one place on.
    length: tokens in a window; all there are but one, where the sequence is shorter.
    seed:   batch n depends on (seed, n) and on nothing else, so a resumed training reads the very next windows.

    There is no end and there are no epochs. Raises DataError for fewer than two tokens.
    """

    def __init__(self, tokens: Tensor, *, name: str, length: int, batch: int, seed: int = 0) -> None:
        if len(tokens) < 2:
            raise DataError("there is no text to learn from.", remedy="Give a text of one character or more.")
        self._tokens = tokens
        self._name = f"tokens:{name}"
        self._length = min(length, len(tokens) - 1)
        self._batch = batch
        self._seed = seed
        self._position = 0  # batches handed out

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """Without an end; see `Stream.batches`."""
        tokens = self._tokens.to(device)  # (N,)
        offsets = torch.arange(self._length + 1, device=device)  # (T + 1,)
        generator = torch.Generator()
        while True:
            generator.manual_seed((self._seed * 0x9E3779B97F4A7C15 + self._position) & 0x7FFFFFFFFFFFFFFF)
            begins = torch.randint(len(tokens) - self._length, (self._batch, 1), generator=generator)  # (B, 1)
            windows = tokens[begins.to(device) + offsets]  # (B, T + 1)
            self._position += 1
            yield {self._name: windows[:, :-1], "target": windows[:, 1:]}

    @property
    def batches_per_epoch(self) -> None:
        """Windows are drawn with replacement: there is no such thing."""
        return None

    def state(self) -> dict[str, Any]:
        """Batches handed out, and what they were drawn from."""
        return {"position": self._position, **self._here()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue after the last batch handed out; raises RunError when text, length, batch or seed differ."""
        wrong = [
            f"{name} {state[name]} there, {value} here" for name, value in self._here().items() if state[name] != value
        ]
        if wrong:
            raise RunError(
                f"the checkpoint was made with other windows: {'; '.join(wrong)}.",
                remedy="Resume with the data and plan the training was started with.",
            )
        self._position = state["position"]

    def _here(self) -> dict[str, int]:
        return {"tokens": len(self._tokens), "length": self._length, "batch": self._batch, "seed": self._seed}
