"""Start: weights that a network takes over from another one, and the part of it that stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from torch import Tensor, nn

from deepwright.blocks.network import Batch, Network
from deepwright.core.errors import InternalError, RecipeError


class FrozenBody(nn.Module):
    """A network of which only the head learns: the rest has no gradients and stays in evaluation mode, so that
    neither weights nor running statistics move."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net
        inside = {id(parameter) for parameter in net.head.parameters()}
        for parameter in net.parameters():
            parameter.requires_grad_(id(parameter) in inside)
        self._before = self.digest()

    def train(self, mode: bool = True) -> FrozenBody:
        super().train(mode)
        kept = set(self.net.head.modules())
        for module in self.net.modules():
            if module not in kept:
                module.training = False
        return self

    def forward(self, batch: Batch) -> Tensor:
        return self.net(batch)

    def digest(self) -> str:
        """sha256 over every number of the body."""
        found = hashlib.sha256()
        for name, tensor in _body(self.net):
            found.update(name.encode())
            found.update(tensor.numpy(force=True).tobytes())
        return found.hexdigest()

    def check(self) -> None:
        """Raises InternalError when the body is not what it was, bit for bit."""
        if self.digest() != self._before:
            raise InternalError("weights that were frozen have changed.")


def carry(source: Network, net: Network, *, replace_head: bool) -> None:
    """Copy the body of `source` into `net`, and its head unless it is to be replaced.

    Raises RecipeError naming what does not fit.
    """
    theirs = source.state_dict()
    for name, tensor in _body(net) if replace_head else iter(net.state_dict().items()):
        found = theirs.get(name)
        if found is None or found.shape != tensor.shape:
            came = "is not there" if found is None else f"has the shape {tuple(found.shape)}"
            raise RecipeError(
                f"'{name}' of the network to start from {came}, expected {tuple(tensor.shape)}.",
                where="pretrain",
                remedy="Start from the same network with the same config, on columns of the same names and kinds.",
            )
        tensor.detach().copy_(found)


def _body(net: Network) -> Iterator[tuple[str, Tensor]]:
    """Everything but the head: parameters and buffers by name."""
    head = {id(tensor) for tensor in [*net.head.parameters(), *net.head.buffers()]}
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if id(tensor) not in head:
            yield name, tensor
