"""What each place of a map is worth to an agent, and where it goes from there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._scenes import Box, map_frame, paint_map
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_ARROWS = "←↓→↑"
"""Of the four actions of Gymnasium's maps, in their order."""
_TITLE, _SIDE = 26, 300


class ValueMap(Figure):
    """The worth of the best action in each place, V(s) = max Q(s, a), and its arrow."""

    name: ClassVar[str] = "value_map"
    title: ClassVar[str] = "What each place is worth"
    caption: ClassVar[str] = (
        "The number is what the agent expects from a place, rewards of later steps discounted; the arrow is where it "
        "means to go. Where the ground is slippery it may aim away from a hole rather than at the goal."
    )

    def suits(self, record: Record) -> bool:
        return _found(record) is not None

    def height(self, record: Record) -> int:
        return _TITLE + _SIDE

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _found(record)
        assert found is not None
        name, rows, values = found
        axes = plain_axes(canvas, self.height(record))
        axes.text(style.WIDTH / 2, 11, style.short(name), ha="center", va="center", weight="bold", color=style.INK)
        box = Box(2, _TITLE, style.WIDTH - 4, _SIDE - 4)
        paint_map(axes, box, ["".join(" " if place == "S" else place for place in row) for row in rows])
        _write(axes, box, rows, values)

    def alt(self, record: Record) -> str:
        found = _found(record)
        assert found is not None
        name, rows, values = found
        told = [
            f"row {r + 1}: {', '.join(style.number(float(v)) for v in line)}"
            for r, line in enumerate(values.max(axis=1).reshape(len(rows), -1))
        ]
        return f"Values of places by {name}. {'; '.join(told)}."


def _write(axes: Axes, box: Box, rows: list[str], values: np.ndarray) -> None:
    """Number and arrow of every place that is one to act in and was ever valued."""
    size, left, top = map_frame(box, rows)
    for number, place in enumerate("".join(rows)):
        if place in "HG" or not values[number].any():
            continue
        row, column = divmod(number, len(rows[0]))
        x, y = left + size * (column + 0.5), top + size * (row + 0.5)
        if size >= 30:
            worth = style.number(float(values[number].max()), 2)
            axes.text(x, y + size * 0.24, worth, ha="center", va="center", fontsize=11, color=style.INK)
        arrow = _ARROWS[int(values[number].argmax())]
        axes.text(x, y - size * 0.12, arrow, ha="center", va="center", fontsize=min(18, size / 2), color=style.ACCENT)


def _found(record: Record) -> tuple[str, list[str], np.ndarray] | None:
    """The best contender that knows values of a map with four ways to go: its name, the map, (S, A) values."""
    for name, shown in record.exhibits.items():
        replay: Any = shown.get("replay")
        rows: Any = replay.get("map") if isinstance(replay, dict) else None
        values = shown.get("values")
        if _is_map(rows) and _is_table(values, len("".join(rows))):
            return name, rows, np.array(values, dtype=np.float64)
    return None


def _is_map(rows: Any) -> bool:
    return (
        isinstance(rows, list) and bool(rows) and all(isinstance(row, str) and len(row) == len(rows[0]) for row in rows)
    )


def _is_table(values: Any, states: int) -> bool:
    if not isinstance(values, list) or len(values) != states or not states:
        return False
    return all(
        isinstance(line, list) and len(line) == len(_ARROWS) and all(isinstance(v, float | int) for v in line)
        and all(map(math.isfinite, line))
        for line in values
    )  # fmt: skip
