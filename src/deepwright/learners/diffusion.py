"""Diffusion: a network learns which noise was added to a row; taking it away again step by step makes rows of noise.

Papers: Ho, Jain and Abbeel, 2020, "Denoising Diffusion Probabilistic Models" (DDPM); Song, Meng and Ermon, 2021,
"Denoising Diffusion Implicit Models" (DDIM). Time runs from 1, nearly clean, to T, nothing but noise:

    noise added           q(x_t|x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I),   ᾱ_t = Π (1 − β_s), s ≤ t         DDPM eq. 4
    clean row, guessed    x̂_0 = (x_t − √(1 − ᾱ_t) ε_θ) / √ᾱ_t                                       DDIM eq. 9
    one step back, η = 0  x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s) ε_θ,   s < t, ᾱ_0 = 1                         DDIM eq. 12

    β linear              from 1e-4 to 0.02 over T = 1000 (scaled by 1000 / T for others)           DDPM section 4
    β cosine              ᾱ_t = f(t) / f(0),  f(t) = cos²(½π (t/T + 0.008) / 1.008),  β ≤ 0.999     Nichol 2021 eq. 17

Near T that guess divides by almost 0, so an error of ε_θ becomes hundreds of it in the row. The network therefore says
v, a turn between noise and row from which both follow without division (Salimans and Ho, 2022, "Progressive
Distillation for Fast Sampling of Diffusion Models", appendix D):

    v                     √ᾱ_t ε − √(1 − ᾱ_t) x_0
    loss                  E |v − v_θ(√ᾱ_t x_0 + √(1 − ᾱ_t) ε, t)|²,   t uniform, ε ~ N(0, I)        DDPM eq. 14 with v
    both guesses          x̂_0 = √ᾱ_t x_t − √(1 − ᾱ_t) v_θ,   ε_θ = √(1 − ᾱ_t) x_t + √ᾱ_t v_θ

Axes: B rows, D numbers in a row, T times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Batch, Learner, Move

LARGEST_BETA = 0.999


@final
class Diffusion(Learner):
    """One move a batch, of the denoiser, down the loss above on batch["x"] (B, D).

    denoiser:  (B, D), (B,) times as shares of T in (0, 1] → (B, D), v_θ.
    schedule:  (T,) ᾱ_1 … ᾱ_T, from `linear` or `cosine`.
    """

    schedule: Tensor

    def __init__(self, denoiser: nn.Module, schedule: Tensor) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.register_buffer("schedule", schedule)

    def losses(self, batch: Batch) -> Iterator[Move]:
        x = batch["x"]  # (B, D)
        times = torch.randint(1, len(self.schedule) + 1, (len(x),), device=x.device)  # (B,)
        yield Move("denoiser", self.loss(x, times, torch.randn_like(x)))

    def loss(self, x: Tensor, times: Tensor, noise: Tensor) -> Tensor:
        """|v − v_θ|² of clean rows (B, D) at times (B,) with noise (B, D), the mean → ()"""
        row, added = self._shares(times, x)  # (B, 1) each
        v = row * noise - added * x  # (B, D)
        return (v - self._turn(self.noised(x, times, noise), times)).square().mean()

    def noised(self, x: Tensor, times: Tensor, noise: Tensor) -> Tensor:
        """x_t of (B, D) clean rows at (B,) times 1 … T, with the noise (B, D) → (B, D)"""
        row, added = self._shares(times, x)  # (B, 1) each
        return row * x + added * noise

    def guess(self, x: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """x̂_0 and ε_θ of (B, D) noisy rows at (B,) times 1 … T → (B, D) each; the score is −ε_θ / √(1 − ᾱ_t)."""
        row, added = self._shares(times, x)  # (B, 1) each
        v = self._turn(x, times)  # (B, D)
        return row * x - added * v, added * x + row * v

    @torch.no_grad()
    def sample(self, noise: Tensor, steps: int) -> Tensor:
        """(B, D) standard normal → (B, D) rows by DDIM with η = 0; the same noise gives the same rows."""
        times = torch.linspace(len(self.schedule), 0, steps + 1).round().long()  # (steps + 1,) T … 0
        x = noise
        for now, after in pairwise(times.to(x.device)):
            clean, epsilon = self.guess(x, now.expand(len(x)))  # (B, D) each
            row, added = self._shares(after, x)  # (1,) each
            x = row * clean + added * epsilon  # (B, D)
        return x

    def _turn(self, x: Tensor, times: Tensor) -> Tensor:
        return self.denoiser(x, times.to(x.dtype) / len(self.schedule))  # (B, D) v_θ

    def _shares(self, times: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ_t and √(1 − ᾱ_t) at times 0 … T, (B,) → (B, 1) each, in the numbers of x"""
        kept = torch.where(times > 0, self.schedule[times - 1], 1.0).to(x.dtype)[..., None]  # (B, 1)
        return kept.sqrt(), (1 - kept).sqrt()


def linear(times: int) -> Tensor:
    """(T,) ᾱ of β rising in a straight line."""
    ends = torch.tensor([1e-4, 0.02], dtype=torch.float64) * 1000 / times  # (2,)
    beta = torch.linspace(float(ends[0]), float(ends[1]), times, dtype=torch.float64)  # (T,)
    return (1 - beta.clamp(max=LARGEST_BETA)).cumprod(0).float()


def cosine(times: int) -> Tensor:
    """(T,) ᾱ falling like a squared cosine: rows stay visible for longer."""
    share = torch.arange(times + 1, dtype=torch.float64) / times  # (T + 1,)
    level = torch.cos(math.pi / 2 * (share + 0.008) / 1.008).square()  # (T + 1,)
    beta = 1 - level[1:] / level[:-1]  # (T,)
    return (1 - beta.clamp(max=LARGEST_BETA)).cumprod(0).float()
