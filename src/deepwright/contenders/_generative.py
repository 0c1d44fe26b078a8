"""What contenders that generate rows share: randomness that belongs to a row, answers, and new rows on order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from deepwright.blocks.counter import keys, mix, normal, uniform
from deepwright.blocks.network import Network
from deepwright.contenders._settings import settings
from deepwright.core.contender import Model, Order
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find

if TYPE_CHECKING:
    from deepwright.core.encoding import Encoding

_BLOCK = 500
"""Rows made at once."""
_PLACE, _LATENT, _NOISE = 1, 2, 3
"""Draws of a key, each independent of the others."""


def row_keys(values: np.ndarray) -> Tensor:
    """(B, D) float64 → (B,) int64, a hash of each row's content."""
    bits = torch.from_numpy(np.ascontiguousarray(values) + 0.0).view(torch.int64)  # (B, D); −0 becomes 0
    return mix(mix(bits + mix(torch.arange(bits.shape[1]))).sum(dim=1))  # (B,)


class GenerativeModel(Model):
    """A model that makes rows of a `Generation` task. It needs `task` and `encoding`, and says how it draws."""

    task: Any
    encoding: Encoding

    @abstractmethod
    def draw(self, drawn: Tensor, temperature: float) -> np.ndarray:
        """(B,) keys → (B, D) float64 rows in the columns' units; everything random comes from the keys.

        temperature: the standard deviation of the noise it starts from, relative to training.
        """

    def log_density(self, values: np.ndarray, drawn: Tensor) -> np.ndarray | None:
        """(B, D) dequantised rows, (B,) keys → (B,) log densities in the columns' units; None where there is none."""
        return None

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        values = self.task.values(frame, self.encoding)  # (B, D)
        made = [self._answer(values[start : start + _BLOCK]) for start in range(0, max(len(values), 1), _BLOCK)]
        return pl.concat(made)

    def _answer(self, values: np.ndarray) -> pl.DataFrame:
        drawn = row_keys(values)  # (B,)
        made = self.task.plausible(self.draw(drawn, 1.0))  # (B, D)
        density = self.log_density(dequantised(values, self.task, drawn), drawn)
        likely = [None] * len(values) if density is None else density.tolist()
        return pl.DataFrame(
            {
                "generated": pl.Series(made.tolist(), dtype=pl.List(pl.Float64)),
                "log_likelihood": pl.Series(likely, dtype=pl.Float64),
            }
        )

    def generate(self, order: Order) -> Iterator[pl.DataFrame]:
        for start in range(0, order.count, _BLOCK):
            numbers = torch.arange(start, min(order.count, start + _BLOCK))  # (b,)
            drawn = keys(order.seed, torch.zeros_like(numbers), numbers)  # (b,)
            yield self.task.framed(self.task.plausible(self.draw(drawn, order.temperature)))


def dequantised(values: np.ndarray, task: Any, drawn: Tensor) -> np.ndarray:
    """(B, D) with whole numbers moved to a place within their interval."""
    return values + task.step * (uniform(drawn, values.shape[1], _PLACE).double().numpy() - 0.5)


def latent(drawn: Tensor, width: int) -> Tensor:
    """(B,) keys → (B, width) standard normal: what a row is made from."""
    return normal(drawn, width, _LATENT).double()


def noise(drawn: Tensor, width: int) -> Tensor:
    """(B,) keys → (B, width) standard normal: what is added to a row."""
    return normal(drawn, width, _NOISE).double()


# ---------------------------------------------------------------- networks of a learner
class OnRows(nn.Module):
    """A network of columns as one of rows: (B, I) → (B, O)."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net

    def forward(self, rows: Tensor) -> Tensor:
        made = self.net({"number": rows})  # (B, O), or (B, M, O) for M members
        return made if made.ndim == 2 else made.mean(dim=1)


def subnetwork(name: str, config: Mapping[str, Any], role: str, inputs: int, outputs: int) -> OnRows:
    """The network called `name` for rows of `inputs` numbers; raises RecipeError where it does not take them.

    config: its settings, under the key ROLE_config of the recipe.
    """
    kind: type[Network] = find("network", name)
    if "number" not in kind.takes:
        raise RecipeError(f"'{name}' takes no rows of numbers.", where=role, remedy="Use mlp.")
    signature = Signature(tuple(Field(form="number", name=f"x{i}") for i in range(inputs)))
    return OnRows(kind(settings(kind.Config, config, f"{role}_config"), signature, outputs))
