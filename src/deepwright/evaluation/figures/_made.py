"""What figures of generated rows share: rows as pictures, or as points where they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl

from deepwright.evaluation import style
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT = 92
"""Pixels left of the pictures, for words."""
_LINE = 13
"""Letters in that place."""
GAP = 4
"""Pixels between two pictures."""


def task_of(record: Record) -> Any | None:
    """The fitted task, where it is `generation`."""
    asked = record.run.task is not None and record.run.task.name == "generation"
    return record.task if asked else None


def generated(record: Record, contender: str) -> np.ndarray:
    """(B, D) what a contender generated for the test rows, in their order."""
    return _column(record, contender, "generated")


def real(record: Record) -> np.ndarray:
    """(B, D) the test rows."""
    return _column(record, contenders(record)[0], "truth")


def contenders(record: Record) -> list[str]:
    """Those with predictions, best first."""
    frame = record.predictions
    there = set() if frame is None else set(frame["contender"].unique().to_list())
    return [name for name in record.scores if name in there]


def plain_axes(canvas: Any, height: int) -> Axes:
    """Axes in pixels of the figure, from the top left corner on, without a frame."""
    canvas.set_layout_engine("none")
    share = height / (72 * canvas.get_figheight())  # less than all where a title stands above
    axes = cast("Axes", canvas.add_axes((0, 0, 1, min(1.0, share))))
    axes.set_xlim(0, style.WIDTH)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return axes


def width_of(count: int) -> float:
    """Pixels of a picture, where so many stand side by side right of the words."""
    return (style.WIDTH - LEFT - GAP * (count - 1) - 2) / count


def strip(
    axes: Axes, rows: np.ndarray, top: float, side: int, span: tuple[float, float], *, faint: bool = False
) -> None:
    """Rows (S, D) as pictures of side·side pixels beside each other, below `top`; dark is high."""
    size = width_of(len(rows))
    low, high = span
    shade = 1.0 - np.clip((rows - low) / max(high - low, 1e-12), 0, 1)  # (S, D)
    for number, picture in enumerate(shade):
        left = LEFT + number * (size + GAP)
        place = (left, left + size, top + size, top)
        inked = picture.reshape(side, side)
        axes.imshow(inked, cmap="gray", vmin=0, vmax=1, extent=place, interpolation="none", alpha=0.6 if faint else 1.0)
    axes.set_aspect("auto")
    axes.set_xlim(0, style.WIDTH)


def said(axes: Axes, text: str, middle: float, *, strong: bool = False) -> None:
    """Words left of a strip, a long name in two lines."""
    first, _, rest = text.partition("_") if len(text) > _LINE else (text, "", "")
    lines = [style.short(first + "_" * bool(rest), _LINE), *([style.short(rest, _LINE)] if rest else [])]
    colour, weight = (style.INK, "bold") if strong else (style.MUTED, "normal")
    axes.text(LEFT - 8, middle, "\n".join(lines), ha="right", va="center", fontsize=11, color=colour, weight=weight)


def points(axes: Axes, rows: np.ndarray, behind: np.ndarray, title: str) -> None:
    """Rows (S, D) by their first two columns, before those of real rows."""
    axes.plot(behind[:, 0], behind[:, 1], ".", markersize=3, color=style.SERIES[5], alpha=0.35, label="real")
    axes.plot(rows[:, 0], rows[:, 1], "+", markersize=4, markeredgewidth=0.9, color=style.ACCENT, label="generated")
    axes.set_title(style.short(title, 22), fontsize=11, color=style.INK)
    axes.tick_params(labelsize=10)


def _column(record: Record, contender: str, name: str) -> np.ndarray:
    assert record.predictions is not None
    lists = record.predictions.filter(pl.col("contender") == contender)[name]
    return np.array(lists.to_list(), dtype=np.float64)
