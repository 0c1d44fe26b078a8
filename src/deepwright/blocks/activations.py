"""Activations by name: what makes a stack of linear layers more than one linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from deepwright.core.errors import not_found


class HardStep(nn.Module):
    """1 where the input is above 0, else 0: the neuron of McCulloch and Pitts (1943). Its gradient is 0 everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)  # same shape


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "step": HardStep,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
}
"""Name → module. "swish" is Ramachandran's name (2017) for what Elfwing (2017) called SiLU: x · sigmoid(x)."""


def activation(name: str) -> nn.Module:
    """A new module of that name, for any input shape; raises NotFoundError offering the nearest name.

    "softmax" (over the last dimension) belongs after the last layer only; the losses here take raw outputs.
    """
    if name == "softmax":
        return nn.Softmax(dim=-1)
    if name not in ACTIVATIONS:
        raise not_found("activation", name, [*ACTIVATIONS, "softmax"])
    return ACTIVATIONS[name]()
