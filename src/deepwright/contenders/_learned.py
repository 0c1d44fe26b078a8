"""What contenders that train a learner on a stream of their own share: the way from a first learner to a saved model.

A contender of this sort says three things: how its learner is built, which stream feeds it, and how a learner
answers rows. Everything else (plan, seeds, checkpoints, resume, the best weights, saving, loading) is here.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import nn

from deepwright.blocks.learner import Learner
from deepwright.blocks.shapes import shapes_only
from deepwright.blocks.stream import Stream
from deepwright.contenders._anatomy import anatomy, networks_of
from deepwright.contenders._network_model import REASONS
from deepwright.contenders._settings import settings
from deepwright.contenders._trial import Course, Judgement, restored, run_trial
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RecipeError, RunError, TrainingError
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors
from deepwright.core.find import find
from deepwright.core.plan import Plan

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.task import Task

FORMAT = 1
_ENDS = ("epochs", "steps", "time")
_DOTTED = re.compile(r"[\w.]+:\w+")
L = TypeVar("L", bound=Learner)


class LearnedModel(Model):
    """A learner that has learned, and how; subclasses say how it answers."""

    def __init__(
        self,
        learner: Any,
        task: Any,
        encoding: Encoding,
        options: Config,
        deep: Mapping[str, Any],
        shown: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.learner = learner.cpu().eval()
        self.task = task
        self.encoding = encoding
        self.options = options
        self.deep = dict(deep)
        self.shown = list(shown)

    def save(self, folder: Path) -> None:
        state = {name: tensor.numpy(force=True) for name, tensor in self.learner.state_dict().items()}
        write_tensors(folder / "weights.safetensors", state)
        options = self.options.model_dump(mode="json")
        write_json(folder / "learner.json", {"format": FORMAT, "options": options, "deep": self.deep})

    def explain(self) -> str:
        size, steps = f"{self.deep['parameters']:,}", f"{self.deep['steps']:,}"
        best = f" (best {self.deep['best_step']:,})" if self.deep["best_step"] is not None else ""
        why = REASONS.get(self.deep["stopped"], "stopped")
        return f"{self.deep['about']}, {size} parameters, {why} after {steps} steps{best}."

    def history(self) -> dict[str, Any]:
        return self.deep

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        shown: dict[str, Any] = {"on_the_way": self.shown} if self.shown else {}
        nets = networks_of(self.learner)
        return shown | ({"networks": anatomy(nets)} if nets else {}) or None


class LearnedContender(Contender):
    """Trains a learner on a stream, keeps the weights that validated best."""

    family: ClassVar[str] = "deep"
    paper: ClassVar[str]
    recommended: ClassVar[Mapping[str, Any]] = {}
    """Keys of Plan that its authors, or our measurements, recommend; a recipe's own keys come first."""
    model: ClassVar[type[LearnedModel]]

    class Options(Config):
        """The contender's keys in a recipe; subclasses add their own."""

        training: dict[str, Any] = {}
        """Keys of the training plan; those not given are what the contender recommends, then the plan's defaults."""

    def __init__(self, options: Config) -> None:
        super().__init__(options)
        assert isinstance(options, LearnedContender.Options)
        self.plan = _plan(self.recommended, options.training)

    # ---------------------------------------------------------------- what subclasses say
    @abstractmethod
    def build(self, task: Any, encoding: Encoding) -> Learner:
        """A learner with first weights from the global generator. Needs no rows: loading calls it too.

        Raises RecipeError for options that do not fit.
        """

    @abstractmethod
    def stream(self, learner: Learner, train: pl.DataFrame, brief: Brief, plan: Plan) -> Stream:
        """Where its batches come from. May first set constants of the learner (buffers) from the training rows."""

    @abstractmethod
    def about(self, learner: Learner) -> str:
        """Its shape in words: "GPT, 4 layers of 128"."""

    def settle(self, learner: Learner, train: pl.DataFrame, brief: Brief) -> None:
        """Set buffers that follow from weights and training rows and that no gradient finds, such as centres among
        codes. Asked for before each judgement, so that the best weights are kept with what belongs to them."""

    def show(self, learner: Learner, brief: Brief) -> dict[str, Any] | None:
        """What there is to look at while it learns, JSON-able: a few samples; None where there is nothing."""
        return None

    def valid_loss(self, model: LearnedModel, valid: pl.DataFrame) -> float:
        """The training loss on the validation rows, where it makes sense; NaN elsewhere."""
        return math.nan

    # ---------------------------------------------------------------- the way
    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> LearnedModel:
        """Build, train, keep the best; see `Contender.fit`. Goes on from a checkpoint in the brief's folder."""
        began = time.monotonic()
        course, state = restored(brief, self._identity(brief))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed(brief))
            learner = self.build(brief.task, brief.encoding)
        stream = self.stream(learner, train, brief, self._timed(brief, began))
        plan = self._timed(brief, began)
        metric = find("metric", brief.metric)()
        sign = 1.0 if metric.greater_is_better else -1.0

        def judge(net: nn.Module, device: torch.device) -> Judgement:
            net.eval()
            self.settle(learner, train, brief)
            now = self.model(net, brief.task, brief.encoding, self.options, {})
            answers = brief.task.answers(now.predict(valid), brief.task.truth(valid, brief.encoding))
            loss, score = self.valid_loss(now, valid), metric.score(answers)
            net.to(device)
            return Judgement(score=score, loss=loss, rank=sign * score)

        def show(net: nn.Module) -> dict[str, Any] | None:
            return self.show(learner.eval(), brief)

        run_trial(learner, learner, stream, plan, judge, brief, course, 1, state, show)
        if course.best_rank is None and course.stopped == "not finite":
            raise TrainingError(
                "the loss was not finite again and again, from the beginning on.", remedy="Lower training.lr."
            )
        return self.model(
            learner, brief.task, brief.encoding, self.options, self._told(learner, course, plan), course.shown
        )

    @classmethod
    def load(cls, folder: Path, task: Task, encoding: Encoding, *, trust: Sequence[str] = ()) -> LearnedModel:
        saved = read_json(inside(folder, "learner.json"))
        with boundary(folder / "learner.json"):
            if saved["format"] != FORMAT:
                raise RunError(f"expected format {FORMAT}, got {saved['format']!r}.", where=str(folder))
            _refuse_strangers(saved["options"], trust, folder)
            deep = dict(saved["deep"])
            _ = deep["parameters"] + 0, deep["about"] + "", deep["steps"] + 0, deep["stopped"], deep["best_step"]
            made = _remade(cls, saved["options"], folder)
        arrays = read_tensors(inside(folder, "weights.safetensors"))
        learner = _filled(made, arrays, task, encoding, folder)
        return cls.model(learner, task, encoding, made.options, deep)

    def _timed(self, brief: Brief, began: float) -> Plan:
        limits = [self.plan.time] if self.plan.time else []
        if brief.seconds is not None:
            limits.append(max(brief.seconds - (time.monotonic() - began), 0.01))
        return self.plan.model_copy(update={"seed": self._seed(brief), "time": min(limits) if limits else None})

    def _seed(self, brief: Brief) -> int:
        return self.plan.seed if "seed" in self.options.training else brief.seed  # type: ignore[attr-defined]

    def _identity(self, brief: Brief) -> str:
        parts = [self.name, self.options.model_dump(mode="json"), brief.task.name, brief.metric, brief.seed]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _told(self, learner: Learner, course: Course, plan: Plan) -> dict[str, Any]:
        shown = plan.model_dump(mode="json", exclude={"time"}) | {"time": self.plan.time}
        result = course.result()
        return {
            "network": self.options.model_dump().get("network", self.name),
            "about": self.about(learner),
            "parameters": sum(parameter.numel() for parameter in learner.parameters() if parameter.requires_grad),
            "plan": shown,
            **{key: result[key] for key in ("stopped", "epochs", "steps", "best_epoch", "best_step", "skipped")},
            "paper": self.paper,
        }


def _plan(recommended: Mapping[str, Any], training: Mapping[str, Any]) -> Plan:
    """The recipe's keys over the recommended ones; an end that the recipe names replaces those others."""
    kept = dict(recommended)
    if any(training.get(end) is not None for end in _ENDS):
        kept = {key: value for key, value in kept.items() if key not in _ENDS}
    return settings(Plan, {**kept, **training}, "training")


def _refuse_strangers(options: Any, trust: Sequence[str], folder: Path) -> None:
    """RunError where saved options name code that is not part of Deepwright and that nobody vouched for."""
    for text in _texts(options):
        if _DOTTED.fullmatch(text) and text not in trust:
            raise RunError(
                f"the run names code of its maker's own, '{text[:100]}', which would have to be imported.",
                where=str(folder),
                remedy=f"If you know that code, say so: trust=['{text[:100]}'], or --trust on the command line.",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _remade(cls: type[LearnedContender], options: Any, folder: Path) -> LearnedContender:
    try:
        return cls(settings(cls.Options, options, "options"))
    except RecipeError as error:
        raise RunError(f"its settings are not valid: {error}", where=str(folder / "learner.json")) from None


def _filled(made: LearnedContender, arrays: Mapping[str, Any], task: Any, encoding: Encoding, folder: Path) -> Learner:
    """A learner with these weights. Its shapes are compared before it takes any memory: a lying file costs none."""
    try:
        with shapes_only():
            expected = {n: (tuple(t.shape), t.dtype) for n, t in made.build(task, encoding).state_dict().items()}
    except (RecipeError, RuntimeError) as error:
        raise RunError(f"its settings are not valid: {error}", where=str(folder / "learner.json")) from None
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    came = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    if expected != came:
        wrong = sorted(name for name in expected.keys() | came.keys() if expected.get(name) != came.get(name))
        raise RunError(
            f"weights do not fit the learner: {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}.",
            where=str(folder / "weights.safetensors"),
        )
    with torch.random.fork_rng(devices=[]):
        learner = made.build(task, encoding)
    learner.load_state_dict(tensors)
    return learner
