"""Every contender's score with its 95 % interval, the winner marked, the best rule as a line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.parts import MetricPart, Scores
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


class Contest(Figure):
    """Dots and intervals, best on top; the marker says the family, the dashed line is the best rule."""

    name: ClassVar[str] = "contest"
    title: ClassVar[str] = "Scores with 95 % intervals"
    caption: ClassVar[str] = (
        "Scores on the test rows, which no contender saw. Bars are 95 % intervals: where they overlap widely, "
        "chance could have turned the order. A model that does not pass the dashed line is not worth its cost."
    )

    def suits(self, record: Record) -> bool:
        return record.run.task is not None and bool(_scored(record))

    def height(self, record: Record) -> int:
        return 78 + 34 * len(_scored(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        scored = _scored(record)
        winner = record.winner
        for place, scores in enumerate(scored):
            _draw_one(axes, place, scores, won=winner is not None and scores.name == winner.name)
        axes.set_yticks(range(len(scored)), [style.short(s.name, 22) for s in scored], color=style.INK)
        axes.set_ylim(len(scored) - 0.4, -0.75)
        axes.spines["left"].set_visible(False)
        self._draw_rule(axes, scored)
        metric = _metric(record)
        axes.set_xlabel(f"{metric.title} on test rows ({'more' if metric.greater_is_better else 'less'} is better)")
        style.thousands(axes, "x")
        style.grid(axes, "x")
        axes.margins(x=0.08)

    def alt(self, record: Record) -> str:
        metric = _metric(record)
        lines = [f"{s.name} {style.number(s.score)} ({_interval(s)})" for s in _scored(record)]
        won = f" The winner is {record.winner.name}." if record.winner else ""
        return f"{metric.title} with 95 % interval, best first: {'; '.join(lines)}.{won}"

    def _draw_rule(self, axes: Axes, scored: list[Scores]) -> None:
        rules = [s for s in scored if s.family == "rule"]
        if not rules:
            return
        axes.axvline(rules[0].score, color=style.MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        axes.annotate(
            "best rule",
            (rules[0].score, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=11,
            color=style.MUTED,
        )


def _draw_one(axes: Axes, place: int, scores: Scores, *, won: bool) -> None:
    colour = style.ACCENT if won else style.MUTED
    if math.isfinite(scores.low) and math.isfinite(scores.high):
        axes.plot([scores.low, scores.high], [place, place], color=colour, linewidth=3 if won else 1.8, zorder=2)
    axes.plot(
        scores.score,
        place,
        color=colour,
        marker=style.MARKERS.get(scores.family, "o"),
        markersize=9 if won else 7,
        markerfacecolor=colour if won else style.PAPER,
        markeredgecolor=colour,
        markeredgewidth=1.8,
        zorder=3,
    )
    said = style.number(scores.score) + (" · winner" if won else "")
    axes.annotate(
        said,
        (scores.score, place),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=11,
        bbox={"facecolor": style.PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
        fontweight="bold" if won else "normal",
        color=colour if won else style.INK,
    )


def _scored(record: Record) -> list[Scores]:
    return [scores for scores in record.scores.values() if math.isfinite(scores.score)]


def _metric(record: Record) -> MetricPart:
    assert record.run.task is not None
    return record.run.task.metric


def _interval(scores: Scores) -> str:
    if not math.isfinite(scores.low):
        return "no interval"
    return f"{style.number(scores.low)} to {style.number(scores.high)}"
