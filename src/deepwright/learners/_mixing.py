"""Mixing: rows of a batch made from two, and what each of the two counts for in the loss.

Axes: B rows, C channels, H height, W width, Q quantiles.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from deepwright.blocks.counter import uniform
from deepwright.blocks.image_network import in_unit
from deepwright.blocks.learner import Batch

_QUANTILES = 1 << 14
_PICTURE = "image:"
"""What names of pictures in a batch begin with."""


def larger_shares(alpha: float) -> Tensor:
    """(Q,) evenly spaced quantiles of max(x, 1 - x) for x of Beta(alpha, alpha), so that a draw is one look-up."""
    if not alpha:
        return torch.ones(1)
    draws = np.random.default_rng(0).beta(alpha, alpha, _QUANTILES)
    return torch.from_numpy(np.sort(np.maximum(draws, 1 - draws))).float()


def drawn_share(quantiles: Tensor, drawn: Tensor, draw: int) -> Tensor:
    """() one of the quantiles, by the first of the batch's (B,) keys."""
    return quantiles[(uniform(drawn[:1], 1, draw)[0] * len(quantiles)).long()][0]


def mixed(batch: Batch, share: Tensor, partner: Tensor) -> Batch:
    """Inputs that can be mixed, mixed: `share` of a row and the rest of its (B,) partner; bytes become numbers from 0
    to 1. Categories and tokens stay the row's own, the target is the loss's matter."""
    return batch | {
        name: share * values + (1 - share) * values[partner]
        for name, values in _numbers(batch).items()
        if name != "target"
    }


def pasted(batch: Batch, share: Tensor, partner: Tensor, drawn: Tensor) -> tuple[Batch, Tensor]:
    """Pictures with a box of their (B,) partner's pasted in, at one place for the batch, and () the share that is left.

    The box has 1 - `share` of the area where it does not reach over the edge. Other inputs stay the row's own.
    """
    centre = uniform(drawn[:1], 2, draw=7)[0]  # (2,) shares of height and width
    half = (1 - share).sqrt() / 2
    found, left = {}, share
    for name, values in _numbers(batch).items():
        if name.startswith(_PICTURE):
            rows, columns = (_inside(c, half, n) for c, n in zip(centre, values.shape[2:], strict=True))
            box = rows[:, None] & columns  # (H, W)
            found[name] = torch.where(box, values[partner], values)  # (B, C, H, W)
            left = 1 - box.float().mean()
    return batch | found, left


def _inside(centre: Tensor, half: Tensor, side: int) -> Tensor:
    """(side,) bool: the pixels whose middle lies within `half` of the centre."""
    middles = (torch.arange(side, device=centre.device) + 0.5) / side
    return (middles - centre).abs() < half


def _numbers(batch: Batch) -> Batch:
    """Floating-point columns, pictures among them."""
    pictures = {name: in_unit(values) for name, values in batch.items() if name.startswith(_PICTURE)}
    return {name: values for name, values in (batch | pictures).items() if values.is_floating_point()}
