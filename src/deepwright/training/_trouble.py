"""Trouble: looking, once it has happened, for where numbers stopped being finite."""

from __future__ import annotations

import torch
from torch import Tensor

from deepwright.blocks.stream import Batch
from deepwright.training._part import Part
from deepwright.training.report import Trouble


def find_trouble(part: Part, loss: Tensor, micro: list[Batch], step: int, epoch: float) -> Trouble:
    """Which parameters of the part have gradients that are not finite, and which rows of the batch values."""
    bad = [
        name
        for name, parameter in zip(part.names, part.parameters, strict=True)
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all()
    ]
    rows = [row for batch in micro for row in _bad_rows(batch)]
    return Trouble(
        step=step, epoch=epoch, part=part.name, loss=float(loss), parameters=tuple(bad), rows=tuple(sorted(set(rows)))
    )


def _bad_rows(batch: Batch) -> list[int]:
    size = len(next(iter(batch.values())))
    bad = torch.zeros(size, dtype=torch.bool)
    for values in batch.values():
        if values.is_floating_point():
            bad |= ~torch.isfinite(values).flatten(1).all(1).cpu() if values.ndim > 1 else ~torch.isfinite(values).cpu()
    numbers = batch["row"].cpu() if "row" in batch else torch.arange(size)
    return numbers[bad].tolist()
