"""Perceptron: a single layer of threshold units, Rosenblatt's; finds a separating line where there is one, never XOR.

Paper: Rosenblatt, 1958, "The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain".
Rosenblatt's rule corrects the weights on mistakes only, by the input itself: w += (truth - step(w·x)) x. Here the same
comes out of following the gradient: a step is a sigmoid of endless slope, so scores are multiplied by a large `slope`,
and the gradient of cross-entropy, (sigmoid(slope · w·x) - truth) · slope · x, is the rule, `slope` going into the rate
(lr = 1 / slope is the rule with rate 1). With several classes it is Kesler's form of the rule: the true class gains x,
the class said in its place loses x. Probabilities are 0 or 1, as a perceptron only says yes or no.
For classes and tags; to predict numbers, `linear` is the same network without the step.

Axes: B rows, D input width.
"""

from __future__ import annotations

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.initialisers import initialise
from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class Perceptron(Network):
    """Inputs → Linear → step, the step being a steep sigmoid of the loss."""

    paper = "Rosenblatt, 1958, The Perceptron"
    takes = TABLE_FORMS
    published = (
        Published(
            what="one unit with two inputs, as for AND: 2 weights and a threshold",
            parameters=3,
            signature=Signature((Field(form="number", name="a"), Field(form="number", name="b"))),
            outputs=1,
        ),
    )
    recommended = {"optimizer": "sgd", "lr": 1e-3, "batch": 1, "epochs": 50, "patience": 10}

    class Config(core.Config):
        """What can be chosen about it."""

        slope: float = Limits(default=1000.0, gt=0)
        """Steepness of the sigmoid that stands for the step; 1 makes it a logistic regression."""
        bias: bool = True
        """Whether a unit's threshold is learned."""
        inputs: TableInput.Config = TableInput.Config()
        """How columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.slope = config.slope
        self.inputs = TableInput(config.inputs, signature)
        self.output = nn.Linear(self.inputs.width, outputs, bias=config.bias)
        initialise(self.output, "zero")

    @property
    def head(self) -> nn.Module:
        return self.output

    def prepare(self, batch: Batch) -> None:
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        return self.slope * self.output(self.inputs(batch))  # (B, outputs)
