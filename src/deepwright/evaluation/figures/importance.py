"""What the winner leans on: how much its score drops when a column is shuffled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.parts import ColumnImportance
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_MOST = 15


class ImportanceFigure(Figure):
    """Permutation importance of the columns that matter most, with 95 % intervals."""

    name: ClassVar[str] = "importance"
    title: ClassVar[str] = "Permutation importance"
    caption: ClassVar[str] = (
        "How much worse the score gets when a column's values are shuffled among the rows. Where the bar crosses "
        "zero, the column may be of no use. Columns that tell the same story share their weight."
    )

    def suits(self, record: Record) -> bool:
        return bool(_shown(record))

    def height(self, record: Record) -> int:
        return 62 + 24 * len(_shown(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        shown = _shown(record)
        axes.axvline(0, color=style.MUTED, linewidth=1)
        for place, entry in enumerate(shown):
            sure = math.isfinite(entry.low) and entry.low > 0
            colour = style.ACCENT if sure else style.MUTED
            if math.isfinite(entry.low) and math.isfinite(entry.high):
                axes.plot([entry.low, entry.high], [place, place], color=colour, linewidth=2)
            axes.plot(entry.drop, place, "o", markersize=7, color=colour, mfc=colour if sure else style.PAPER, mew=1.6)
        axes.set_yticks(range(len(shown)), [style.short(entry.column, 26) for entry in shown], color=style.INK)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"loss of {_title(record)} when shuffled")
        axes.locator_params(axis="x", nbins=6)
        style.grid(axes, "x")
        style.thousands(axes, "x")

    def alt(self, record: Record) -> str:
        said = [
            f"{style.short(e.column)} {style.number(e.drop)} ({style.number(e.low)} to {style.number(e.high)})"
            for e in _shown(record)
        ]
        return f"Loss of {_title(record)} with 95 % interval, largest first: {'; '.join(said)}."


def _shown(record: Record) -> list[ColumnImportance]:
    found = record.importance
    return [entry for entry in found.columns if math.isfinite(entry.drop)][:_MOST] if found else []


def _title(record: Record) -> str:
    assert record.importance is not None
    metric = record.run.task.metric if record.run.task else None
    return metric.title if metric and metric.name == record.importance.metric else record.importance.metric
