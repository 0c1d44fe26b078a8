"""Airbench: a small convolutional network that reaches 94 % on CIFAR-10 in seconds on one GPU.

Paper: Jordan, 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (airbench94). The first layer is not learned: its
filters are the eigenvectors of 2 × 2 patches of training pictures, divided by the roots of their eigenvalues, once with
either sign, so that what follows sees uncorrelated numbers. Convolutions begin as the identity as far as they have
inputs, norms have no scale of their own, and logits are divided by 9.

layer       maps          places      learned      fixed
whitening     24          31 × 31          24        288
group 1       64          15 × 15      50,816        128
group 2      256           7 × 7      737,792        512
group 3      256           3 × 3    1,180,160        512
output        10                        2,560             1,971,352 learned, 1,972,792 with what is fixed

A group is convolution → max pooling by 2 → norm → GELU → convolution → norm → GELU, the norms counted by their biases.
What differs: the whitening biases are learned to the end (the paper stops after 3 epochs), and where the paper copies a
moving average of the weights back into the network every 5 steps, the plan's `ema` keeps one for validation.

Axes: B rows, C channels, H height, W width, M maps, P = 4 C numbers of a patch.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.image_network import ImageNetwork, at_least
from deepwright.blocks.initialisers import initialise
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

_PATCH = 2
_LOOKED_AT = 5_000
"""Training pictures that the whitening is computed from, at most."""
_LEAST = 5e-4
"""Added to eigenvalues before their roots are divided by."""


class Airbench(ImageNetwork):
    """Whitening → three groups of two convolutions → the largest value of each map → linear."""

    paper = "Jordan, 2024, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU"
    takes = frozenset({"image"})
    channels_last = True
    published = (
        Published(
            what="32 × 32 colour, 10 classes, without 1,440 fixed numbers",
            parameters=1_971_352,
            signature=Signature((Field(form="image", name="photo", shape=(3, 32, 32)),)),
            outputs=10,
        ),
    )
    recommended = {
        "optimizer": "sgd", "lr": 1.5, "momentum": 0.85, "nesterov": True, "weight_decay": 1.33e-3, "batch": 1024,
        "epochs": 10, "schedule": "linear", "warmup": 0.23, "floor": 0.07, "ema": 0.95, "rates": {"biases": 64.0},
    }  # fmt: skip
    trial = {"widths": (8, 12, 12)}

    whitening: Tensor

    class Config(core.Config):
        """What can be chosen about it."""

        widths: tuple[int, int, int] = (64, 256, 256)
        """Maps of each group."""
        views: Literal[1, 2, 6] = 1
        """How many views of a picture are averaged when nothing is learned: itself; with its mirror image; both of them
        and both shifted by a pixel up left and down right, all shifted ones together counting as much as the first."""
        scale: float = Limits(default=1 / 9, gt=0)
        """What logits are multiplied by."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        at_least(self.size, 9, "Airbench, which halves three times after its first layer,")
        self.views, self.scale = config.views, config.scale
        whitened = 2 * self.channels * _PATCH**2
        self.register_buffer("whitening", torch.empty(whitened, self.channels, _PATCH, _PATCH))
        self.shift = nn.Parameter(torch.zeros(whitened))
        befores = (whitened, *config.widths[:2])
        pairs = [(a, b) for before, after in zip(befores, config.widths, strict=True) for a, b in
                 ((before, after), (after, after))]  # fmt: skip
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairs)
        self.norms = nn.ModuleList(_Norm(b) for _, b in pairs)
        self.biases = nn.ModuleList(_Bias(b) for _, b in pairs)
        self.output = nn.Linear(config.widths[2], outputs, bias=False)
        self._first_weights()

    def _first_weights(self) -> None:
        initialise(self.output, "uniform")
        nn.init.kaiming_uniform_(self.whitening)
        for convolution in self.convolutions:
            weight = convolution.weight
            assert isinstance(weight, Tensor)
            nn.init.dirac_(weight.data[: weight.shape[1]])

    def about(self) -> str:
        return "Airbench"

    def prepare(self, batch: Batch) -> None:
        super().prepare(batch)
        pixels = self.picture({name: column[:_LOOKED_AT] for name, column in batch.items()})  # (B, C, H, W)
        patches = pixels.unfold(2, _PATCH, 1).unfold(3, _PATCH, 1)  # (B, C, H - 1, W - 1, 2, 2)
        flat = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, self.channels * _PATCH**2)  # (B (H - 1) (W - 1), P)
        values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))  # (P,) rising, (P, P) in columns
        filters = (vectors / (values.clamp(min=0) + _LEAST).sqrt()).flip(1).T  # (P, P), the most common first
        filters = filters.reshape(-1, self.channels, _PATCH, _PATCH)
        self.whitening.copy_(torch.cat([filters, -filters]))

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        if self.training or self.views == 1:
            return self._logits(x)  # (B, outputs)
        found = self._mirrored(x)  # (B, outputs)
        if self.views == 2:
            return found
        height, width = self.size
        padded = F.pad(x, (1, 1, 1, 1), "reflect")  # (B, C, H + 2, W + 2)
        shifted = self._mirrored(padded[:, :, :height, :width]) + self._mirrored(padded[:, :, 2:, 2:])
        return 0.5 * found + 0.25 * shifted

    def _mirrored(self, x: Tensor) -> Tensor:
        """(B, outputs) the mean of both sides."""
        return 0.5 * (self._logits(x) + self._logits(x.flip(3)))

    def _logits(self, x: Tensor) -> Tensor:
        x = F.gelu(F.conv2d(x, self.whitening.to(x.dtype), self.shift))  # (B, 8 C, H - 1, W - 1)
        layers = zip(self.convolutions, self.norms, self.biases, strict=True)
        for number, (convolution, norm, bias) in enumerate(layers):
            x = convolution(x)  # (B, M, H, W)
            if number % 2 == 0:
                x = F.max_pool2d(x, 2)  # (B, M, H / 2, W / 2)
            x = F.gelu(bias(norm(x)))
        return self.output(x.amax((2, 3))) * self.scale  # (B, M) → (B, outputs)


class _Bias(nn.Module):
    """Adds a number to each map; apart from the norms, so that all of them can have a learning rate of their own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]  # (B, M, H, W)


class _Norm(nn.BatchNorm2d):
    """Batch norm without scale and shift, whose running statistics follow the last few batches; a single place is
    normalised by them."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-12, momentum=0.4, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, None, None, False, 0.0, self.eps)
        return super().forward(x)  # (B, M, H, W)
