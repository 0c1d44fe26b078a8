"""Linear model: one layer from inputs to outputs; linear, logistic and softmax regression, by the task's loss.

Paper: none; least squares is Legendre's (1805), logistic regression Cox's (1958). Kept as the network that every
deeper one has to beat. It starts at zero: the loss is convex, so the start does not matter, and zero is neutral.

Axes: B rows, D input width.
"""

from __future__ import annotations

from torch import Tensor, nn

from deepwright.blocks.initialisers import initialise
from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class Linear(Network):
    """Inputs → Linear → outputs."""

    paper = "Cox, 1958, The Regression Analysis of Binary Sequences"
    takes = TABLE_FORMS
    published = (
        Published(
            what="softmax regression on the four measurements of iris: 4 · 3 + 3",
            parameters=15,
            signature=Signature(tuple(Field(form="number", name=name) for name in ("sl", "sw", "pl", "pw"))),
            outputs=3,
        ),
    )
    recommended = {"optimizer": "adamw", "lr": 1e-2, "batch": 256, "epochs": 200, "patience": 16}

    class Config(core.Config):
        """What can be chosen about it."""

        bias: bool = True
        """Whether each output has a number added, so that it need not be 0 where all inputs are 0."""
        initialiser: str = "zero"
        """Name of the initialiser of the weights."""
        inputs: TableInput.Config = TableInput.Config()
        """How columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.inputs = TableInput(config.inputs, signature)
        self.output = nn.Linear(self.inputs.width, outputs, bias=config.bias)
        initialise(self.output, config.initialiser)

    @property
    def head(self) -> nn.Module:
        return self.output

    def prepare(self, batch: Batch) -> None:
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        return self.output(self.inputs(batch))  # (B, outputs)
