"""PPO: proximal policy optimisation, an actor and a critic that learn from what they just lived (Schulman 2017)."""

from __future__ import annotations

from typing import Any, ClassVar, final

import polars as pl
import torch
from pydantic import Field

from deepwright.contenders._deep_agent import AgentContender, eyes
from deepwright.contenders._learned import LearnedContender
from deepwright.core.config import Config
from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.plan import Plan
from deepwright.learners.ppo import PPO
from deepwright.streams._worlds import Worlds
from deepwright.streams.rollouts import Rollouts
from deepwright.tasks.control import Control

_SMALL = {"widths": [64, 64], "activation": "tanh", "dropout": 0.0, "initialiser": "orthogonal"}
_TIMID = 0.01
"""Factor of the actor's first output weights: it begins without a preference (Andrychowicz et al. 2021)."""


@final
class ProximalPolicy(AgentContender):
    """An actor that says how likely each action is and a critic that says what to expect; judged by the likeliest.

    Each stretch of worlds × horizon steps is used for epochs × minibatches optimizer steps and then thrown away. Keeps
    the weights that did best in the validation episodes.
    """

    name = "ppo"
    paper = "Schulman et al., 2017, Proximal policy optimization algorithms"
    recommended: ClassVar = {
        "optimizer": "adam", "lr": 1e-3, "eps": 1e-5, "schedule": "linear", "clip": 0.5, "steps": 8_000,
        "report_every": 400, "patience": 8,
    }  # fmt: skip

    class Options(LearnedContender.Options):
        """Networks, worlds, and the numbers of equation 9."""

        network: str = "mlp"
        """Any network that takes numbers; actor and critic are one each."""
        config: dict[str, Any] | None = None
        """Keys of that network's Config; None: two layers of 64 with tanh for mlp, and the defaults of any other."""
        discount: float = Field(default=0.99, ge=0, le=1)
        """γ, what a reward one step later is worth."""
        trace: float = Field(default=0.95, ge=0, le=1)
        """λ of the advantages: 0 trusts the critic, 1 the rewards."""
        ratio: float = Field(default=0.2, gt=0, lt=1)
        """ε, how far from 1 the ratio of new and old policy still counts."""
        value_weight: float = Field(default=0.5, ge=0)
        """c₁, of the critic's squared error."""
        entropy_weight: float = Field(default=0.0, ge=0)
        """c₂, of the policy's entropy."""
        epochs: int = Field(default=10, ge=1)
        """Times that a stretch is gone through."""
        minibatches: int = Field(default=4, ge=1)
        """Parts that it is cut into each time."""
        worlds: int = Field(default=8, ge=1, le=1024)
        """Environments it acts in at once."""
        horizon: int = Field(default=128, ge=1)
        """Steps of a stretch in each world."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Control, encoding: Encoding) -> Config:
        return cls.Options(training={"steps": 40, "report_every": 20}, worlds=4, horizon=16)

    def build(self, task: Control, encoding: Encoding) -> PPO:
        options = self.options
        small = _SMALL if options.network == "mlp" else {}
        config = small if options.config is None else options.config
        actor = eyes(options.network, config, task.spaces, task.spaces.actions)
        critic = eyes(options.network, config, task.spaces, 1)
        with torch.no_grad():
            for parameter in actor.network.head.parameters():
                parameter.mul_(_TIMID)
        return PPO(
            actor,
            critic,
            discount=options.discount,
            trace=options.trace,
            clip=options.ratio,
            value_weight=options.value_weight,
            entropy_weight=options.entropy_weight,
            epochs=options.epochs,
            minibatches=options.minibatches,
        )

    def stream(self, learner: Any, train: pl.DataFrame, brief: Brief, plan: Plan) -> Rollouts:
        options, task = self.options, brief.task
        worlds = Worlds(task.environment, task.spaces, count=options.worlds, seed=plan.seed)
        return Rollouts(worlds, horizon=options.horizon)

    def about(self, learner: Any) -> str:
        return f"PPO, actor and critic each {learner.agent['actor'].network.about()}"
