"""Network: any network of `networks/` or your own, trained by gradient descent; the deep contender."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from pydantic import Field

from deepwright.blocks.network import Network
from deepwright.contenders._network_model import Blueprint, NetworkModel, load_model
from deepwright.contenders._network_rows import Columns, encoded, head, sample
from deepwright.contenders._network_start import FrozenBody, carry
from deepwright.contenders._settings import settings
from deepwright.contenders._trial import Course, Judge, restored, run_trial
from deepwright.core.config import Config, Seconds
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import InternalError, RecipeError, TrainingError
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.core.task import TargetTask
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows

if TYPE_CHECKING:
    import polars as pl

_ENDS = ("epochs", "steps", "time")
_MEBIBYTE = 1 << 20
_STEPS = 8
"""Steps that an epoch has at least, where a recipe does not say how many rows are in a batch …"""
_SMALLEST = 16
"""… and batches have at least so many rows."""


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
        self.cls: type[Network] = find("network", options.network)
        if self.cls.per_position:
            raise RecipeError(
                f"{options.network} answers at every position of a text, this task wants one answer for a row.",
                where="network",
                remedy="Ask for language_modelling, or name another network: mlp, tabm, …",
            )
        settings(self.cls.Config, options.config, "config")
        self.plan = _plan(self.cls, options.training)

    def starting_from(self, model: NetworkModel) -> NetworkContender:
        """The same contender, beginning with another network's weights."""
        return NetworkContender(self.options, model)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> NetworkModel:
        """Encode, build, train, keep the best; see `Contender.fit`. Goes on from a checkpoint in the brief's folder.

        Raises RecipeError where network and columns do not fit, TrainingError where nothing could be learned.
        """
        began = time.monotonic()
        if (self.chosen.pretrain or self.chosen.freeze != "none") and self.start is None:
            raise InternalError("a contender that starts from another network was not given one.")
        budget = brief.memory * _MEBIBYTE
        columns = encoded(train, brief.encoding, brief.task, brief.folder / "rows" / "train", budget)
        held = encoded(valid, brief.encoding, brief.task, brief.folder / "rows" / "valid", budget // 4)
        judge = Judge(brief, valid, held, self.chosen.choose_by)
        course, state = restored(brief, self._identity(brief))
        while True:
            net = self._build(brief, course.restart, columns)
            left = None if brief.seconds is None else brief.seconds - (time.monotonic() - began)
            plan = self._fitted_plan(left, course.restart, brief, train.height)
            self._trial(net, columns, plan, judge, brief, course, state)
            result = _better(course, net)
            if course.restart + 1 >= self.chosen.restarts:
                return self._model(net, result, plan, brief)
            course, state = course.next(result), None

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> NetworkModel:
        return load_model(folder, task, encoding, trust)

    def _build(self, brief: Brief, restart: int, columns: Columns) -> Network:
        """A network with its first weights, which depend on (seed, restart) alone, tried on a few rows."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed(brief) + restart)
            net = self._blueprint(brief).build()
        if self.start is None:
            net.prepare(sample(columns))
        else:
            carry(self.start.net, net, replace_head=self.chosen.replace_head)
        _try_out(net, head(columns, 4), brief.task)
        return net

    def _trial(
        self,
        net: Network,
        columns: Columns,
        plan: Plan,
        judge: Judge,
        brief: Brief,
        course: Course,
        state: dict[str, Any] | None,
    ) -> None:
        frozen = FrozenBody(net) if self.chosen.freeze == "body" else None
        learner = Supervised(frozen or net, brief.task.loss, mixup=plan.mixup, noise=plan.noise, seed=plan.seed)
        stream = Rows(columns, batch=plan.batch, seed=plan.seed, shuffle=plan.shuffle)
        run_trial(learner, net, stream, plan, judge, brief, course, self.chosen.restarts, state)
        net.cpu()
        if frozen is not None:
            frozen.check()

    def _fitted_plan(self, left: float | None, restart: int, brief: Brief, rows: int) -> Plan:
        """The plan of one trial: its seed, its part of the time that is left, smaller batches for small tables."""
        limits = [self.plan.time] if self.plan.time else []
        if left is not None:
            limits.append(max(left, 0.01) / (self.chosen.restarts - restart))
        update: dict[str, Any] = {"seed": self._seed(brief) + restart, "time": min(limits) if limits else None}
        if "batch" not in self.chosen.training and self.plan.batch != "full":
            fewest = 1 << max(0, (rows // _STEPS).bit_length() - 1)  # the power of two at or below
            update["batch"] = min(self.plan.batch, max(_SMALLEST, fewest))
        return self.plan.model_copy(update=update)

    def _seed(self, brief: Brief) -> int:
        return self.plan.seed if "seed" in self.chosen.training else brief.seed

    def _blueprint(self, brief: Brief) -> Blueprint:
        return Blueprint(
            network=self.chosen.network,
            config=self.chosen.config,
            signature=brief.encoding.signature,
            outputs=brief.task.outputs,
        )

    def _identity(self, brief: Brief) -> str:
        parts = [self.options.model_dump(mode="json"), self._blueprint(brief).plain(), brief.metric, brief.seed]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _model(self, net: Network, result: dict[str, Any], plan: Plan, brief: Brief) -> NetworkModel:
        net.load_state_dict(result["weights"])
        shown = plan.model_dump(mode="json", exclude={"time"}) | {"time": self.plan.time}
        deep = {
            "network": self.chosen.network,
            "parameters": sum(parameter.numel() for parameter in net.parameters()),
            "plan": shown,
            **{key: result[key] for key in ("stopped", "epochs", "steps", "best_epoch", "skipped")},
            "frozen": sum(p.numel() for p in net.parameters() if not p.requires_grad),
            "restarts": self.chosen.restarts,
            "best_restart": result["restart"],
            "paper": self.cls.paper,
        }
        if result["stopped"] == "time" and result["epochs"] < 1:
            deep["note"] = "The time ended before one pass over the training rows: give it more, or fewer rows."
            brief.progress(1.0, deep["note"])
        return NetworkModel(net, self._blueprint(brief), brief.task, brief.encoding, deep)


def _plan(cls: type[Network], training: Mapping[str, Any]) -> Plan:
    """The recipe's keys over the network's recommended ones; an end that the recipe names replaces those others."""
    recommended = dict(cls.recommended)
    if any(training.get(end) is not None for end in _ENDS):
        recommended = {key: value for key, value in recommended.items() if key not in _ENDS}
    elif not any(end in recommended for end in _ENDS):
        recommended["epochs"] = 100
    return settings(Plan, {**recommended, **training}, "training")


def _better(course: Course, net: Network) -> dict[str, Any]:
    """This trial's result with its weights, or the one before where that was better."""
    ours = course.result()
    if ours["rank"] is None and course.kept is None and course.stopped == "not finite":
        raise TrainingError(
            "the loss was not finite again and again, from the beginning on.",
            remedy="Lower training.lr, or look for extreme values in the data.",
        )
    if course.kept is not None and (ours["rank"] is None or (course.kept["rank"] or -float("inf")) >= ours["rank"]):
        return course.kept
    return {**ours, "weights": {name: tensor.clone() for name, tensor in net.state_dict().items()}}


def _try_out(net: Network, batch: dict[str, torch.Tensor], task: TargetTask) -> None:
    """One forward and backward pass on a few rows, so that what does not fit says so before the work begins."""
    rows = len(batch["target"])
    try:
        given = net.eval()(batch)
        if given.ndim not in (2, 3) or (given.shape[0], given.shape[-1]) != (rows, task.outputs):
            shape = tuple(given.shape)
            raise RecipeError(f"the network gave outputs of shape {shape}, expected ({rows}, {task.outputs}).")
        task.loss(given, batch["target"]).backward()
    except (RuntimeError, IndexError, KeyError) as error:
        why = " ".join(str(error).split())[:300]
        raise RecipeError(f"the network cannot take these columns: {type(error).__name__}: {why}.") from error
    finally:
        net.zero_grad(set_to_none=True)
