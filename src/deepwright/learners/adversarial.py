"""Adversarial: a generator learns from a critic that learns to tell its rows from real ones (GAN).

Paper: Goodfellow et al., 2014, "Generative Adversarial Nets". D is the critic (a logit), G the generator, z ~ N(0, I):

    value of the game    V(D, G) = E log σ(D(x)) + E log(1 − σ(D(G(z))))               D up, G down (eq. 1)
    critic               L_D = E softplus(−D(x)) + E softplus(D(G(z))) + γ/2 E |∇ D(x)|²        = −V + penalty
    generator            L_G = E softplus(−D(G(z)))                 the non-saturating form of their section 3

The penalty keeps the critic's slope small on real rows, which lets the two converge (R1: Mescheder, Geiger and Nowozin,
2018, "Which training methods for GANs do actually converge?", section 4.1). Where G is perfect and D optimal, D = 0
everywhere, L_D = 2 log 2 and V = −log 4.

A critic that sees `pack` rows side by side also notices rows that are too much alike, so a generator that collapses is
found out (PacGAN: Lin, Khetan, Fanti and Oh, 2018, section 3).

Axes: B rows, P rows in a pack, D numbers in a row, Z numbers of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from deepwright.blocks.learner import Batch, Learner, Move


@final
class Adversarial(Learner):
    """`critic_steps` moves of the critic, then one of the generator, for each batch["x"] (B, D).

    generator: (B, Z) → (B, D).    critic: (B // P, P·D) → (B // P, 1) logits, larger for real.
    penalty:   γ above, 0 for none; 0.1 to 10 is usual.
    """

    def __init__(
        self, generator: nn.Module, critic: nn.Module, *, noise: int, critic_steps: int = 1, penalty: float = 0.1,
        pack: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.noise = noise
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.pack = pack

    def losses(self, batch: Batch) -> Iterator[Move]:
        real = batch["x"]  # (B, D)
        if len(real) < self.pack:
            return
        for _ in range(self.critic_steps):
            with torch.no_grad():
                fake = self.sample(self._noise(real))  # (B, D)
            yield Move("critic", self.critic_loss(real, fake))
        yield Move("generator", self.generator_loss(self.sample(self._noise(real))))

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """L_D of (B, D) real and generated rows → ()"""
        real = self._packed(real).detach().requires_grad_(self.penalty > 0)  # (B // P, P·D)
        logits = self.critic(real)  # (B // P, 1)
        loss = softplus(-logits).mean() + softplus(self.critic(self._packed(fake))).mean()
        if self.penalty:
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)  # (B // P, P·D)
            loss = loss + self.penalty / 2 * slope.square().sum(dim=1).mean()
        return loss

    def generator_loss(self, fake: Tensor) -> Tensor:
        """L_G of (B, D) generated rows → ()"""
        return softplus(-self.critic(self._packed(fake))).mean()

    def sample(self, noise: Tensor) -> Tensor:
        """(B, Z) standard normal → (B, D) rows; the same noise gives the same rows."""
        return self.generator(noise)

    def _noise(self, real: Tensor) -> Tensor:
        return torch.randn(len(real), self.noise, device=real.device, dtype=real.dtype)  # (B, Z)

    def _packed(self, rows: Tensor) -> Tensor:
        """(B, D) → (B // P, P·D); rows that do not fill a pack are left out."""
        return rows[: len(rows) // self.pack * self.pack].reshape(-1, self.pack * rows.shape[1])
