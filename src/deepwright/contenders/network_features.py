"""Network features: a network's body makes numbers of each row, and a classical contender learns from those."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.contenders._settings import settings
from deepwright.contenders.network import NetworkContender, Pretrain
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import InternalError, RecipeError, not_found
from deepwright.core.find import find, names
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    import polars as pl

    from deepwright.contenders._features_model import FeaturesModel
    from deepwright.contenders._network_start import Start

_SHARE = 0.7
"""Of the time for the network, where it learns here."""


class NetworkFeatures(Contender):
    """What enters a network's output layer, appended to the columns that it does not read, goes into a classical
    contender (Donahue et al. 2014, "DeCAF"); both are one model, saved and served together.

    The network comes from elsewhere (`weights`), learns on other rows (`pretrain`), or on the training rows themselves.
    It is not changed afterwards.
    """

    name: ClassVar[str] = "network_features"
    family: ClassVar[str] = "deep"
    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification", "tagging"})

    class Options(Config):
        """The contender's keys in a recipe."""

        then: str | dict[str, dict[str, Any]] = "linear"
        """The classical contender that learns from the features: linear, boosted_trees, svm, nearest_neighbours, …, or
        one with its own keys: {boosted_trees: {…}}."""
        network: str | None = None
        """A network's name or your own class, "package.module:Class"; None: resnet20 for pictures, mlp for tables."""
        config: dict[str, Any] = {}
        """The network's own settings."""
        weights: str | None = None
        """Where the network learned: a run, a file or a name of the hub, as in the contender `network`."""
        pretrain: Pretrain | None = None
        """Other rows that it learns on first."""
        training: dict[str, Any] = {}
        """Keys of its training plan, where it learns here."""

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Config:
        return cls.Options(network="mlp", config={"widths": [16]}, training={"epochs": 4, "batch": 32})

    def __init__(self, options: Config, start: Start | None = None) -> None:
        """`start`: weights of the network. Raises RecipeError or NotFoundError for wrong settings."""
        super().__init__(options)
        assert isinstance(options, NetworkFeatures.Options)
        self.chosen = options
        self.start = start
        self.after = _after(options.then)

    def trainer(self, encoding: Encoding) -> NetworkContender:
        """The contender that trains the network on what it reads of these columns."""
        chosen = self.chosen
        network = chosen.network or ("resnet20" if encoding.signature.of("image") else "mlp")
        return NetworkContender(
            NetworkContender.Options(
                network=network,
                config=chosen.config,
                training=chosen.training,
                weights=chosen.weights,
                pretrain=chosen.pretrain,
            )
        )

    def reads(self, encoding: Encoding) -> list[str]:
        """The columns that the network reads."""
        from deepwright.contenders._features_model import read_by

        return read_by(self.trainer(encoding).chosen.network, encoding).columns

    def starting_from(self, start: Start) -> NetworkFeatures:
        """The same contender with a network's weights."""
        return NetworkFeatures(self.options, start)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> FeaturesModel:
        """See `Contender.fit`. Raises RecipeError where the network reads none of the columns."""
        from deepwright.contenders._features_model import Body, FeaturesModel

        if brief.task.name not in self.after.tasks:
            raise RecipeError(f"'{self.after.name}' does not answer {brief.task.name}.", where="then")
        began = time.monotonic()
        body = Body(self._network(train, valid, brief), brief.encoding)
        brief.progress(None, "features of every row")
        given, held = body.features(train), body.features(valid)  # once each, whatever learns from them
        left = None if brief.seconds is None else max(0.0, brief.seconds - (time.monotonic() - began))
        told = replace(brief, encoding=body.encoding, seconds=left, folder=_room(brief, "then"))
        return FeaturesModel(body, self.after.name, self.after.fit(given, held, told), trained=self.start is None)

    def _network(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> Any:
        from deepwright.contenders._features_model import read_by, untrained

        trainer = self.trainer(brief.encoding)
        told = replace(brief, encoding=read_by(trainer.chosen.network, brief.encoding))
        if self.start is not None:
            return untrained(trainer.chosen, self.start, told)
        if self.chosen.weights or self.chosen.pretrain:
            raise InternalError("a contender that starts from other weights was not given any.")
        seconds = None if brief.seconds is None else _SHARE * brief.seconds
        return trainer.fit(train, valid, replace(told, seconds=seconds, folder=_room(brief, "network")))

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> FeaturesModel:
        from deepwright.contenders._features_model import load_model

        return load_model(folder, task, encoding, trust)


def _after(then: str | dict[str, dict[str, Any]]) -> Contender:
    """The contender that follows, ready to fit; raises RecipeError or NotFoundError with the nearest name."""
    if isinstance(then, str):
        then = {then: {}}
    if len(then) != 1:
        raise RecipeError(f"expected one contender, got {len(then)}.", where="then", remedy="For example: then: linear")
    ((name, options),) = then.items()
    made = find("contender", name) if name in names("contender") or ":" in name else None
    if made is None:
        raise not_found("contender", name, _classical(), where="then")
    if made.family != "classical" or not made.tasks & NetworkFeatures.tasks:
        raise RecipeError(
            f"'{name}' is no classical contender that predicts a column.",
            where="then",
            remedy=f"Choose among: {', '.join(_classical())}.",
        )
    contender: Contender = made(settings(made.Options, options, f"then.{name}"))
    return contender


def _classical() -> list[str]:
    made = {name: find("contender", name) for name in names("contender")}
    return [name for name, one in made.items() if one.family == "classical" and one.tasks & NetworkFeatures.tasks]


def _room(brief: Brief, name: str) -> Path:
    folder = brief.folder / name
    folder.mkdir(exist_ok=True)
    return folder
