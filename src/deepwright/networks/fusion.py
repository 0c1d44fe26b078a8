"""Fusion: pictures and the columns beside them; each goes its own way, and they meet before the output (late fusion).

Paper: Ngiam et al., 2011, "Multimodal Deep Learning" (a shared representation above one of each modality); Baltrušaitis
et al., 2018, "Multimodal Machine Learning: A Survey and Taxonomy", section 6. A tower, any network for pictures without
its output layer, makes features of each column of pictures; numbers, categories and texts go through layers of their
own. Both stand side by side and go through common layers, so that what the one means may depend on the other.

Axes: B rows, P features of all pictures, T width of the columns' last layer, H width of a common layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

import torch
from pydantic import Field as Limits
from pydantic import ValidationError
from torch import Tensor, nn

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork
from deepwright.blocks.initialisers import initialise
from deepwright.blocks.inputs import TableInput
from deepwright.blocks.network import Batch, Network, Published
from deepwright.core import config as core
from deepwright.core.errors import RecipeError, not_found
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, names, preset

_MIXED = Signature((Field(form="image", name="photo", shape=(3, 32, 32)), Field(form="number", name="age")))
_Widths = tuple[Annotated[int, Limits(ge=1, le=100_000)], ...]


class Fusion(Network):
    """Tower for each column of pictures, layers for the other columns → side by side → layers → linear."""

    paper = "Ngiam et al., 2011, Multimodal Deep Learning"
    takes = frozenset({"image", "number", "category", "tokens"})
    first_choice = {"fusion": 1}
    published = (
        Published(
            # The tower has 269,072 without its output layer; 1 → 64, 64 + 64 → 128 and 128 → 10, each with its biases.
            what="ResNet-20 tower, 1 number, 10 classes",
            parameters=269_072 + 128 + 16_512 + 1_290,
            signature=_MIXED,
            outputs=10,
        ),
    )
    recommended = {
        "optimizer": "adamw", "lr": 2e-3, "weight_decay": 0.01, "batch": 128, "epochs": 40, "schedule": "cosine",
        "warmup": 0.05,
    }  # fmt: skip
    trial = {"tower_config": {"depth": 8, "width": 4}, "table_widths": [8], "widths": [16]}

    class Config(core.Config):
        """What can be chosen about it."""

        tower: str = "resnet20"
        """A network for pictures, by name."""
        tower_config: dict[str, Any] = {}
        """Its own settings."""
        table_widths: _Widths = Limits(default=(64,), max_length=100)
        """Units of each hidden layer that only the other columns go through."""
        widths: _Widths = Limits(default=(128,), min_length=1, max_length=100)
        """Units of each hidden layer that both go through."""
        dropout: float = Limits(default=0.1, ge=0, lt=1)
        """Share of those hidden units silenced at random while training."""
        inputs: TableInput.Config = TableInput.Config()
        """How the other columns enter."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        pictures = signature.of("image")
        others = tuple(field for field in signature.fields if field.form != "image")
        if not pictures or not others:
            missing = "columns beside the pictures" if pictures else "a column of pictures"
            raise RecipeError(
                f"expected pictures and other columns together, there are no {missing.removeprefix('a ')}.",
                where="network",
                remedy="Take a network of pictures alone, resnet20, or of tables, tabm.",
            )
        self.towers = nn.ModuleList(_tower(config, picture) for picture in pictures)
        self.inputs = TableInput(config.inputs, Signature(others))
        self.columns, width = _layers(self.inputs.width, config.table_widths, config.dropout)
        beside = sum(_bare(tower) for tower in self.towers)
        self.together, width = _layers(beside + width, config.widths, config.dropout)
        self.output = nn.Linear(width, outputs)
        initialise(self.output, "xavier_uniform")

    @property
    def head(self) -> nn.Module:
        return self.output

    def about(self) -> str:
        inside = ", ".join(tower.about() for tower in map(_as_network, self.towers))
        return f"fusion of {inside} with {self.inputs.width} inputs from columns"

    def prepare(self, batch: Batch) -> None:
        for tower in self.towers:
            _as_network(tower).prepare(batch)
        self.inputs.fit(batch)

    def forward(self, batch: Batch) -> Tensor:
        seen = [tower(batch) for tower in self.towers]  # (B, P of each)
        read = self.columns(self.inputs(batch))  # (B, T)
        x = self.together(torch.cat([*seen, read], dim=1))  # (B, P + T) → (B, H)
        return self.output(x)  # (B, outputs)


def _tower(config: Fusion.Config, picture: Field) -> ImageNetwork:
    """The network of that name on one column of pictures; only such as are part of Deepwright."""
    if config.tower not in names("network"):
        raise not_found("network", config.tower, names("network"), where="config.tower")
    cls: type[Network] = find("network", config.tower)
    if not issubclass(cls, ImageNetwork):
        raise RecipeError(
            f"'{config.tower}' reads no pictures.", where="config.tower", remedy="For example resnet20 or lenet5."
        )
    return cls(_settings(cls, config), Signature((picture,)), 1)


def _settings(cls: type[Network], config: Fusion.Config) -> core.Config:
    wanted: Mapping[str, Any] = {**preset("network", config.tower), **config.tower_config}
    try:
        return cls.Config.model_validate(dict(wanted))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(key) for key in ("config.tower_config", *first["loc"]))
        known = ", ".join(cls.Config.model_fields)
        raise RecipeError(f"{first['msg']}.", where=place, remedy=f"'{config.tower}' has: {known}.") from None


def _bare(tower: nn.Module) -> int:
    """Take the output layer off; gives how many features it was given."""
    head = _as_network(tower).head
    name = next(name for name, module in tower.named_modules() if module is head)
    if not isinstance(head, nn.Linear):
        raise RecipeError(
            f"the output layer of {_as_network(tower).about()} is not linear, so that it cannot be taken off.",
            where="config.tower",
            remedy="For example resnet20 or lenet5.",
        )
    tower.set_submodule(name, nn.Identity(), strict=True)
    return head.in_features


def _as_network(module: nn.Module) -> ImageNetwork:
    return cast(ImageNetwork, module)


def _layers(width: int, widths: tuple[int, ...], dropout: float) -> tuple[nn.Sequential, int]:
    """(Linear → ReLU → dropout) for each width, and the last of them."""
    layers: list[nn.Module] = []
    for hidden in widths:
        layers += [nn.Linear(width, hidden), nn.ReLU(), Dropout(dropout)]
        width = hidden
    made = nn.Sequential(*layers)
    initialise(made, "kaiming_normal")
    return made, width
