"""What DQN and PPO share as contenders: networks that see an observation, and acting greedily in double precision."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from deepwright.contenders._agent import Choose, play, witnessed
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.contenders._settings import settings
from deepwright.core.contender import Brief
from deepwright.core.environment import Spaces
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, preset
from deepwright.tasks.control import Control


class AgentModel(LearnedModel):
    """A learner with `best(obs (B, D)) → (B,)`, which acts so in every episode."""

    task: Control

    def policy(self, seeds: list[int]) -> Choose:
        """In double precision: how many episodes are played at once must not tip a choice that is nearly a tie."""
        learner: Any = copy.deepcopy(self.learner).double()

        def choose(seen: np.ndarray, which: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return learner.best(torch.from_numpy(seen).double()).numpy()

        return choose

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self.task.predictions(*play(self.task, self.task.seeds(frame), self.policy))

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        """The first validation episode, step by step, and how it went on the way."""
        shown = super().exhibits(frame) or {}
        if frame.height:
            seed = self.task.seeds(frame.head(1))[0]
            shown["replay"] = witnessed(self.task, seed, self.policy([seed]))
        return shown or None


class AgentContender(LearnedContender):
    """Learns by acting."""

    tasks = frozenset({"control"})
    model = AgentModel

    def show(self, learner: Any, brief: Brief) -> dict[str, Any] | None:
        """The return of one episode, the same each time, with the weights of that moment."""
        task: Control = brief.task
        now = self.model(learner, task, brief.encoding, self.options, {})
        returns, steps = play(task, [_WATCHED], now.policy)
        return {"return": float(returns[0]), "length": int(steps[0])}


_WATCHED = 999_999_999
"""Seed of the episode that is looked at on the way."""


class Eyes(nn.Module):
    """A network of the catalogue as a function of observations: (…, D) → (…, outputs)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, obs: Tensor) -> Tensor:
        """Observations are the network's number columns, in order."""
        out = self.network({"number": obs.reshape(-1, obs.shape[-1])})  # (B, outputs)
        return out.reshape(*obs.shape[:-1], -1)


def eyes(name: str, config: dict[str, Any], spaces: Spaces, outputs: int) -> Eyes:
    """A fresh network; raises NotFoundError or RecipeError for a name or keys that are not there."""
    signature = Signature(tuple(Field(form="number", name=f"observation {i}") for i in range(spaces.width)))
    of = find("network", name)
    if not signature.forms <= of.takes or of.per_position:
        raise RecipeError(
            f"the network {name} takes {', '.join(sorted(of.takes))}, observations are numbers.",
            where="network",
            remedy="Use mlp or residual_mlp, for example.",
        )
    made = settings(of.Config, {**preset("network", name), **config}, "config")
    return Eyes(of(made, signature, outputs))
