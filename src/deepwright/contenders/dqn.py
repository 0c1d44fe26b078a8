"""DQN: deep Q-learning from a replay buffer, with a target network (Mnih et al. 2015)."""

from __future__ import annotations

from typing import Any, ClassVar, final

import polars as pl
from pydantic import Field

from deepwright.contenders._deep_agent import AgentContender, eyes
from deepwright.contenders._learned import LearnedContender
from deepwright.core.config import Config
from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.plan import Plan
from deepwright.learners.dqn import DQN
from deepwright.streams._worlds import Worlds
from deepwright.streams.replay import Exploration, Replay
from deepwright.tasks.control import Control

_SMALL = {"widths": [128, 128], "dropout": 0.0, "initialiser": "uniform"}


@final
class DeepQ(AgentContender):
    """A network values every action; it learns from steps drawn from a buffer, and is judged without exploring.

    One optimizer step for each `stride` steps in each of `worlds` worlds. A moving average of the weights is what
    validates; the one that did best in the validation episodes is kept.
    """

    name = "dqn"
    paper = "Mnih et al., 2015, Human-level control through deep reinforcement learning"
    recommended: ClassVar = {
        "optimizer": "adam", "lr": 2e-3, "schedule": "linear", "batch": 64, "clip": 10.0, "ema": 0.99,
        "steps": 16_000, "report_every": 1_000, "patience": 10,
    }  # fmt: skip

    class Options(LearnedContender.Options):
        """The network, the buffer and how it explores."""

        network: str = "mlp"
        """Any network that takes numbers: observation → a value for each action."""
        config: dict[str, Any] | None = None
        """Keys of that network's Config; None: two layers of 128 for mlp, with first weights as PyTorch draws them
        (smaller than Kaiming's), and the defaults of any other."""
        discount: float = Field(default=0.99, ge=0, le=1)
        """γ, what a reward one step later is worth."""
        double: bool = True
        """One network chooses the best next action and the other values it (van Hasselt et al. 2016)."""
        sync: int = Field(default=32, ge=1)
        """Optimizer steps between two copies into the target network; unused with `blend`."""
        blend: float | None = Field(default=None, gt=0, le=1)
        """Share of the way that the target network follows after each step; None: copies every `sync` steps."""
        bend: float = Field(default=100.0, gt=0)
        """δ, the error from which the loss grows linearly; the paper has 1, with rewards cut to ±1."""
        worlds: int = Field(default=4, ge=1, le=1024)
        """Environments it acts in at once."""
        stride: int = Field(default=1, ge=1)
        """Steps in each world for one optimizer step."""
        keep: int = Field(default=100_000, ge=1)
        """Steps that the buffer holds."""
        warmup: int = Field(default=1_000, ge=1)
        """Steps before it learns anything."""
        exploration: float = Field(default=1.0, ge=0, le=1)
        """ε at first: share of actions drawn at random."""
        last_exploration: float = Field(default=0.05, ge=0, le=1)
        """ε after `explore_for` steps."""
        explore_for: int = Field(default=10_000, ge=1)
        """Steps in all worlds together during which ε falls."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Control, encoding: Encoding) -> Config:
        return cls.Options(training={"steps": 60, "report_every": 30}, warmup=200, keep=500)

    def build(self, task: Control, encoding: Encoding) -> DQN:
        options = self.options
        small = _SMALL if options.network == "mlp" else {}
        config = small if options.config is None else options.config
        net = eyes(options.network, config, task.spaces, task.spaces.actions)
        return DQN(
            net,
            discount=options.discount,
            double=options.double,
            sync=options.sync,
            blend=options.blend,
            bend=options.bend,
        )

    def stream(self, learner: Any, train: pl.DataFrame, brief: Brief, plan: Plan) -> Replay:
        options, task = self.options, brief.task
        return Replay(
            Worlds(task.environment, task.spaces, count=options.worlds, seed=plan.seed),
            batch=256 if plan.batch == "full" else plan.batch,
            keep=options.keep,
            warmup=options.warmup,
            stride=options.stride,
            exploration=Exploration(
                first=options.exploration, last=options.last_exploration, steps=options.explore_for
            ),
            seed=plan.seed,
        )

    def about(self, learner: Any) -> str:
        double = "double DQN" if self.options.double else "DQN"
        return f"{double} on {learner.net.network.about()}"
