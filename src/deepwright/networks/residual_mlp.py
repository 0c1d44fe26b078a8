"""Residual MLP: blocks that add to what they are given, so that depth does no harm; the "ResNet" of tables.

Paper: Gorishniy, Rubachev, Khrulkov, Babenko, 2021, "Revisiting Deep Learning Models for Tabular Data", section 3.2,
after He et al. (2016). A block is x + dropout(Linear(dropout(ReLU(Linear(norm(x)))))); norm and ReLU precede the head.
Differs from the paper: categories with few codes enter one-hot, the norm can be chosen.

Axes: B rows, D input width, H width of the stream, I inner width of a block.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.activations import activation
from deepwright.blocks.dropout import Dropout
from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.blocks.norms import norm
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class ResidualMLP(Network):
    """Inputs → Linear → residual blocks → norm → activation → Linear → outputs."""

    paper = "Gorishniy, Rubachev, Khrulkov, Babenko, 2021, Revisiting Deep Learning Models for Tabular Data"
    takes = TABLE_FORMS
    published = (
        Published(
            what="8 numbers, width 192, inner 384, 2 blocks: 9·192 + 2·(2·192 + 193·384 + 385·192) + 2·192 + 193",
            parameters=299_137,
            signature=Signature(tuple(Field(form="number", name=str(i)) for i in range(8))),
            outputs=1,
        ),
    )
    recommended = {
        "optimizer": "adamw",
        "lr": 1e-3,
        "weight_decay": 1e-5,
        "batch": 256,
        "epochs": 200,
        "patience": 16,
        "threads": 1,
    }

    class Config(core.Config):
        """What can be chosen about it; defaults are those of the authors' package."""

        width: int = Limits(default=192, ge=1, le=100_000)
        """Numbers in the stream that blocks add to."""
        inner: float = Limits(default=2.0, gt=0, le=100)
        """Inner width of a block as a multiple of `width`."""
        blocks: int = Limits(default=2, ge=1, le=1000)
        """Blocks one after the other."""
        activation: str = "relu"
        """In blocks and before the head."""
        norm: Literal["none", "batch", "layer"] = "batch"
        """At the entry of each block and before the head."""
        dropout: float = Limits(default=0.3, ge=0, lt=1)
        """Share of inner units silenced at random while training."""
        residual_dropout: float = Limits(default=0.0, ge=0, lt=1)
        """Share of what a block adds that is silenced while training."""
        inputs: TableInput.Config = TableInput.Config()
        """How columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.inputs = TableInput(config.inputs, signature)
        self.first = nn.Linear(self.inputs.width, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.last = nn.Sequential(norm(config.norm, config.width), activation(config.activation))
        self.output = nn.Linear(config.width, outputs)

    @property
    def head(self) -> nn.Module:
        return self.output

    def about(self) -> str:
        return f"residual MLP, {len(self.blocks)} blocks of {self.first.out_features}"

    def prepare(self, batch: Batch) -> None:
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        x = self.first(self.inputs(batch))  # (B, H)
        for block in self.blocks:
            x = x + block(x)  # (B, H)
        return self.output(self.last(x))  # (B, outputs)


class _Block(nn.Module):
    """What a block adds."""

    def __init__(self, config: ResidualMLP.Config) -> None:
        super().__init__()
        inner = max(1, round(config.width * config.inner))
        self.norm = norm(config.norm, config.width)
        self.widen = nn.Linear(config.width, inner)
        self.activation = activation(config.activation)
        self.dropout = Dropout(config.dropout)
        self.narrow = nn.Linear(inner, config.width)
        self.residual_dropout = Dropout(config.residual_dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(self.norm(x))  # (B, I)
        x = self.dropout(self.activation(x))  # (B, I)
        return self.residual_dropout(self.narrow(x))  # (B, H)
