"""What agents reached, against the steps in the environment that they had taken until then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import contenders
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_STEPS = "environment_steps"
_PLAYED = "training_return"


class ReturnOverSteps(Figure):
    """One line a learner; the best of those who learn nothing from steps is a line across."""

    name: ClassVar[str] = "return_over_steps"
    title: ClassVar[str] = "Return against steps used"
    caption: ClassVar[str] = (
        "Solid: mean return in the validation episodes, without exploring; the ringed policy is the one kept. Thin: "
        "the last 100 episodes as they were lived, exploration included. Steps in the environment are what learning "
        "costs where trying is dear."
    )

    def suits(self, record: Record) -> bool:
        return bool(_histories(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for number, (name, history) in enumerate(_histories(record).items()):
            _draw_one(axes, name, history, _kept(record, name, history), number % len(style.SERIES))
        _across(axes, record)
        axes.set_xlabel("steps in the environment")
        axes.set_ylabel("return")
        style.thousands(axes, "x", "y")
        style.grid(axes)
        axes.set_xlim(left=0)
        canvas.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=11, labelcolor=style.INK)

    def alt(self, record: Record) -> str:
        told = []
        for name, history in _histories(record).items():
            best = history.row(_kept(record, name, history), named=True)
            told.append(f"{name}, as kept, {style.number(best['valid_score'])} after {best[_STEPS]:,.0f} steps")
        return f"{'; '.join(told)}."


def _histories(record: Record) -> dict[str, pl.DataFrame]:
    """Contender → its reports that say how many steps were taken, two at least; the best first."""
    log, found = record.log, {}
    if _STEPS not in log.columns:
        return {}
    known = log.filter(pl.col(_STEPS).is_finite() & pl.col("valid_score").is_finite())
    for name in [*record.scores, *log["contender"].unique(maintain_order=True)]:
        history = known.filter(pl.col("contender") == name)
        if history.height >= 2:
            found[name] = history
    return found


def _kept(record: Record, name: str, history: pl.DataFrame) -> int:
    """Which report's policy was kept: that of the best step, where the contender says so, else the last of the best."""
    scores = record.scores.get(name)
    if scores is not None and scores.deep is not None and math.isfinite(scores.deep.best_step):
        return int((history["step"] - int(scores.deep.best_step)).abs().arg_min() or 0)
    return int(np.flatnonzero(history["valid_score"].to_numpy() == history["valid_score"].max())[-1])


def _draw_one(axes: Axes, name: str, history: pl.DataFrame, best: int, number: int) -> None:
    colour: Any = style.SERIES[number]
    steps, scores = history[_STEPS].to_numpy(), history["valid_score"].to_numpy()
    axes.plot(steps, scores, color=colour, linestyle=style.LINES[number], label=style.short(name, 18), zorder=3)
    axes.plot(
        steps[best], scores[best], marker="o", markersize=8, markerfacecolor=style.PAPER, markeredgecolor=colour,
        markeredgewidth=2, zorder=4, clip_on=False,
    )  # fmt: skip
    if _PLAYED in history.columns:
        axes.plot(steps, history[_PLAYED].to_numpy(), color=colour, linewidth=0.9, alpha=0.6, zorder=2)


def _across(axes: Axes, record: Record) -> None:
    """The best rule, and from where the environment counts as solved."""
    learners = _histories(record)
    rules = [record.scores[name] for name in contenders(record) if name not in learners]
    known = [scores for scores in rules if math.isfinite(scores.score)]
    if known:
        _line(axes, known[0].score, style.short(known[0].name, 18), (0, (4, 3)), "right")
    task: Any = record.task
    if task is not None and task.name == "control" and task.threshold is not None:
        _line(axes, task.threshold, f"solved from {style.number(task.threshold)}", (0, (1, 2)), "left")


def _line(axes: Axes, value: float, words: str, dashes: Any, side: str) -> None:
    axes.axhline(value, color=style.MUTED, linewidth=1, linestyle=dashes, zorder=1)
    axes.annotate(
        words, (0.01 if side == "left" else 1, value), xycoords=("axes fraction", "data"), xytext=(0, 2),
        textcoords="offset points", ha=side, va="bottom", fontsize=11, color=style.MUTED,
        bbox={"facecolor": style.PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
    )  # fmt: skip
