"""Supervised: a network follows one loss between its outputs and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from deepwright.blocks.counter import keys, normal, uniform
from deepwright.blocks.learner import Batch, Learner, Move

_QUANTILES = 1 << 14


@final
class Supervised(Learner):
    """One move a batch: down `loss(net(batch), batch["target"])`.

    loss:  (outputs (B, K) or (B, M, K), targets) → ().
    mixup: alpha of Beta(alpha, alpha), from which a batch draws a share: the floating-point inputs of each row become
           a mixture with those of another row of the batch, and the loss the same mixture of the losses for both
           targets, which is the loss for soft targets (Zhang et al. 2018). A row keeps the larger share, and with it
           its own categories and tokens. 0 is off.
    noise: standard deviation of Gaussian noise on batch["number"]. 0 is off.
    seed:  both draw from (seed, epoch, row) and nothing else, so a row's noise is the same in whatever batch and
           after whatever resume. They need "row" and "epoch" (B,) in the batch, as the stream `Rows` gives them.
    """

    one_move: ClassVar[bool] = True
    quantiles: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        *,
        mixup: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.mixup = mixup
        self.noise = noise
        self.seed = seed
        self.register_buffer("quantiles", _larger_shares(mixup), persistent=False)

    def losses(self, batch: Batch) -> Iterator[Move]:
        """One move."""
        target = batch["target"]  # (B, …)
        if self.noise:
            batch = self._noisy(batch)
        if self.mixup and len(target) > 1:
            drawn = keys(self.seed, batch["epoch"], batch["row"])  # (B,)
            share = self.quantiles[(uniform(drawn[:1], 1, draw=3)[0, 0] * _QUANTILES).long()]  # ()
            partner = uniform(drawn, 1, draw=4)[:, 0].argsort()  # (B,)
            outputs = self.net(_mixed(batch, share, partner))
            yield Move("net", share * self.loss(outputs, target) + (1 - share) * self.loss(outputs, target[partner]))
        else:
            yield Move("net", self.loss(self.net(batch), target))

    def _noisy(self, batch: Batch) -> Batch:
        if "number" not in batch:
            return batch
        number = batch["number"]  # (B, N)
        drawn = keys(self.seed, batch["epoch"], batch["row"])  # (B,)
        return batch | {"number": number + self.noise * normal(drawn, number.shape[1], draw=1)}


def _larger_shares(alpha: float) -> Tensor:
    """(Q,) evenly spaced quantiles of max(x, 1 - x) for x of Beta(alpha, alpha), so that a draw is one look-up."""
    if not alpha:
        return torch.ones(1)
    draws = np.random.default_rng(0).beta(alpha, alpha, _QUANTILES)
    return torch.from_numpy(np.sort(np.maximum(draws, 1 - draws))).float()


def _mixed(batch: Batch, share: Tensor, partner: Tensor) -> Batch:
    """Inputs that can be mixed, mixed; the target is the loss's matter."""
    mixed = {
        name: share * values + (1 - share) * values[partner]
        for name, values in batch.items()
        if values.is_floating_point() and name != "target"
    }
    return batch | mixed
