"""A column's facts as bars: histograms for numbers and times, counts of values for everything else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deepwright.evaluation import style
from deepwright.evaluation.parts import Facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_facts(axes: Axes, facts: Facts, *, most: int, label: str = "") -> None:
    """Fill the axes; `most` values at most, the most frequent first."""
    if facts.histogram is not None:
        edges, counts = facts.histogram.edges, facts.histogram.counts
        widths = [0.94 * (right - left) for left, right in itertools.pairwise(edges)]
        axes.bar(edges[:-1], counts, width=widths, align="edge", color=style.ACCENT, alpha=0.75)
        axes.locator_params(axis="x", nbins=5)
        _label_ends(axes, facts)
        axes.set_ylabel("rows")
        axes.set_xlabel(label)
        style.grid(axes)
        return
    top = (facts.top or ())[:most]
    axes.barh(range(len(top)), [count for _, count in top], height=0.68, color=style.ACCENT, alpha=0.75)
    for place, (_, count) in enumerate(top):
        axes.annotate(f"{count:,}", (count, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=11)
    axes.set_yticks(range(len(top)), [style.short(value, 24) for value, _ in top], color=style.INK)
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.margins(x=0.12)
    axes.set_xlabel("rows")
    axes.locator_params(axis="x", nbins=5)


def _label_ends(axes: Axes, facts: Facts) -> None:
    """Times are said as dates at both ends, numbers as ticks."""
    if isinstance(facts.minimum, str) and isinstance(facts.maximum, str) and facts.histogram is not None:
        ends = [facts.histogram.edges[0], facts.histogram.edges[-1]]
        axes.set_xticks(ends, [style.short(facts.minimum, 10), style.short(facts.maximum, 10)])
    else:
        style.thousands(axes, "x")


def said(facts: Facts) -> str:
    """The same in words."""
    if facts.histogram is not None:
        low, high = (v if isinstance(v, str) else style.number(v or 0.0) for v in (facts.minimum, facts.maximum))
        middle = f", median {style.number(facts.median)}" if isinstance(facts.median, float) else ""
        return f"{style.short(facts.name)}: from {low} to {high}{middle}."
    values = ", ".join(f"{style.short(value)} {count:,}" for value, count in (facts.top or ())[:8])
    return f"{style.short(facts.name)}: {values}."
