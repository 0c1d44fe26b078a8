"""Adversarial: a generator learns from a critic that learns to tell its rows from real ones (GAN).

Paper: Goodfellow et al., 2014, "Generative Adversarial Nets". D is the critic (a logit), G the generator, z ~ N(0, I),
f(a) = log(1 + e^a) = −log σ(−a):

    value of the game   V(D, G) = E log σ(D(x)) + E log(1 − σ(D(G(z))))              D up, G down (eq. 1)
    critic              L_D = E f(−D(x)) + E f(D(G(z)))                              = −V
    generator           L_G = E f(−D(G(z)))                                          non-saturating, their section 3

Where G is perfect and D optimal, D = 0 everywhere, V = −log 4. A generator may settle on a few kinds of rows that
please the critic. Where the critic only compares a generated row with a real one, each kind of real row keeps its pull
(relativistic pairing: Jolicoeur-Martineau, 2019, "The relativistic discriminator", section 4):

    critic, paired      L_D = E f(D(G(z)) − D(x))
    generator, paired   L_G = E f(D(x) − D(G(z)))

Both games turn in circles unless the critic is kept from steep slopes (Mescheder, Geiger and Nowozin, 2018, "Which
training methods for GANs do actually converge?", section 4.1: R1 on real rows, R2 on generated ones):

    penalty             γ/2 (E |∇D(x)|² + E |∇D(G(z))|²)                             added to L_D

Axes: B rows, D numbers in a row, Z numbers of noise.
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

    A batch may bring the noise of its M = critic_steps + 1 moves as batch["noise"] (B, M, Z); else it is drawn here.

    generator: (B, Z) → (B, D).    critic: (B, D) → (B, 1), larger for real.
    noise:     Z.    penalty: γ; 0.1 to 10 is usual, 0 is none, as in 2014.    paired: the relativistic game.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        *,
        noise: int,
        critic_steps: int = 1,
        penalty: float = 0.0,
        paired: bool = False,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.noise = noise
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.paired = paired

    def losses(self, batch: Batch) -> Iterator[Move]:
        real = batch["x"]  # (B, D)
        for move in range(self.critic_steps):
            with torch.no_grad():
                made = self.generator(self._noise(batch, move))  # (B, D)
            yield Move("critic", self.critic_loss(real, made))
        yield Move("generator", self.generator_loss(real, self.generator(self._noise(batch, self.critic_steps))))

    def critic_loss(self, real: Tensor, made: Tensor) -> Tensor:
        """L_D with its penalty, of (B, D) real and generated rows → ()"""
        rows = torch.cat([real, made]).requires_grad_(self.penalty > 0)  # (2B, D)
        logits = self.critic(rows)  # (2B, 1)
        on_real, on_made = logits.chunk(2)  # (B, 1) each
        if self.paired:
            loss = softplus(on_made - on_real).mean()
        else:
            loss = softplus(-on_real).mean() + softplus(on_made).mean()
        if not self.penalty:
            return loss
        (slope,) = torch.autograd.grad(logits.sum(), rows, create_graph=True)  # (2B, D)
        return loss + self.penalty / 2 * slope.square().sum() / len(real)

    def generator_loss(self, real: Tensor, made: Tensor) -> Tensor:
        """L_G of (B, D) real and generated rows → ()"""
        if self.paired:
            return softplus(self.critic(real) - self.critic(made)).mean()
        return softplus(-self.critic(made)).mean()

    def sample(self, noise: Tensor) -> Tensor:
        """(B, Z) standard normal → (B, D) rows; the same noise gives the same rows."""
        return self.generator(noise)

    def _noise(self, batch: Batch, move: int) -> Tensor:
        if "noise" in batch:
            return batch["noise"][:, move]  # (B, Z)
        real = batch["x"]
        return torch.randn(len(real), self.noise, device=real.device, dtype=real.dtype)  # (B, Z)
