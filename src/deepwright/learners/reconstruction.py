"""Reconstruction: an autoencoder learns to say its input again through a narrow place.

    z = f(x)            the code, narrower than x
    x' = g(z)           the input, said again
    loss = |x' - x|²    mean over rows and numbers

Rumelhart, Hinton, Williams 1986, "Learning internal representations by error propagation", section "The encoding
problem"; Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks". With linear f and
g the best codes span the principal components (Baldi and Hornik 1989).

Axes: B rows, D numbers of a row, Z numbers of its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from torch import Tensor, nn

from deepwright.blocks.learner import Batch, Learner, Move


@final
class Reconstruction(Learner):
    """One move a batch; f and g learn together.

    encoder: {"number": (B, D)} → (B, Z).   decoder: {"number": (B, Z)} → (B, D).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"encoder": encoder, "decoder": decoder})

    def losses(self, batch: Batch) -> Iterator[Move]:
        """batch["point"]: (B, D)."""
        yield Move("net", self.errors(batch["point"]).mean())

    def errors(self, point: Tensor) -> Tensor:
        """(B, D) → (B,) mean squared error of each row."""
        again = self.net["decoder"]({"number": self.code(point)})  # (B, D)
        return (again - point).square().mean(dim=1)  # (B,)

    def code(self, point: Tensor) -> Tensor:
        """(B, D) → (B, Z)"""
        code: Tensor = self.net["encoder"]({"number": point})  # (B, Z)
        return code
