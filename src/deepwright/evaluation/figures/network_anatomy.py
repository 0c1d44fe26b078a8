"""The network as a flow of shapes, with where its parameters and its computing lie."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.anatomy import Anatomy, Step, flow, numbers_in, shape_text, with_networks
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_ROW = 54
_HEAD = 42
_STEPS = 14
"""Boxes of a network at most; the middle of a longer one is left out."""
_NETWORKS = 3
_MIDDLE = 42
"""Pixels from the left to the middle of the boxes."""
_TEXT = 92
_BARS = (282, 376)
"""Where the bars of parameters and of multiply-adds begin."""
_BAR = 74


class NetworkAnatomy(Figure):
    """From top to bottom a row goes through the network; a box is what has the same shape."""

    name: ClassVar[str] = "network_anatomy"
    title: ClassVar[str] = "The network, from input to answer"
    caption: ClassVar[str] = (
        "A stack is a set of maps (number × height × width), a comb a sequence, a bar a list of numbers; each is as "
        "large as its shape. The bars on the right say where the parameters and the multiply-adds for one row lie."
    )

    def suits(self, record: Record) -> bool:
        return bool(with_networks(record))

    def height(self, record: Record) -> int:
        return sum(_HEAD + _ROW * (1 + len(_shown(net))) for net in _networks(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        height = self.height(record)
        axes, top = plain_axes(canvas, height), 0.0
        for net in _networks(record):
            top = _draw(axes, net, top)
        axes.set_xlim(0, style.WIDTH)
        axes.set_ylim(height, 0)

    def alt(self, record: Record) -> str:
        contender = next(iter(with_networks(record)))
        told = [
            f"{style.short(net.name)} of {contender} reads {net.reads.said()}; shapes on the way: "
            f"{', '.join(shape_text(step.shape) for step in flow(net))}; {net.parameters:,} parameters, "
            f"{net.multiply_adds:,} multiply-adds"
            for net in _networks(record)
        ]
        return "; ".join(told) + "."


def _networks(record: Record) -> Sequence[Anatomy]:
    """Of the winner, or of the best contender that has any."""
    return next(iter(with_networks(record).values()))[:_NETWORKS]


def _shown(net: Anatomy) -> list[Step | int]:
    """Its steps; a number stands for so many that are left out."""
    steps: list[Step | int] = list(flow(net))
    if len(steps) <= _STEPS:
        return steps
    half = _STEPS // 2
    return [*steps[:half], len(steps) - 2 * half + 1, *steps[1 - half :]]


def _draw(axes: Axes, net: Anatomy, top: float) -> float:
    """One network below `top`; gives where it ends."""
    totals = (net.parameters, net.multiply_adds)
    axes.text(2, top + 12, style.short(net.name, 34), va="center", fontsize=12, weight="bold", color=style.INK)
    for left, word, total in zip(_BARS, ("parameters", "multiply-adds"), totals, strict=True):
        axes.text(left, top + 12, word, va="center", fontsize=11, color=style.MUTED)
        axes.text(left, top + 27, f"{style.tick(total)} in all", va="center", fontsize=10, color=style.MUTED)
    middle = top + _HEAD + _ROW / 2
    _input(axes, net, middle)
    for step in _shown(net):
        _arrow(axes, middle)
        middle += _ROW
        if isinstance(step, Step):
            _step(axes, step, middle, totals)
        else:
            axes.text(_TEXT, middle, f"… {step} more steps", va="center", fontsize=11, color=style.MUTED)
    return middle + _ROW / 2


def _input(axes: Axes, net: Anatomy, middle: float) -> None:
    if net.reads.pictures:
        _glyph(axes, net.reads.pictures[0], middle)
    else:
        _glyph(axes, (max(1, net.reads.numbers + net.reads.categories),), middle)
    axes.text(_TEXT, middle - 7, style.short(net.reads.said(), 30), va="center", fontsize=12, color=style.INK)
    axes.text(_TEXT, middle + 8, "comes in", va="center", fontsize=10, color=style.MUTED)


def _step(axes: Axes, step: Step, middle: float, totals: tuple[int, int]) -> None:
    _glyph(axes, step.shape, middle)
    first, last = step.names[0], step.names[-1]
    name = first if first == last else f"{first} … {last}"
    axes.text(_TEXT, middle - 15, shape_text(step.shape), va="center", fontsize=12, color=style.INK)
    axes.text(_TEXT, middle, style.short(name, 30), va="center", fontsize=10, color=style.INK)
    axes.text(_TEXT, middle + 14, style.short(_kinds(step), 34), va="center", fontsize=10, color=style.MUTED)
    for left, share, total in zip(_BARS, (step.parameters, step.multiply_adds), totals, strict=True):
        _bar(axes, left, middle, share, total)


def _kinds(step: Step) -> str:
    """ "6 Conv2d, 6 BatchNorm2d": what has weights first."""
    counted = Counter(layer.kind for layer in sorted(step.layers, key=lambda layer: -layer.multiply_adds))
    return ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in counted.items())


def _bar(axes: Axes, left: float, middle: float, part: int, total: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, middle - 12), _BAR, 9, facecolor=style.FAINT, alpha=0.6))
    share = part / total if total else 0.0
    if part:
        axes.add_patch(Rectangle((left, middle - 12), max(1.0, _BAR * share), 9, facecolor=style.ACCENT))
    said = f"{style.tick(part)} · {share:.0%}" if part else "none"
    axes.text(left, middle + 7, said, va="center", fontsize=10, color=style.MUTED)


def _glyph(axes: Axes, shape: Sequence[int], middle: float) -> None:
    """A stack of maps, a comb of positions, or a bar, by the number of dimensions."""
    from matplotlib.patches import Rectangle

    look: Any = {"facecolor": style.PAPER, "edgecolor": style.ACCENT, "linewidth": 1.1}
    if len(shape) == 3:
        side = 8 + 18 * min(1.0, math.log2(max(2, shape[1])) / 8)
        sheets = min(5, 1 + round(math.log2(max(1, shape[0])) / 2.5))
        for sheet in reversed(range(sheets)):
            shift = 2.6 * (sheet - (sheets - 1) / 2)
            place = (_MIDDLE - side / 2 + shift, middle - side / 2 - shift)
            axes.add_patch(Rectangle(place, side, side, **look))
    elif len(shape) == 2:
        teeth = min(9, 2 + round(math.log2(max(1, shape[0]))))
        high = 8 + 16 * math.log2(max(2, shape[1])) / 12
        for tooth in range(teeth):
            axes.add_patch(Rectangle((_MIDDLE + 6 * (tooth - teeth / 2), middle - high / 2), 4.2, high, **look))
    else:
        wide = 6 + 58 * min(1.0, math.log2(max(1, numbers_in(shape))) / 13)
        axes.add_patch(Rectangle((_MIDDLE - wide / 2, middle - 4), wide, 8, **look))


def _arrow(axes: Axes, middle: float) -> None:
    start, end = middle + _ROW / 2 - 4, middle + _ROW / 2 + 4
    arrow = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 0.8, "mutation_scale": 7}
    axes.annotate("", (_MIDDLE, end), (_MIDDLE, start), arrowprops=arrow)
