"""Network: any network of `networks/` or your own, trained by gradient descent; the deep contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from deepwright.contenders._settings import settings
from deepwright.core.config import Config, Seconds
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import InternalError, RecipeError
from deepwright.core.find import find, names, preset
from deepwright.core.plan import Plan
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    import polars as pl

    from deepwright.blocks.network import Network
    from deepwright.contenders._network_model import NetworkModel
    from deepwright.contenders._network_start import Start

_ENDS = ("epochs", "steps", "time")


class Pretrain(Config):
    """Other rows that the same network learns on first."""

    source: str
    """A path or a bundled data set's name."""
    target: str
    """The column to predict there."""
    only: dict[str, tuple[str | int | float | bool, ...]] = {}
    """Column → the values of the rows to use there, all others being left out: {digit: [0, 1, 2]}."""
    epochs: int | None = Field(default=None, ge=1)
    """Passes over those rows; None: as many as the network's own plan says."""
    time: Seconds | None = Field(default=None, gt=0)
    """Wall-clock budget of it; None: a third of the contender's."""


class Thaw(Config):
    """One stage of a schedule of thaws."""

    until: int = Field(ge=1)
    """Epochs from the start of training during which it holds."""
    freeze: str
    """What is frozen until then: body, or everything up to a named layer."""


class NetworkContender(Contender):
    """A network trained on the one loop, stopped early, its best weights on validation kept."""

    name: ClassVar[str] = "network"
    family: ClassVar[str] = "deep"
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "tagging"})

    class Options(Config):
        """The contender's keys in a recipe."""

        network: str = "tabm"
        """A network's name (`deepwright list networks`) or your own class, "package.module:Class"."""
        config: dict[str, Any] = {}
        """The network's own settings; those not given are its defaults."""
        training: dict[str, Any] = {}
        """Keys of the training plan; those not given are what the network recommends, then the plan's defaults."""
        choose_by: Literal["loss", "metric"] = "loss"
        """What ends training by patience and chooses the best epoch: the loss on validation, which moves steadily, or
        the metric, which on few rows moves in jumps (of equal scores the one with the smaller loss)."""
        restarts: int = Field(default=1, ge=1)
        """Trainings from different first weights; the best on validation stays. Small networks get stuck."""
        pretrain: Pretrain | None = None
        """Learn on other rows first, then go on with these."""
        weights: str | None = None
        """Begin with weights learned elsewhere: a run ("runs/cifar-20261121", its winner or else its best network, or
        "runs/cifar-20261121:resnet20"), a file (.safetensors, or a state dict .pt) in this network's own names or a
        library's, or a name of the Hugging Face hub ("hf:timm/resnet18.a1_in1k")."""
        freeze: str | Annotated[tuple[Thaw, ...], Field(min_length=1)] = "none"
        """Of weights learned elsewhere, what stays bit for bit as it was: "body" is all but the output layer, a layer's
        name ("stages.1") everything up to it in order of use; [{until: 3, freeze: body}, {until: 6, freeze: stages.1}]
        thaws by epochs, and after the last everything learns. Norms in what is frozen keep their statistics."""
        replace_head: bool | None = None
        """Begin with a new output layer, or keep the old one. None: after `pretrain` a new one, with `weights` the old
        one where a run's task, target and labels are the same."""

        @model_validator(mode="after")
        def _one_start(self) -> Self:
            if self.pretrain is not None and self.weights is not None:
                raise ValueError("weights come from `pretrain` or from `weights`, not from both")
            return self

    def __init__(self, options: Config, start: Start | None = None) -> None:
        """`start`: weights that this one begins with. Raises RecipeError for wrong settings."""
        super().__init__(options)
        assert isinstance(options, NetworkContender.Options)
        self.chosen = options
        self.start = start
        if options.config or options.training or options.network not in names("network"):
            _ = self.plan  # a bare name cannot be wrong; PyTorch, seconds to load, waits until it is this one's turn

    @cached_property
    def plan(self) -> Plan:
        """How it is trained: the recipe's keys over what the network recommends; loads the network."""
        from deepwright.contenders._augmenting import augmentations

        cls: type[Network] = find("network", self.chosen.network)
        if cls.per_position:
            raise RecipeError(
                f"{self.chosen.network} answers at every position of a text, this task wants one answer for a row.",
                where="network",
                remedy="Ask for language_modelling, or name another network: mlp, tabm, …",
            )
        settings(cls.Config, {**preset("network", self.chosen.network), **self.chosen.config}, "config")
        plan = _plan(cls, self.chosen.training)
        augmentations(plan.augment or ())  # what is wrong with them says so before anything is learned
        if plan.compile and not isinstance(self.chosen.freeze, str):
            raise RecipeError(
                "a compiled step is the same in every epoch, a schedule of thaws is not.",
                where="training.compile",
                remedy="Leave `compile` out, or freeze one thing for the whole training.",
            )
        return plan

    def starting_from(self, start: Start) -> NetworkContender:
        """The same contender, beginning with weights learned elsewhere."""
        return NetworkContender(self.options, start)

    def check_freeze(self) -> None:
        """Raises RecipeError where weights shall stay as they are that nothing was learned with."""
        if self.chosen.freeze != "none" and self.chosen.pretrain is None and self.chosen.weights is None:
            raise RecipeError(
                "there is nothing worth freezing: the first weights are random.",
                where="freeze",
                remedy="Say where they come from: `weights` (a run, a file, the hub) or `pretrain` (other rows).",
            )

    def trainer(self, encoding: Encoding) -> NetworkContender:
        """The contender that trains the network: itself."""
        return self

    def reads(self, encoding: Encoding) -> list[str]:
        """The columns that the network reads: all of them."""
        return encoding.columns

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> NetworkModel:
        """Encode, build, train, keep the best; see `Contender.fit`. Goes on from a checkpoint in the brief's folder.

        Raises RecipeError where network and columns do not fit, TrainingError where nothing could be learned.
        """
        from deepwright.contenders._network_fitting import Fitting

        if (self.chosen.pretrain or self.chosen.weights) and self.start is None:
            raise InternalError("a contender that starts from other weights was not given any.")
        if self.start is None:
            self.check_freeze()
        return Fitting(self.chosen, self.plan, self.start, brief).fit(train, valid)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> NetworkModel:
        from deepwright.contenders._network_model import load_model

        return load_model(folder, task, encoding, trust)


def _plan(cls: type[Network], training: Mapping[str, Any]) -> Plan:
    """The recipe's keys over the network's recommended ones; an end that the recipe names replaces those others."""
    recommended = dict(cls.recommended)
    if any(training.get(end) is not None for end in _ENDS):
        recommended = {key: value for key, value in recommended.items() if key not in _ENDS}
    elif not any(end in recommended for end in _ENDS):
        recommended["epochs"] = 100
    return settings(Plan, {**recommended, **training}, "training")
