"""Trial: one training of a learner from its first weights to its best, watched, logged and checkpointed."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from deepwright.contenders._network_model import outputs
from deepwright.contenders._network_rows import Columns
from deepwright.core.contender import Brief
from deepwright.core.find import find
from deepwright.core.metric import Metric
from deepwright.core.plan import Plan
from deepwright.training import Report, checkpoint, train

if TYPE_CHECKING:
    import polars as pl

    from deepwright.blocks.stream import Stream

CHECKPOINTS = "checkpoints"
"""Below the folder of the brief."""
_TIE = 1e-9
"""Weight of the validation loss beside the metric: it decides between epochs of equal score, and nothing else."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What validation said: the metric in its own direction, the loss, and what is to be made large."""

    score: float
    loss: float
    rank: float


class Judge:
    """Scores a network on the validation rows, over all of them at once, by the task's own loss and the metric."""

    def __init__(self, brief: Brief, valid: pl.DataFrame, columns: Columns, choose_by: str) -> None:
        self._by_loss = choose_by == "loss"
        self.metric: Metric = find("metric", brief.metric)()
        self._task = brief.task
        self._target = valid.get_column(brief.task.target)
        self._columns = columns
        self._encoded = torch.from_numpy(brief.task.encode(self._target))

    def __call__(self, net: nn.Module, device: torch.device) -> Judgement:
        raw = outputs(net, self._columns, device)  # (B, K) or (B, M, K)
        loss = self._task.loss(raw, self._encoded).item()
        predictions = self._task.predict(raw.numpy())
        score = self.metric.score(self._task.answers(predictions, self._target))
        return Judgement(score=score, loss=loss, rank=-loss if self._by_loss else self._rank(score, loss))

    def _rank(self, score: float, loss: float) -> float:
        sign = 1.0 if self.metric.greater_is_better else -1.0
        tie = _TIE * loss / (1.0 + abs(loss)) if math.isfinite(loss) else 0.0
        return sign * score - tie


@dataclass(kw_only=True)
class Course:
    """How far the contender is; what a checkpoint remembers beside the engine's own state."""

    identity: str
    """What is being trained, so that a checkpoint of something else is not taken for it."""
    restart: int = 0
    steps_before: int = 0
    """Steps of the trials before this one; the log counts on."""
    best_rank: float | None = None
    best_epoch: float | None = None
    best_step: int | None = None
    epoch: float = 0.0
    step: int = 0
    reports: int = 0
    skipped: int = 0
    stopped: str | None = None
    kept: dict[str, Any] | None = field(default=None, repr=False)
    """Of the best trial before this one: its weights under "weights", and what `result` says of it."""
    shown: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """What there was to show on the way, JSON-able, each with its `step`."""

    def result(self) -> dict[str, Any]:
        """Of this trial."""
        return {
            "rank": self.best_rank,
            "restart": self.restart,
            "stopped": self.stopped,
            "epochs": whole(self.epoch),
            "steps": self.step,
            "best_epoch": whole(self.best_epoch),
            "best_step": self.best_step,
            "skipped": self.skipped,
        }

    def next(self, kept: dict[str, Any]) -> Course:
        """The course of the trial after this one."""
        return Course(
            identity=self.identity, restart=self.restart + 1, steps_before=self.steps_before + self.step, kept=kept
        )


def run_trial(
    learner: nn.Module,
    net: nn.Module,
    stream: Stream,
    plan: Plan,
    judge: Callable[[nn.Module, torch.device], Judgement],
    brief: Brief,
    course: Course,
    restarts: int,
    state: dict[str, Any] | None,
    show: Callable[[nn.Module], dict[str, Any] | None] = lambda net: None,
) -> None:
    """Train until the plan's end; `learner` holds the best weights then, and `course` what happened.

    judge: what validation says of `net`. show: what there is to look at, asked for at reports 1, 2, 4, 8, …
    """
    epochs = stream.batches_per_epoch is not None
    title = find("metric", brief.metric).title
    keeper = _Keeper(brief.folder / CHECKPOINTS, plan.checkpoint_every)
    with _interrupted() as wanted:
        for report in train(learner, stream, plan, state=state):
            judgement = judge(net, next(net.parameters()).device)
            report.score = judgement.rank
            _note(course, report, judgement)
            course.reports += 1
            if _is_power_of_two(course.reports) or report.ended:
                course.shown += [{"step": report.step, **shown} for shown in [show(net)] if shown is not None]
            brief.log(_line(course, report, judgement, restarts, epochs) | stream.tally())
            where = f"epoch {report.epoch:g}" if epochs else f"step {report.step:,}"
            brief.progress((course.restart + report.progress) / restarts, where + _text(report, judgement, title))
            if keeper.due() or wanted():
                keeper.save(course, report)
            if wanted():
                raise KeyboardInterrupt
    course.stopped = course.stopped or "time"  # the budget ended while the last report was looked at


class _Keeper:
    """Saves checkpoints when it is time to."""

    def __init__(self, folder: Path, every: float) -> None:
        self._folder = folder
        self._every = every
        self._saved = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self._saved >= self._every

    def save(self, course: Course, report: Report) -> None:
        checkpoint.save(self._folder, "last", {"course": vars(course), "engine": report.state()})
        self._saved = time.monotonic()


def restored(brief: Brief, identity: str) -> tuple[Course, dict[str, Any] | None]:
    """The newest checkpoint's course and engine state, or a new course and None.

    The log is cut to what the checkpoint has seen. One of other settings is not taken up.
    """
    found = checkpoint.load(brief.folder / CHECKPOINTS, "last")
    if found is None or found.state["course"]["identity"] != identity:
        if found is not None:
            brief.progress(None, "the checkpoint belongs to other settings: starting anew")
        brief.rewind(0)
        return Course(identity=identity), None
    course = Course(**found.state["course"])
    brief.rewind(course.steps_before + course.step)
    for damage in found.damaged:
        brief.progress(None, f"a damaged checkpoint was passed over: {damage}")
    return course, found.state["engine"]


def whole(epoch: float | None) -> int | float | None:
    """An epoch without its fraction where there is none."""
    if epoch is None:
        return None
    return int(epoch) if epoch == int(epoch) else round(epoch, 4)


def _note(course: Course, report: Report, judgement: Judgement) -> None:
    course.epoch, course.step, course.stopped = report.epoch, report.step, report.ended
    course.skipped += report.skipped
    if not math.isnan(judgement.rank) and (course.best_rank is None or judgement.rank > course.best_rank):
        course.best_rank, course.best_epoch, course.best_step = judgement.rank, report.epoch, report.step


def _line(course: Course, report: Report, judgement: Judgement, restarts: int, epochs: bool) -> dict[str, Any]:
    """One line of the metric log; of several parts each has its own loss, and the first one the column of all."""
    numbers = {
        "train_loss": next(iter(report.losses.values()), math.nan),
        "valid_loss": judgement.loss,
        "valid_score": judgement.score,
        "lr": next(iter(report.lr.values()), math.nan),
        "gradient_norm": report.gradient_norm,
        "update_ratio": report.update_ratio,
    }
    if len(report.losses) > 1:
        numbers |= {f"loss_{part}": loss for part, loss in report.losses.items()}
    line: dict[str, Any] = {"step": course.steps_before + report.step, "epoch": whole(report.epoch) if epochs else None}
    line |= {name: number if math.isfinite(number) else None for name, number in numbers.items()}
    line["skipped"] = report.skipped
    if report.trouble is not None:
        line["trouble"] = str(report.trouble)
    return line | ({"restart": course.restart} if restarts > 1 else {})


def _text(report: Report, judgement: Judgement, title: str) -> str:
    losses = ", ".join(
        f"loss {loss:.4g}" if len(report.losses) == 1 else f"{part} {loss:.4g}" for part, loss in report.losses.items()
    )
    return f", {losses}, {title} {judgement.score:.4g} on validation"


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


@contextlib.contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Ctrl-C sets a flag that is looked at between epochs, so that what was learned can be saved; a second one acts
    at once. Outside the main thread signals are not ours, and nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
