"""Next token: at every position, the chance of what follows; what language models learn from.

Paper: Shannon, 1951, "Prediction and Entropy of Printed English"; Bengio, Ducharme, Vincent, Jauvin, 2003, "A Neural
Probabilistic Language Model".

    p(x_1 … x_T) = ∏_t p(x_t | x_1 … x_{t-1})               the chain rule
    p(x_t = v | x_1 … x_{t-1}) = softmax(net(x_1 … x_{t-1}))_v
    loss = − mean_t log p(x_t | x_1 … x_{t-1})              in nats; the mean over all positions of all rows

Axes: B rows, T positions, V tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.learner import Batch, Learner, Move


@final
class NextToken(Learner):
    """One move a batch: down the mean surprise at what follows each position.

    net:   batch → logits (B, T, V), of which position t has seen the tokens up to t alone.
    first: tokens below it stand for no text (padding, the beginning): they are never predicted.
    """

    def __init__(self, net: nn.Module, first: int) -> None:
        super().__init__()
        self.net = net
        self.first = first

    def losses(self, batch: Batch) -> Iterator[Move]:
        """One move; batch["target"] (B, T) is what follows each token."""
        nats = surprise(self.net(batch), batch["target"], self.first)  # (B, T)
        known = (batch["target"] >= self.first).sum().clamp(min=1)  # ()
        yield Move("net", nats.sum() / known)


def surprise(logits: Tensor, target: Tensor, first: int) -> Tensor:
    """(B, T, V) and (B, T) → (B, T) nats of each target among the tokens from `first` on; 0 for targets below."""
    wanted = (target - first).clamp(min=-1)  # (B, T), -1: nothing to predict
    nats = F.cross_entropy(
        logits[..., first:].flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction="none"
    )  # (B T)
    return nats.view(target.shape)  # (B, T)
