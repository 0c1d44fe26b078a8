"""TabM: many MLPs in one that share most weights, with embedded numbers; the default network for tables.

Paper: Gorishniy, Kotelnikov, Babenko, 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
Ensembling" (ICLR 2025). M members are trained at once, each on its own loss, and their predictions averaged. All hidden
layers are BatchEnsemble layers (one shared matrix, vectors of scales for each member); the output layers are separate.
Members start apart in the very first scales only, one random number a column and member: normal where numbers are
embedded, ±1 where not; all other scales start at 1. Numbers go through piecewise-linear embeddings ("TabM†").

Defaults differ from the authors' suggestion (32 members, width 512, rate 2e-3), a step of which takes about ten times
as long on a CPU as one of 16 members of width 128. That, and rate 1e-3, are inside the space they search (width 64 to
1024, rate 1e-4 to 5e-3; members they keep at 32). On the small tables of `benchmarks/network_quality.py`, width 256 or
32 members gave no difference beyond the spread over seeds. On a GPU, or with time to spare, larger tables may gain from
{members: 32, width: 512}. Batch, patience, weight decay, clipping and embeddings are theirs.

Axes: B rows, M members, D input width, H hidden width.
"""

from __future__ import annotations

import itertools

import torch
from pydantic import Field as Limits
from torch import Tensor, nn

from deepwright.blocks.activations import activation
from deepwright.blocks.dropout import Dropout
from deepwright.blocks.ensemble import BatchEnsembleLinear, SeparateLinear
from deepwright.blocks.inputs import TABLE_FORMS, TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.core import config as core
from deepwright.core.fields import Field, Signature


class TabM(Network):
    """Inputs → (BatchEnsemble linear → activation → dropout) for each block → a linear layer of each member."""

    paper = "Gorishniy, Kotelnikov, Babenko, 2024, TabM"
    takes = TABLE_FORMS
    first_choice = {"tabm": 1}
    published = (
        Published(
            what="the authors' first suggestion on 8 plain numbers: 32 members, 3 blocks of 512, no embedding",
            parameters=676_128,
            signature=Signature(tuple(Field(form="number", name=str(i)) for i in range(8))),
            outputs=1,
            config={"members": 32, "blocks": 3, "width": 512, "inputs": {"numbers": "none"}},
        ),
    )
    recommended = {
        "optimizer": "adamw",
        "lr": 1e-3,
        "weight_decay": 3e-4,
        "clip": 1.0,
        "batch": 256,
        "epochs": 200,
        "patience": 16,
    }

    class Config(core.Config):
        """What can be chosen about it."""

        members: int = Limits(default=16, ge=1, le=1024)
        """MLPs in one, 1 to 64; the authors take 32."""
        blocks: int = Limits(default=2, ge=1, le=1000)
        """Hidden layers; the authors suggest 2 with embedded numbers, 3 without, and search 1 to 5."""
        width: int = Limits(default=128, ge=1, le=100_000)
        """Units of a hidden layer; the authors suggest 512 and search 64 to 1024."""
        dropout: float = Limits(default=0.1, ge=0, lt=1)
        """Share of hidden units silenced at random while training."""
        activation: str = "relu"
        """Between layers."""
        inputs: TableInput.Config = TableInput.Config(numbers="piecewise_linear")
        """How columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.inputs = TableInput(config.inputs, signature)
        widths = [self.inputs.width] + [config.width] * config.blocks
        self.layers = nn.ModuleList(
            BatchEnsembleLinear(before, after, config.members) for before, after in itertools.pairwise(widths)
        )
        self.shape = (config.blocks, config.width, config.members)
        self.between = nn.Sequential(activation(config.activation), Dropout(config.dropout))
        self.output = SeparateLinear(config.width, outputs, config.members)
        self._set_apart(config)

    @property
    def head(self) -> nn.Module:
        return self.output

    def about(self) -> str:
        return f"TabM, {self.shape[0]} blocks of {self.shape[1]}, {self.shape[2]} members"

    def prepare(self, batch: Batch) -> None:
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        x = self.inputs(batch).unsqueeze(1)  # (B, 1, D)
        for layer in self.layers:
            x = self.between(layer(x))  # (B, M, H)
        return self.output(x)  # (B, M, outputs)

    @torch.no_grad()
    def _set_apart(self, config: Config) -> None:
        """Draw the members' first scales: one number for all that comes of a column, so that it keeps its shape."""
        if config.members == 1:
            return
        columns = torch.randn(config.members, len(self.inputs.widths))  # (M, columns)
        if self.inputs.numbers is None:
            columns = columns.sign()  # (M, columns)
        first: BatchEnsembleLinear = self.layers[0]  # type: ignore[assignment]
        spread = [columns[:, i : i + 1].expand(-1, width) for i, width in enumerate(self.inputs.widths)]
        first.in_scale.copy_(torch.cat(spread, dim=1))  # (M, D)
