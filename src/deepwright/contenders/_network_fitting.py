"""Fitting: a network from its first weights to its best, over its restarts, within the time; loads PyTorch."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import torch

from deepwright.blocks.network import Network
from deepwright.contenders._augmentation_preview import preview
from deepwright.contenders._augmenting import augmented, harmless, told
from deepwright.contenders._freezing import Frozen, stages
from deepwright.contenders._network_model import Blueprint, NetworkModel
from deepwright.contenders._network_rows import Columns, encoded, head, sample
from deepwright.contenders._network_start import Start, began
from deepwright.contenders._trial import Course, Judge, restored, run_trial
from deepwright.core.contender import Brief
from deepwright.core.errors import RecipeError, TrainingError
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.core.task import TargetTask
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows

if TYPE_CHECKING:
    import polars as pl

    from deepwright.contenders.network import NetworkContender

_MEBIBYTE = 1 << 20
_STEPS = 8
"""Steps that an epoch has at least, where a recipe does not say how many rows are in a batch …"""
_SMALLEST = 16
"""… and batches have at least so many rows."""


class Fitting:
    """One `fit` of the contender `network`: its options, its plan, the network it starts from, what it is told."""

    def __init__(self, chosen: NetworkContender.Options, plan: Plan, start: Start | None, brief: Brief) -> None:
        self.chosen, self.plan, self.start, self.brief = chosen, plan, start, brief
        self.begun: dict[str, Any] = {}
        self.augmented = told(plan)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame) -> NetworkModel:
        """See `NetworkContender.fit`."""
        began = time.monotonic()
        brief = self.brief
        budget = brief.memory * _MEBIBYTE
        columns = encoded(train, brief.encoding, brief.task, brief.folder / "rows" / "train", budget)
        held = encoded(valid, brief.encoding, brief.task, brief.folder / "rows" / "valid", budget // 4)
        judge = Judge(brief, valid, held, self.chosen.choose_by)
        course, state = restored(brief, self._identity())
        while True:
            net = self._build(course.restart, columns)
            left = None if brief.seconds is None else brief.seconds - (time.monotonic() - began)
            plan = self._fitted_plan(left, course.restart, train.height)
            self._trial(net, columns, plan, judge, course, state)
            result = _better(course, net)
            if course.restart + 1 >= self.chosen.restarts:
                return self._model(net, result, plan, preview(plan, self._blueprint().signature, columns))
            course, state = course.next(result), None

    def _build(self, restart: int, columns: Columns) -> Network:
        """A network with its first weights, which depend on (seed, restart) alone, tried on a few rows."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed() + restart)
            net = self._blueprint().build()
        if self.start is None:
            net.prepare(sample(columns))
        else:
            self.begun = self.start.fill(net, self._blueprint().signature, self.brief.task, self.chosen.replace_head)
        _try_out(net, head(columns, 4), self.brief.task)
        return net

    def _trial(
        self,
        net: Network,
        columns: Columns,
        plan: Plan,
        judge: Judge,
        course: Course,
        state: dict[str, Any] | None,
    ) -> None:
        stream = Rows(columns, batch=plan.batch, seed=plan.seed, shuffle=plan.shuffle)
        held = stages(net, self._blueprint().signature, self.chosen.freeze)
        frozen = Frozen(net, held, lambda: stream.epoch) if held else None
        learner = Supervised(
            frozen or net,
            self.brief.task.loss,
            augment=augmented(plan, net.signature),
            mixup=plan.mixup,
            cutmix=plan.cutmix,
            noise=plan.noise,
            seed=plan.seed,
        )
        run_trial(learner, net, stream, plan, judge, self.brief, course, self.chosen.restarts, state)
        net.cpu()
        if frozen is not None:
            frozen.check()

    def _fitted_plan(self, left: float | None, restart: int, rows: int) -> Plan:
        """The plan of one trial: its seed, its part of the time that is left, smaller batches for small tables (and
        with them the rate of SGD), pictures augmented as is harmless for them."""
        limits = [self.plan.time] if self.plan.time else []
        if left is not None:
            limits.append(max(left, 0.01) / (self.chosen.restarts - restart))
        update: dict[str, Any] = {"seed": self._seed() + restart, "time": min(limits) if limits else None}
        if "batch" not in self.chosen.training and self.plan.batch != "full":
            fewest = 1 << max(0, (rows // _STEPS).bit_length() - 1)  # the power of two at or below
            update["batch"] = min(self.plan.batch, max(_SMALLEST, fewest))
            if self.plan.optimizer == "sgd" and "lr" not in self.chosen.training:
                # The rate belongs to the batch it was found with; steps of fewer rows are noisier (Goyal et al. 2017).
                update["lr"] = self.plan.lr * update["batch"] / self.plan.batch
        if self.plan.augment is None:
            update["augment"], self.augmented = harmless(self.brief.encoding.signature, self.brief.task)
        return self.plan.model_copy(update=update)

    def _seed(self) -> int:
        return self.plan.seed if "seed" in self.chosen.training else self.brief.seed

    def _blueprint(self) -> Blueprint:
        return Blueprint(
            network=self.chosen.network,
            config=self.chosen.config,
            signature=self.brief.encoding.signature,
            outputs=self.brief.task.outputs,
        )

    def _identity(self) -> str:
        parts = [self.chosen.model_dump(mode="json"), self._blueprint().plain(), self.brief.metric, self.brief.seed]
        parts += [dict(self.start.told)] if self.start else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _model(
        self, net: Network, result: dict[str, Any], plan: Plan, augmented: dict[str, Any] | None
    ) -> NetworkModel:
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
            "paper": find("network", self.chosen.network).paper,
        }
        if self.begun:
            freeze = self.chosen.model_dump(mode="json")["freeze"]
            deep |= {"start": {**self.begun, "freeze": freeze}, "began": began(self.begun, freeze)}
        if self.augmented:
            deep["augmented"] = self.augmented
        if result["stopped"] == "time" and result["epochs"] < 1:
            deep["note"] = "The time ended before one pass over the training rows: give it more, or fewer rows."
            self.brief.progress(1.0, deep["note"])
        shown = {"augmented": augmented} if augmented else {}
        return NetworkModel(net, self._blueprint(), self.brief.task, self.brief.encoding, deep, shown)


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
