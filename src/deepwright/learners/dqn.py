"""DQN: deep Q-learning; one move a batch, towards what a slower copy of the network promises.

Mnih et al., 2015, "Human-level control through deep reinforcement learning", Algorithm 1:

    y = r + γ (1 − terminal) max_a' Q̄(s', a')
    L = mean ℓ(Q(s, a) − y),                      ℓ(e) = e²/2 up to |e| = δ and linear beyond: the paper clips the error
    Q̄ ← Q after every C-th step

terminal is 1 where s' ends the episode by itself. Where only the time was up, the future still counts.

double (van Hasselt et al., 2016): Q chooses and Q̄ values, so that noise is not taken for promise:

    y = r + γ (1 − terminal) Q̄(s', argmax_a' Q(s', a'))

blend (Lillicrap et al., 2016): Q̄ ← Q̄ + τ (Q − Q̄) after every step, instead of C.

Axes: B steps drawn from the buffer, D numbers in an observation, A actions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.learner import Batch, Learner, Move


@final
class DQN(Learner):
    """net: (B, D) → (B, A), Q of every action. discount: γ. sync: C. blend: τ, in place of C. bend: δ."""

    taken: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        discount: float = 0.99,
        double: bool = True,
        sync: int = 500,
        blend: float | None = None,
        bend: float = 1.0,
    ) -> None:
        super().__init__()
        self.net, self.target = net, copy.deepcopy(net).requires_grad_(False)
        self.discount, self.doubled, self.sync, self.blend, self.bend = discount, double, sync, blend, bend
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))

    def best(self, obs: Tensor) -> Tensor:
        """(N, D) → (N,)"""
        return self.net(obs).argmax(dim=1)

    def losses(self, batch: Batch) -> Iterator[Move]:
        """One move; then the target follows."""
        value = self.net(batch["obs"]).gather(1, batch["action"][:, None])[:, 0]  # (B,)
        yield Move("net", F.huber_loss(value, self.goal(batch), delta=self.bend))
        self.follow()

    @torch.no_grad()
    def goal(self, batch: Batch) -> Tensor:
        """(B,) the temporal-difference targets y."""
        promised = self.target(batch["after"])  # (B, A)
        chosen = self.best(batch["after"]) if self.doubled else promised.argmax(dim=1)  # (B,)
        future = promised.gather(1, chosen[:, None])[:, 0]  # (B,)
        return batch["reward"] + self.discount * (1 - batch["terminal"]) * future  # (B,)

    @torch.no_grad()
    def follow(self) -> None:
        """The target network, after a step."""
        self.taken += 1
        share = self.blend if self.blend is not None else float(self.taken % self.sync == 0)
        if share:
            for slow, fast in zip(self.target.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, share)
