"""MLP: the multilayer perceptron; any widths and depth, activation, norm, dropout and initialiser.

Paper: Rumelhart, Hinton, Williams, 1986, "Learning representations by back-propagating errors". Since then: ReLU (Nair
and Hinton, 2010), dropout (Srivastava et al., 2014), batch and layer norm, all of them here to choose.

Axes: B rows, D input width, H width of a hidden layer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.activations import activation
from deepwright.blocks.dropout import Dropout
from deepwright.blocks.initialisers import initialise, matched
from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.blocks.norms import norm
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature

_XOR = Signature((Field(form="number", name="a"), Field(form="number", name="b")))
_IRIS = Signature(tuple(Field(form="number", name=name) for name in ("sl", "sw", "pl", "pw")))


class MLP(Network):
    """Inputs → (Linear → norm → activation → dropout) for each width → Linear → outputs."""

    paper = "Rumelhart, Hinton, Williams, 1986, Learning representations by back-propagating errors"
    takes = TABLE_FORMS
    published = (
        Published(what="2-2-1, as for XOR", parameters=9, signature=_XOR, outputs=1, config={"widths": [2]}),
        Published(what="4-16-3, as for iris", parameters=131, signature=_IRIS, outputs=3, config={"widths": [16]}),
    )
    recommended = {"optimizer": "adamw", "lr": 1e-3, "batch": 256, "epochs": 200, "patience": 16}

    class Config(core.Config):
        """What can be chosen about it."""

        widths: tuple[Annotated[int, Limits(ge=1, le=100_000)], ...] = Limits(default=(256, 256), max_length=1000)
        """Units of each hidden layer, in order; an empty list is a linear model."""
        activation: str = "relu"
        """Between layers: sigmoid, tanh, relu, leaky_relu, prelu, elu, gelu, silu, swish, identity."""
        norm: Literal["none", "batch", "layer"] = "none"
        """Normalise each hidden layer before its activation."""
        dropout: float = Limits(default=0.1, ge=0, lt=1)
        """Share of hidden units silenced at random while training."""
        initialiser: str | None = None
        """Name of the initialiser; None: Kaiming for ReLU and its family, Xavier for sigmoid and tanh."""
        bias: bool = True
        """Whether units have a number added."""
        inputs: TableInput.Config = TableInput.Config()
        """How columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.inputs = TableInput(config.inputs, signature)
        layers: list[nn.Module] = []
        width = self.inputs.width
        for hidden in config.widths:
            layers += [nn.Linear(width, hidden, bias=config.bias), norm(config.norm, hidden)]
            layers += [activation(config.activation), Dropout(config.dropout)]
            width = hidden
        self.widths = config.widths
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(width, outputs, bias=config.bias)
        initialise(self.body, config.initialiser or matched(config.activation))
        initialise(self.output, config.initialiser or "xavier_uniform")

    @property
    def head(self) -> nn.Module:
        return self.output

    def about(self) -> str:
        return f"MLP, hidden layers of {', '.join(map(str, self.widths)) or 'none'}"

    def prepare(self, batch: Batch) -> None:
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        x = self.inputs(batch)  # (B, D)
        x = self.body(x)  # (B, H)
        return self.output(x)  # (B, outputs)
