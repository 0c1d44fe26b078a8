"""Network: any network of `networks/` or your own, trained by gradient descent; the deep contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

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

_ENDS = ("epochs", "steps", "time")


class Pretrain(Config):
    """Other rows that the same network learns on first."""

    source: str
    """A path or a bundled data set's name."""
    target: str
    """The column to predict there."""
    epochs: int | None = Field(default=None, ge=1)
    """Passes over those rows; None: as many as the network's own plan says."""
    time: Seconds | None = Field(default=None, gt=0)
    """Wall-clock budget of it; None: a third of the contender's."""


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
        freeze: Literal["none", "body"] = "none"
        """After pretraining: "body" trains the output layer alone, the rest stays bit for bit as it was."""
        replace_head: bool = True
        """After pretraining: begin with a new output layer; false keeps the old one, for the same task."""

    def __init__(self, options: Config, start: NetworkModel | None = None) -> None:
        """`start`: a fitted network whose weights this one begins with. Raises RecipeError for wrong settings."""
        super().__init__(options)
        assert isinstance(options, NetworkContender.Options)
        self.chosen = options
        self.start = start
        if options.config or options.training or options.network not in names("network"):
            _ = self.plan  # a bare name cannot be wrong; PyTorch, seconds to load, waits until it is this one's turn

    @cached_property
    def plan(self) -> Plan:
        """How it is trained: the recipe's keys over what the network recommends; loads the network."""
        cls: type[Network] = find("network", self.chosen.network)
        if cls.per_position:
            raise RecipeError(
                f"{self.chosen.network} answers at every position of a text, this task wants one answer for a row.",
                where="network",
                remedy="Ask for language_modelling, or name another network: mlp, tabm, …",
            )
        settings(cls.Config, {**preset("network", self.chosen.network), **self.chosen.config}, "config")
        return _plan(cls, self.chosen.training)

    def starting_from(self, model: NetworkModel) -> NetworkContender:
        """The same contender, beginning with another network's weights."""
        return NetworkContender(self.options, model)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> NetworkModel:
        """Encode, build, train, keep the best; see `Contender.fit`. Goes on from a checkpoint in the brief's folder.

        Raises RecipeError where network and columns do not fit, TrainingError where nothing could be learned.
        """
        from deepwright.contenders._network_fitting import Fitting

        if (self.chosen.pretrain or self.chosen.freeze != "none") and self.start is None:
            raise InternalError("a contender that starts from another network was not given one.")
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
