"""Dequantised: rows of a table in which whole numbers stand for intervals; another place in them each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from deepwright.blocks.counter import keys, uniform
from deepwright.blocks.stream import Batch, Stream
from deepwright.streams.rows import Rows


class Dequantised(Stream):
    """As `Rows`, with uniform noise of a column's own width on x (N, D), drawn from (seed, epoch, row) alone.

    widths: (D,) width of the interval that a value stands for, 0 for none. A density of whole numbers would grow
    without bound; of their intervals it is a bound on their probability (Theis, van den Oord and Bethge, 2016,
    section 3.1).
    """

    def __init__(self, x: Tensor, widths: Tensor, *, batch: int | Literal["full"] = 256, seed: int = 0) -> None:
        self._rows = Rows({"x": x}, batch=batch, seed=seed)
        self._widths = widths
        self._seed = seed

    @property
    def batches_per_epoch(self) -> int:
        return self._rows.batches_per_epoch

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        widths = self._widths.to(device)  # (D,)
        for batch in self._rows.batches(learner, device):
            drawn = keys(self._seed, batch["epoch"], batch["row"])  # (B,)
            noise = uniform(drawn, len(widths)) - 0.5  # (B, D)
            yield {**batch, "x": batch["x"] + widths * noise}

    def state(self) -> dict[str, Any]:
        return self._rows.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._rows.restore(dict(state))
