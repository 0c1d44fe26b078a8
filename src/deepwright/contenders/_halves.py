"""Halves: an autoencoder of all rows beside one of a random half of them, with the clusters among their codes.

Axes: B rows, D numbers of a point, Z numbers of its code, K room for clusters, M measures of a profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
import torch
from torch import Tensor

from deepwright.blocks.learner import Batch, Learner, Move
from deepwright.learners.reconstruction import Reconstruction

_CHUNK = 4_096


@final
class Halves(Learner):
    """Two learners of one shape, each with moves of its own: `whole` sees every row, `again` the rows of the half.

    Buffers hold what follows from weights and training rows: centres among the codes (K, Z), infinitely far where
    there are fewer clusters, and the clusters' profile.
    """

    count: Tensor
    sizes: Tensor
    means: Tensor
    center: Tensor
    spread: Tensor

    def __init__(self, whole: Reconstruction, again: Reconstruction, room: int, latent: int, measures: int) -> None:
        super().__init__()
        self.whole, self.again = whole, again
        far = torch.full((room, latent), torch.inf, dtype=torch.float64)
        self.register_buffer("centres_whole", far)
        self.register_buffer("centres_again", far.clone())
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("sizes", torch.zeros(room, dtype=torch.int64))
        self.register_buffer("means", torch.zeros(room, measures, dtype=torch.float64))
        self.register_buffer("center", torch.zeros(measures, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(measures, dtype=torch.float64))

    def losses(self, batch: Batch) -> Iterator[Move]:
        """batch["point"] (B, D), and as many rows of the half as batch["again"] (B, D)."""
        for name, point in (("whole", batch["point"]), ("again", batch["again"])):
            for part, loss in self.autoencoder(name).losses({"point": point}):
                yield Move(f"{name}.{part}", loss)

    def autoencoder(self, name: str) -> Reconstruction:
        """ "whole" or "again"."""
        found: Reconstruction = getattr(self, name)
        return found

    def centres(self, name: str) -> Tensor:
        """(K, Z) float64 of "whole" or "again"."""
        found: Tensor = getattr(self, f"centres_{name}")
        return found

    @torch.no_grad()
    def codes(self, name: str, points: np.ndarray) -> np.ndarray:
        """(B, D) → (B, Z) float64."""
        learner, device = self.autoencoder(name), self.count.device
        parts = [learner.code(part.to(device)).double().cpu() for part in torch.from_numpy(points).split(_CHUNK)]
        return torch.cat(parts).numpy()

    def clusters(self, name: str, points: np.ndarray) -> np.ndarray:
        """(B, D) → (B,) int64: the cluster of the nearest centre."""
        codes = torch.from_numpy(self.codes(name, points))  # (B, Z)
        apart = (codes[:, None] - self.centres(name).cpu()).square().sum(dim=2)  # (B, K)
        return apart.argmin(dim=1).numpy()
