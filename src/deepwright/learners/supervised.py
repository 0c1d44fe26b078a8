"""Supervised: a network follows one loss between its outputs and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from deepwright.blocks.counter import keys, normal, uniform
from deepwright.blocks.learner import Batch, Learner, Move
from deepwright.learners._mixing import drawn_share, larger_shares, mixed, pasted


@final
class Supervised(Learner):
    """One move a batch: down `loss(net(batch), batch["target"])`.

    loss:    (outputs (B, K) or (B, M, K), targets) → ().
    augment: batch → batch with inputs changed at random; asked while learning and at no other time.
    mixup:   alpha of Beta(alpha, alpha), from which a batch draws a share: the floating-point inputs and the pictures
             of each row become a mixture with those of another row of the batch, and the loss the same mixture of the
             losses for both targets, which is the loss for soft targets (Zhang et al. 2018). A row keeps the larger
             share, and with it its own categories and tokens. 0 is off.
    cutmix:  alpha likewise: a box of each picture is that of another row, and the loss is mixed by areas (Yun et al.
             2019). 0 is off; beside mixup each batch takes one of the two, at even chances.
    noise:   standard deviation of Gaussian noise on batch["number"]. 0 is off.
    seed:    all draw from (seed, epoch, row) and nothing else, so a row's noise is the same in whatever batch and
             after whatever resume. They need "row" and "epoch" (B,) in the batch, as the stream `Rows` gives them.
    """

    one_move: ClassVar[bool] = True
    quantiles: Tensor
    cut_quantiles: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        *,
        augment: Callable[[Batch], Batch] | None = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.augment = augment
        self.mixup = mixup
        self.cutmix = cutmix
        self.noise = noise
        self.seed = seed
        self.register_buffer("quantiles", larger_shares(mixup), persistent=False)
        self.register_buffer("cut_quantiles", larger_shares(cutmix), persistent=False)

    def losses(self, batch: Batch) -> Iterator[Move]:
        """One move."""
        target = batch["target"]  # (B, …)
        if self.augment is not None:
            batch = self.augment(batch)
        if self.noise:
            batch = self._noisy(batch)
        if (self.mixup or self.cutmix) and len(target) > 1:
            drawn = keys(self.seed, batch["epoch"], batch["row"])  # (B,)
            partner = uniform(drawn, 1, draw=4)[:, 0].argsort()  # (B,)
            batch, share = self._of_two(batch, partner, drawn)
            outputs = self.net(batch)
            yield Move("net", share * self.loss(outputs, target) + (1 - share) * self.loss(outputs, target[partner]))
        else:
            yield Move("net", self.loss(self.net(batch), target))

    def _of_two(self, batch: Batch, partner: Tensor, drawn: Tensor) -> tuple[Batch, Tensor]:
        """The batch made from rows and their partners, and () the share of the row's own target."""
        share = drawn_share(self.quantiles, drawn, draw=3)  # ()
        if not self.cutmix:
            return mixed(batch, share, partner), share
        cut, left = pasted(batch, drawn_share(self.cut_quantiles, drawn, draw=5), partner, drawn)
        if not self.mixup:
            return cut, left
        chosen = uniform(drawn[:1], 1, draw=6)[0, 0] < 0.5  # (); both are made, so that the step is one graph
        both = mixed(batch, share, partner)
        numbers = {
            name: torch.where(chosen, cut[name], value) for name, value in both.items() if value is not cut[name]
        }
        return both | numbers, torch.where(chosen, left, share)

    def _noisy(self, batch: Batch) -> Batch:
        if "number" not in batch:
            return batch
        number = batch["number"]  # (B, N)
        drawn = keys(self.seed, batch["epoch"], batch["row"])  # (B,)
        return batch | {"number": number + self.noise * normal(drawn, number.shape[1], draw=1)}
