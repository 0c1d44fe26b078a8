"""What each contender generated, beside real rows and the training rows that come nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import (
    GAP,
    contenders,
    generated,
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

_SHOWN = 9
_POINTS = 400
_ACROSS = 3
_BETWEEN = 12
"""Pixels between two contenders."""


class GeneratedRows(Figure):
    """Square pictures are drawn as such, other rows as points by their first two columns."""

    name: ClassVar[str] = "generated_rows"
    title: ClassVar[str] = "What each contender generated"
    caption: ClassVar[str] = (
        "Above real rows that nobody learned from; below what each contender made, the best first, not picked by hand. "
        "Pale beneath each stands the training row nearest to it: a generator that only copies shows the same twice."
    )

    def suits(self, record: Record) -> bool:
        return task_of(record) is not None and bool(contenders(record))

    def height(self, record: Record) -> int:
        shown = len(contenders(record))
        if _side(record) is None:
            return 40 + 150 * -(-shown // _ACROSS)
        size = width_of(_SHOWN)
        return round(size + 8 + shown * (2 * size + GAP + _BETWEEN))

    def draw(self, record: Record, canvas: Canvas) -> None:
        task: Any = task_of(record)
        if task.side is None:
            self._points(record, canvas)
            return
        axes, size = plain_axes(canvas, self.height(record)), width_of(_SHOWN)
        span = (float(task.reference.min()), float(task.reference.max()))
        strip(axes, real(record)[:_SHOWN], 4.0, task.side, span)
        said(axes, "real", 4 + size / 2, strong=True)
        top = 4 + size + _BETWEEN
        for name in contenders(record):
            rows = generated(record, name)[:_SHOWN]  # (S, D)
            strip(axes, rows, top, task.side, span)
            said(axes, name, top + size / 2, strong=True)
            beneath = top + size + GAP
            strip(axes, task.reference[task.nearest(rows)[1]], beneath, task.side, span, faint=True)
            said(axes, "nearest", beneath + size / 2)
            top = beneath + size + _BETWEEN
        axes.set_ylim(self.height(record), 0)

    def _points(self, record: Record, canvas: Canvas) -> None:
        names = contenders(record)
        panels = canvas.subplots(-(-len(names) // _ACROSS), _ACROSS, squeeze=False, sharex=True, sharey=True).ravel()
        behind = real(record)[:_POINTS]
        for axes in panels[len(names) :]:
            axes.set_axis_off()
        for axes, name in zip(panels, names, strict=False):
            points(axes, generated(record, name)[:_POINTS], behind, name)
        task: Any = task_of(record)
        canvas.supxlabel(style.short(task.known.columns[0], 40), fontsize=11, color=style.MUTED)
        canvas.supylabel(style.short(task.known.columns[1], 24), fontsize=11, color=style.MUTED)
        panels[0].legend(fontsize=10, frameon=False, loc="best", handletextpad=0.2)

    def alt(self, record: Record) -> str:
        task: Any = task_of(record)
        told = []
        for name in contenders(record):
            distance = float(np.nanmean(task.nearest(generated(record, name))[0]))
            told.append(f"{name} {style.number(distance)}")
        own = style.number(float(np.nanmean(task.nearest(real(record), others=True)[0])))
        return f"Mean distance to the nearest training row: real rows {own}, {', '.join(told)}."


def _side(record: Record) -> int | None:
    task: Any = task_of(record)
    return None if task is None else task.side
