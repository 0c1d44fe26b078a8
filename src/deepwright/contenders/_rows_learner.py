"""What contenders share that train a learner on rows of numbers and then generate such rows."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from deepwright.blocks.learner import Learner
from deepwright.blocks.stream import Stream
from deepwright.contenders._generative import GenerativeModel
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.core.contender import Brief
from deepwright.core.plan import Plan
from deepwright.streams.dequantised import Dequantised

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 10
"""Rows that are shown on the way, of the same noise each time."""
WIDE: Mapping[str, Any] = {"widths": [256, 256], "activation": "silu", "dropout": 0.0}
"""Of an mlp, where a recipe says nothing else."""


class RowsModel(GenerativeModel, LearnedModel):
    """A learner of standardised rows; computes in float64, so that a batch equals row by row."""

    _exact: Any = None

    @property
    def exact(self) -> Any:
        """The learner in float64, made when it is first asked for."""
        if self._exact is None:
            self._exact = copy.deepcopy(self.learner).double().eval()
        return self._exact

    @torch.no_grad()
    def draw(self, drawn: Tensor, temperature: float) -> np.ndarray:
        return self.in_units(self.made(drawn, temperature))

    @abstractmethod
    def made(self, drawn: Tensor, temperature: float) -> Tensor:
        """(B,) keys → (B, D) standardised rows; see `draw`."""

    def standardised(self, values: np.ndarray) -> Tensor:
        """(B, D) → (B, D) float64"""
        return torch.from_numpy((values - self.task.mean) / self.task.spread)

    def in_units(self, rows: Tensor) -> np.ndarray:
        """(B, D) standardised → in the columns' units"""
        return rows.double().numpy() * self.task.spread + self.task.mean


class RowsContender(LearnedContender):
    """Trains on dequantised, standardised rows; the weights whose rows validated best stay."""

    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})
    model: ClassVar[type[RowsModel]]

    def stream(self, learner: Learner, train: pl.DataFrame, brief: Brief, plan: Plan) -> Stream:
        task = brief.task
        rows = (task.values(train, brief.encoding) - task.mean) / task.spread  # (N, D)
        widths = torch.from_numpy(task.step / task.spread).float()  # (D,)
        return Dequantised(torch.from_numpy(rows).float(), widths, batch=plan.batch, seed=plan.seed)

    def show(self, learner: Learner, brief: Brief) -> dict[str, Any] | None:
        from deepwright.blocks.counter import keys

        device = next(learner.parameters()).device
        now = self.model(learner, brief.task, brief.encoding, self.options, {})
        numbers = torch.arange(_SHOWN)
        rows = brief.task.plausible(now.draw(keys(0, torch.zeros_like(numbers), numbers), 1.0))  # (S, D)
        learner.to(device)
        return {"rows": np.round(rows, 4).tolist()}
