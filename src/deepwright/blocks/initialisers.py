"""Initialisers by name: how weights start, so that signals neither vanish nor explode through depth.

fan_in: numbers that flow into a unit; fan_out: numbers that a unit feeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Generator, Tensor, nn

from deepwright.core.errors import not_found

Initialiser = Callable[[Tensor, Generator | None], Tensor]


def zero(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """0. Right for convex models and for biases; in a hidden layer all units would stay equal."""
    return nn.init.zeros_(weight)


def normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """N(0, 0.01²), as before 2010: shrinks signals with depth. Krizhevsky et al. (2012)."""
    return nn.init.normal_(weight, 0.0, 0.01, generator=generator)


def uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """U(-a, a), a = 1 / sqrt(fan_in): LeCun's rule (1998), PyTorch's own default for linear layers."""
    bound = 1 / math.sqrt(_fan_in(weight))
    return nn.init.uniform_(weight, -bound, bound, generator=generator)


def xavier_uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)). Glorot and Bengio (2010), for tanh and sigmoid."""
    return nn.init.xavier_uniform_(weight, generator=generator)


def xavier_normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """N(0, s²), s = sqrt(2 / (fan_in + fan_out)). Glorot and Bengio (2010)."""
    return nn.init.xavier_normal_(weight, generator=generator)


def kaiming_uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """U(-a, a), a = sqrt(6 / fan_in). He et al. (2015), for ReLU, which halves the variance."""
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)


def kaiming_normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """N(0, s²), s = sqrt(2 / fan_in). He et al. (2015)."""
    return nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def orthogonal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Rows (or columns, if fewer) of length 1 at right angles: keeps norms exactly. Saxe et al. (2014)."""
    return nn.init.orthogonal_(weight, generator=generator)


INITIALISERS: dict[str, Initialiser] = {
    "zero": zero,
    "normal": normal,
    "uniform": uniform,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "glorot_normal": xavier_normal,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
    "he_uniform": kaiming_uniform,
    "he_normal": kaiming_normal,
    "orthogonal": orthogonal,
}
"""Name → function that fills a weight (fan_out, fan_in) in place."""

_SATURATING = frozenset({"sigmoid", "tanh", "softmax", "identity", "step"})


def matched(activation: str) -> str:
    """The initialiser that goes with an activation: Xavier for those that saturate, Kaiming for ReLU's family."""
    return "xavier_uniform" if activation in _SATURATING else "kaiming_uniform"


def initialise(module: nn.Module, name: str, generator: Generator | None = None) -> None:
    """Fill the weight of every linear layer in `module` by `name`, and its bias with 0; other layers stay as they are.

    generator: where randomness comes from; None is PyTorch's global one. Raises NotFoundError with the nearest name.
    """
    if name not in INITIALISERS:
        raise not_found("initialiser", name, INITIALISERS)
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            INITIALISERS[name](layer.weight.data, generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias.data)


def initialise_maps(module: nn.Module) -> None:
    """Fill every convolution in `module` by N(0, 2 / fan_out), so that gradients keep their size on the way back
    through ReLU (He et al., 2015), and its bias with 0; other layers stay as they are."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.weight[0, 0].numel() * layer.out_channels // layer.groups
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _fan_in(weight: Tensor) -> int:
    return weight[0].numel()
