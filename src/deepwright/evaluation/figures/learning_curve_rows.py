"""Whether more data would help: the winner's score after growing shares of the training rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.parts import CurvePoint
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class LearningCurveRows(Figure):
    """Score with its interval against the number of training rows, on a doubling scale."""

    name: ClassVar[str] = "learning_curve_rows"
    title: ClassVar[str] = "Score against training rows"
    caption: ClassVar[str] = (
        "The winner, fitted on growing shares of the training rows. Still climbing at the right end: more rows would "
        "help. Flat: they would not."
    )

    def suits(self, record: Record) -> bool:
        return len(_points(record)) >= 2

    def height(self, record: Record) -> int:
        return 280

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        points = _points(record)
        for point in points:
            if math.isfinite(point.low) and math.isfinite(point.high):
                axes.plot([point.rows] * 2, [point.low, point.high], color=style.ACCENT, linewidth=1.8)
        rows = [point.rows for point in points]
        scores = [point.score for point in points]
        axes.plot(rows, scores, "o-", color=style.ACCENT, markersize=7, mec=style.PAPER, linewidth=1.2)
        axes.set_xscale("log", base=2)
        axes.set_xticks(rows, [f"{count:,}" for count in rows])
        axes.minorticks_off()
        axes.set_xlabel("training rows (log scale)")
        axes.set_ylabel(record.run.task.metric.title if record.run.task else "score")
        style.grid(axes)
        style.thousands(axes, "y")

    def alt(self, record: Record) -> str:
        said = [f"{p.rows:,} rows {style.number(p.score)}" for p in _points(record)]
        more = f" {record.learning_curve.says}" if record.learning_curve and record.learning_curve.says else ""
        return f"{'; '.join(said)}.{more}"


def _points(record: Record) -> list[CurvePoint]:
    curve = record.learning_curve
    found = [p for p in curve.points if math.isfinite(p.score) and p.rows > 0] if curve else []
    return sorted(found, key=lambda point: point.rows)
