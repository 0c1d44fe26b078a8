"""Augmentation: pictures changed at random while training, so that a network learns what does not matter; the contract
of `augmentations/`.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from deepwright.blocks import counter
from deepwright.blocks.image_network import in_unit
from deepwright.blocks.network import Batch
from deepwright.core.config import Config

_FIRST_DRAW = 1 << 16
"""Draws below are the learner's own: noise, mixtures."""


class Draws:
    """Random numbers that belong to the rows of a batch, not to the batch: a hash of (seed, epoch, row, place).

    epoch, row: (B,) int64. place: the augmentation's place in its list, so that no two share their numbers.
    """

    def __init__(self, seed: int, epoch: Tensor, row: Tensor, place: int = 0) -> None:
        self.epoch = epoch
        self._seed, self._row, self._place = seed, row, place

    def uniform(self, width: int = 1, draw: int = 0) -> Tensor:
        """(B, width) float32 in (0, 1), new in each epoch; another `draw` gives independent numbers."""
        return counter.uniform(self._keys(self.epoch), width, self._number(draw))

    def normal(self, width: int, draw: int = 0) -> Tensor:
        """(B, width) float32, standard normal, new in each epoch."""
        return counter.normal(self._keys(self.epoch), width, self._number(draw) + 1)

    def lasting(self, draw: int = 0) -> Tensor:
        """(B,) float32 in (0, 1), the same in all epochs."""
        return counter.uniform(self._keys(torch.zeros_like(self.epoch)), 1, self._number(draw) + 1)[:, 0]

    def between(self, low: float, high: float, draw: int = 0) -> Tensor:
        """(B,) float32 in (low, high), new in each epoch."""
        return low + (high - low) * self.uniform(1, draw)[:, 0]

    def chance(self, share: float, draw: int = 0) -> Tensor:
        """(B,) bool, true for that share of the rows."""
        return self.uniform(1, draw)[:, 0] < share

    def _keys(self, epoch: Tensor) -> Tensor:
        return counter.keys(self._seed, epoch, self._row)  # (B,)

    def _number(self, draw: int) -> int:
        """A multiple of 4, so that n, n + 1 and a normal number's 2 n + 2 and 2 n + 3 never meet."""
        return _FIRST_DRAW * (self._place + 1) + 4 * draw


class Augmentation(ABC):
    """One way to change pictures, one file in `augmentations/`; the file's name is its name in recipes.

    It is used while training and never on validation, test or prediction rows. Every row is changed by numbers of its
    own, `Draws`, so that what happens to it does not depend on the batch it is in.

    keeps_bytes: whether it only moves pixels, so that bytes stay bytes; others are given numbers from 0 to 1.
    """

    name: ClassVar[str]
    keeps_bytes: ClassVar[bool] = False

    class Options(Config):
        """Its keys in a recipe; none by default. Subclasses redefine it."""

    @abstractmethod
    def __init__(self, options: Config) -> None:
        """Keep the options."""

    @abstractmethod
    def __call__(self, pixels: Tensor, draws: Draws) -> Tensor:
        """(B, C, H, W) float32 from 0 to 1, or uint8 where it keeps bytes → the same shape and type."""

    @abstractmethod
    def about(self) -> str:
        """For people, with its numbers: "crop 4"."""

    def disguises(self) -> str | None:
        """What it does that the name of a thing may not survive: "mirrors pictures"; None where names stay true."""
        return None


class Augmented:
    """Batches in, batches with changed pictures out.

    steps: done in order. columns: of pictures; those of one row are changed alike. seed: of all draws.
    """

    def __init__(self, steps: Sequence[Augmentation], columns: Sequence[str], seed: int) -> None:
        self.steps, self.columns, self.seed = tuple(steps), tuple(columns), seed

    def __call__(self, batch: Batch) -> Batch:
        changed = {f"image:{name}": self._changed(batch[f"image:{name}"], batch) for name in self.columns}
        return batch | changed

    def _changed(self, pixels: Tensor, batch: Batch) -> Tensor:
        for place, step in enumerate(self.steps):
            draws = Draws(self.seed, batch["epoch"], batch["row"], place)
            pixels = step(pixels if step.keeps_bytes else in_unit(pixels), draws)  # (B, C, H, W)
        return pixels
