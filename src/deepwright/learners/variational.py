"""Variational: an encoder and a decoder raise a lower bound on the likelihood of the rows (VAE).

Paper: Kingma and Welling, 2014, "Auto-Encoding Variational Bayes". A row x comes from a hidden z that we do not see:

    model             p(z) = N(0, I)               p(x|z) = N(decoder(z), s²)              s learned, one a column
    guess of z        q(z|x) = N(μ(x), σ²(x))      μ(x), log σ²(x) = encoder(x)            z = μ + σ ε, ε ~ N(0, I)
    bound (eq. 3)     log p(x) ≥ E log p(x|z) − KL(q(z|x) | p(z))                          ELBO
    KL (appendix B)   ½ Σ (μ² + σ² − 1 − log σ²)
    loss              −E log p(x|z) + β KL         β = 1 is the bound; Higgins et al., 2017, for others

The likelihood itself comes closer the more draws of z are weighed by how likely they were (Burda, Grosse and
Salakhutdinov, 2016, "Importance Weighted Autoencoders", eq. 8):

    log p(x) ≥ E log 1/K Σ p(x|z_k) p(z_k) / q(z_k|x)                                      K = 1 is the ELBO

Axes: B rows, D numbers in a row, L hidden numbers, K draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Batch, Learner, Move

_SMALLEST = -7.0
"""Of log s: a column that never varies would drive s to 0 and the likelihood beyond all bounds."""


class Autoencoder(nn.Module):
    """What moves together: encoder (B, D) → (B, 2L), decoder (B, L) → (B, D), and log s (D,) or (1,)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, scales: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.log_scale = nn.Parameter(torch.zeros(scales))


@final
class Variational(Learner):
    """One move a batch, of the autoencoder down −ELBO of batch["x"] (B, D), in nats a row.

    hidden: L. scales: how many s there are: D, one a column, or 1 for all. beta: weight of the KL term.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, *, hidden: int, scales: int = 1, beta: float = 1.0
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.autoencoder = Autoencoder(encoder, decoder, scales)
        self.beta = beta

    def losses(self, batch: Batch) -> Iterator[Move]:
        x = batch["x"]  # (B, D)
        noise = torch.randn(len(x), self.hidden, device=x.device, dtype=x.dtype)  # (B, L)
        yield Move("autoencoder", self.loss(x, noise))

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """−E log p(x|z) + β KL of (B, D) rows with ε (B, L), the mean → ()"""
        mean, log_variance = self.encode(x)  # (B, L) each
        z = mean + (0.5 * log_variance).exp() * noise  # (B, L)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)  # (B,)
        return (self.beta * kl - self._log_decoded(x, z)).mean()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) → μ and log σ² of q(z|x), (B, L) each"""
        mean, log_variance = self.autoencoder.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def sample(self, z: Tensor, noise: Tensor) -> Tensor:
        """(B, L) and (B, D), standard normal → (B, D) rows; noise 0 gives the mean of p(x|z)."""
        return self.autoencoder.decoder(z) + self._log_scale().exp() * noise

    def log_likelihood(self, x: Tensor, noise: Tensor) -> Tensor:
        """The importance-weighted bound on log p(x) in nats: (B, D) rows, (B, K, L) standard normal → (B,)"""
        mean, log_variance = self.encode(x)  # (B, L) each
        z = mean[:, None] + (0.5 * log_variance).exp()[:, None] * noise  # (B, K, L)
        log_guessed = _log_normal(noise) - 0.5 * log_variance.sum(dim=1)[:, None]  # (B, K) log q(z|x)
        log_decoded = self._log_decoded(x.repeat_interleave(z.shape[1], dim=0), z.flatten(0, 1))  # (B·K,)
        weights = log_decoded.view(z.shape[:2]) + _log_normal(z) - log_guessed  # (B, K)
        return weights.logsumexp(dim=1) - math.log(z.shape[1])

    def _log_decoded(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z): (B, D), (B, L) → (B,)"""
        log_scale = self._log_scale().expand(x.shape[1])  # (D,)
        return _log_normal((x - self.autoencoder.decoder(z)) / log_scale.exp()) - log_scale.sum()

    def _log_scale(self) -> Tensor:
        return self.autoencoder.log_scale.clamp(min=_SMALLEST)


def _log_normal(x: Tensor) -> Tensor:
    """log N(x; 0, I) over the last axis: (…, D) → (…)"""
    return -0.5 * (x.square() + math.log(2 * math.pi)).sum(dim=-1)
