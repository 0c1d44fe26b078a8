"""GAN: a generator and a critic that learn against each other; any networks of rows of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl
from pydantic import Field
from torch import Tensor

from deepwright.contenders._generative import latent, subnetwork
from deepwright.contenders._learned import LearnedContender
from deepwright.contenders._rows_learner import WIDE, RowsContender, RowsModel
from deepwright.core.encoding import Encoding
from deepwright.learners.adversarial import Adversarial

_CRITIC = {**WIDE, "activation": "leaky_relu"}


class GanModel(RowsModel):
    """Rows of a generator; it has no likelihood."""

    def made(self, drawn: Tensor, temperature: float) -> Tensor:
        return self.exact.sample(temperature * latent(drawn, self.exact.noise))


class Gan(RowsContender):
    """Relativistic unless told otherwise, with a penalty on slopes; the moving average of its weights answers."""

    name: ClassVar[str] = "gan"
    paper: ClassVar[str] = "Goodfellow et al., 2014, Generative Adversarial Nets"
    recommended = {
        "optimizer": "adam", "betas": (0.0, 0.99), "lr": 1e-3, "batch": 128, "ema": 0.998, "steps": 12_000,
        "schedule": "linear", "report_every": 600,
    }  # fmt: skip
    model: ClassVar[type[RowsModel]] = GanModel

    class Options(LearnedContender.Options):
        """The contender's keys in a recipe."""

        generator: str = "mlp"
        """The network that makes rows of noise."""
        generator_config: dict[str, Any] = dict(WIDE)
        """Its settings."""
        critic: str = "mlp"
        """The network that tells them from real rows."""
        critic_config: dict[str, Any] = dict(_CRITIC)
        """Its settings."""
        noise: int = Field(default=32, ge=1, le=4096)
        """Numbers of noise that a row is made of."""
        critic_steps: int = Field(default=1, ge=1, le=100)
        """Moves of the critic for one of the generator."""
        penalty: float = Field(default=1.0, ge=0)
        """γ of the penalty on the critic's slope: 0.1 to 10, more for less stable games; 0 for none."""
        paired: bool = True
        """Whether the critic compares a generated row with a real one (against a generator that makes few kinds of
        rows), or judges each by itself, as the first GAN did."""

    def build(self, task: Any, encoding: Encoding) -> Adversarial:
        said = self.options
        assert isinstance(said, Gan.Options)
        width = task.width
        generator = subnetwork(said.generator, said.generator_config, "generator", said.noise, width)
        critic = subnetwork(said.critic, said.critic_config, "critic", width, 1)
        return Adversarial(
            generator,
            critic,
            noise=said.noise,
            critic_steps=said.critic_steps,
            penalty=said.penalty,
            paired=said.paired,
        )

    def about(self, learner: Any) -> str:
        nets = f"generator {learner.generator.net.about()}, critic {learner.critic.net.about()}"
        return f"GAN of {learner.noise} numbers of noise ({nets})"

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Options:
        small = {"widths": [16], "dropout": 0.0}
        training = {"steps": 40, "batch": 32, "report_every": 20}
        return cls.Options(generator_config=small, critic_config=small, noise=4, training=training)
