"""The columns at a glance: a small histogram or the most frequent values of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._bars import said
from deepwright.evaluation.parts import Facts
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST = 24
_ACROSS = 3
_PAD, _GAP, _TALL = 6, 20, 104
_WIDE = (style.WIDTH - 2 * _PAD - (_ACROSS - 1) * _GAP) / _ACROSS


class DataColumns(Figure):
    """Small multiples, three across; of many columns the ones the winner leans on, else the first."""

    name: ClassVar[str] = "data_columns"
    title: ClassVar[str] = "The columns at a glance"
    caption: ClassVar[str] = "Numbers and times as histograms, everything else as its most frequent values."

    def suits(self, record: Record) -> bool:
        return bool(_shown(record))

    def height(self, record: Record) -> int:
        return 6 + _TALL * -(-len(_shown(record)) // _ACROSS)

    def draw(self, record: Record, canvas: Canvas) -> None:
        # One axes in pixels: two dozen axes of their own would take seconds to lay out.
        canvas.set_layout_engine("none")
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, style.WIDTH)
        axes.set_ylim(72 * canvas.get_figheight(), 0)
        drop = 72 * canvas.get_figheight() - self.height(record)  # room for a title, where there is one
        for k, facts in enumerate(_shown(record)):
            x, y = _PAD + (k % _ACROSS) * (_WIDE + _GAP), drop + 14 + (k // _ACROSS) * _TALL
            axes.text(x, y, style.short(facts.name, 20), fontsize=11, va="center")
            (_numbers if facts.histogram is not None else _values)(axes, facts, x, y + 12)

    def alt(self, record: Record) -> str:
        return " ".join(said(facts) for facts in _shown(record)[:8])


def _numbers(axes: Axes, facts: Facts, x: float, y: float) -> None:
    assert facts.histogram is not None
    counts = facts.histogram.counts
    wide, most = _WIDE / len(counts), max(*counts, 1)
    bottom = y + 56
    for k, rows in enumerate(counts):
        _bar(axes, x + k * wide, bottom - 54 * rows / most, 0.92 * wide, 54 * rows / most, alpha=0.75)
    axes.plot([x, x + _WIDE], [bottom, bottom], color=style.MUTED, linewidth=0.8)
    words = [v if isinstance(v, str) else style.tick(float(v)) for v in (facts.minimum, facts.maximum) if v is not None]
    if len(words) == 2:
        for place, side, word in ((x, "left", words[0]), (x + _WIDE, "right", words[1])):
            axes.text(place, bottom + 9, style.short(word, 10), fontsize=10, va="center", ha=side, color=style.MUTED)


def _values(axes: Axes, facts: Facts, x: float, y: float) -> None:
    top = (facts.top or ())[:4]
    most = max(1, *(count for _, count in top))
    for place, (value, count) in enumerate(top):
        _bar(axes, x, y + 18 * place, _WIDE * count / most, 16, alpha=0.3)
        axes.text(x + 4, y + 18 * place + 8, style.short(value, 18), fontsize=10, va="center")


def _bar(axes: Axes, x: float, y: float, wide: float, tall: float, *, alpha: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), wide, tall, facecolor=style.ACCENT, alpha=alpha))


def _shown(record: Record) -> list[Facts]:
    """Facts that can be drawn, inputs by importance where it is known."""
    known = [f for f in record.facts.columns if f.top or (f.histogram and len(f.histogram.edges) > 1)]
    if len(known) <= _MOST or record.importance is None:
        return known[:_MOST]
    rank = {entry.column: place for place, entry in enumerate(record.importance.columns)}
    return sorted(known, key=lambda f: rank.get(f.name, len(rank)))[:_MOST]
