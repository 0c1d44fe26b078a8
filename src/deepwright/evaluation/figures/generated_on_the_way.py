"""What networks generated while they learned, always from the same noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import (
    GAP,
    contenders,
    plain_axes,
    points,
    real,
    said,
    strip,
    task_of,
    width_of,
)  # fmt: skip
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_STAGES = 6
_SHOWN = 10
_TITLE = 22
_POINTS = 400


class GeneratedOnTheWay(Figure):
    """Each line of pictures is one moment of the training; each column one draw of noise."""

    name: ClassVar[str] = "generated_on_the_way"
    title: ClassVar[str] = "Generated while learning"
    caption: ClassVar[str] = (
        "A line is a moment of the training, a column the same noise each time. What jumps from line to line has not "
        "settled; the weights that validated best are kept, not always the last."
    )

    def suits(self, record: Record) -> bool:
        return task_of(record) is not None and bool(_shown(record))

    def height(self, record: Record) -> int:
        shown, task = _shown(record), task_of(record)
        if task is not None and task.side is None:
            return 30 + 130 * len(shown)
        lines = sum(len(stages) for stages in shown.values())
        return round(lines * (width_of(_SHOWN) + GAP) + len(shown) * (_TITLE + 6))

    def draw(self, record: Record, canvas: Canvas) -> None:
        task: Any = task_of(record)
        if task.side is None:
            self._points(record, canvas)
            return
        axes, size, top = plain_axes(canvas, self.height(record)), width_of(_SHOWN), 0.0
        span = (float(task.reference.min()), float(task.reference.max()))
        for name, stages in _shown(record).items():
            axes.text(2, top + _TITLE / 2, style.short(name), va="center", fontsize=12, weight="bold", color=style.INK)
            top += _TITLE
            for stage in stages:
                strip(axes, np.array(stage["rows"])[:_SHOWN], top, task.side, span)
                said(axes, f"step {stage['step']:,}", top + size / 2)
                top += size + GAP
            top += 6
        axes.set_ylim(self.height(record), 0)

    def _points(self, record: Record, canvas: Canvas) -> None:
        shown = _shown(record)
        most = max(map(len, shown.values()))
        panels = canvas.subplots(len(shown), most, squeeze=False, sharex=True, sharey=True)
        behind = real(record)[:_POINTS]
        for line, (name, stages) in zip(panels, shown.items(), strict=True):
            line[0].set_ylabel(style.short(name, 16), fontsize=11, color=style.INK)
            for axes, stage in zip(line, stages, strict=False):
                points(axes, np.array(stage["rows"]), behind, f"{stage['step']:,}")
            for axes in line[len(stages) :]:
                axes.set_axis_off()

    def alt(self, record: Record) -> str:
        told = [
            f"{name} at steps {', '.join(str(s['step']) for s in stages)}" for name, stages in _shown(record).items()
        ]
        return f"Generated rows of {'; '.join(told)}."


def _shown(record: Record) -> dict[str, list[dict[str, Any]]]:
    """Contender → some of what it showed on the way, from the first to the last."""
    task: Any = task_of(record)
    found = {}
    for name in contenders(record):
        stages = record.exhibits.get(name, {}).get("on_the_way") or []
        sound = [s for s in stages if isinstance(s, dict) and _is_rows(s.get("rows"), task) and "step" in s]
        if sound:
            chosen = np.unique(np.linspace(0, len(sound) - 1, min(_STAGES, len(sound))).round().astype(int))
            found[name] = [sound[i] for i in chosen]
    return found


def _is_rows(rows: object, task: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and all(isinstance(r, list) and len(r) == task.width for r in rows)
