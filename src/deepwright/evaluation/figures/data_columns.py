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


class DataColumns(Figure):
    """Small multiples, three across; of many columns the ones the winner leans on, else the first."""

    name: ClassVar[str] = "data_columns"
    title: ClassVar[str] = "The columns at a glance"
    caption: ClassVar[str] = "Numbers and times as histograms, everything else as its most frequent values."

    def suits(self, record: Record) -> bool:
        return bool(_shown(record))

    def height(self, record: Record) -> int:
        return 10 + 112 * -(-len(_shown(record)) // _ACROSS)

    def draw(self, record: Record, canvas: Canvas) -> None:
        shown = _shown(record)
        grid = canvas.add_gridspec(-(-len(shown) // _ACROSS), _ACROSS)
        for k, facts in enumerate(shown):
            axes = canvas.add_subplot(grid[k // _ACROSS, k % _ACROSS])
            axes.set_title(style.short(facts.name, 20), fontsize=11, color=style.INK, loc="left", pad=3)
            (_numbers if facts.histogram is not None else _values)(axes, facts)
            axes.spines["left"].set_visible(False)
            axes.set_yticks([])

    def alt(self, record: Record) -> str:
        return " ".join(said(facts) for facts in _shown(record)[:8])


def _numbers(axes: Axes, facts: Facts) -> None:
    assert facts.histogram is not None
    edges, counts = facts.histogram.edges, facts.histogram.counts
    width = 0.94 * (edges[1] - edges[0])
    axes.bar(edges[:-1], counts, width=width, align="edge", color=style.ACCENT, alpha=0.75)
    words = [v if isinstance(v, str) else style.tick(float(v)) for v in (facts.minimum, facts.maximum) if v is not None]
    if len(words) == 2:
        axes.set_xticks([edges[0], edges[-1]], [style.short(word, 10) for word in words], fontsize=10)
        first, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")


def _values(axes: Axes, facts: Facts) -> None:
    top = (facts.top or ())[:4]
    axes.barh(range(len(top)), [count for _, count in top], height=0.8, color=style.ACCENT, alpha=0.35)
    for place, (value, _) in enumerate(top):
        words = style.short(value, 18)
        axes.annotate(words, (0, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set_ylim(3.6, -0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _shown(record: Record) -> list[Facts]:
    """Facts that can be drawn, inputs by importance where it is known."""
    known = [f for f in record.facts.columns if f.top or (f.histogram and len(f.histogram.edges) > 1)]
    if len(known) <= _MOST or record.importance is None:
        return known[:_MOST]
    rank = {entry.column: place for place, entry in enumerate(record.importance.columns)}
    return sorted(known, key=lambda f: rank.get(f.name, len(rank)))[:_MOST]
