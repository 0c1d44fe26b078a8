"""Some training pictures of each class, drawn evenly."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import finish, pixels, tile
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_LINE = 8
"""Pictures beside each other."""
_LEFT = 92
_GAP = 4
_LINES = 12
"""Classes with a line of their own at most; with more, each picture carries its class."""
_ACROSS = 8
_WORDS = 26
_LETTERS = 11
"""Of a line below a picture."""


class ContactSheet(Figure):
    """A line a class; where there are many classes, or none, the label stands below each picture."""

    name: ClassVar[str] = "contact_sheet"
    title: ClassVar[str] = "Contact sheet"
    caption: ClassVar[str] = (
        "Training pictures, the same number of each class drawn at random. Look for wrong labels, duplicates, and "
        "whatever else could give a class away: a border, a background, a watermark."
    )

    def suits(self, record: Record) -> bool:
        return record.contact_sheet is not None and record.contact_sheet.height > 0

    def height(self, record: Record) -> int:
        shown = _shown(record)
        if _in_lines(shown):
            return round(len(shown) * (_side(_LINE, _LEFT) + _GAP))
        count = sum(len(pictures) for _, pictures in shown)
        return round(-(-count // _ACROSS) * (_side(_ACROSS, 0) + _WORDS + _GAP))

    def draw(self, record: Record, canvas: Canvas) -> None:
        height, shown = self.height(record), _shown(record)
        axes = plain_axes(canvas, height)
        if _in_lines(shown):
            _draw_lines(axes, shown)
        else:
            _draw_grid(axes, shown)
        finish(axes, height)

    def alt(self, record: Record) -> str:
        shown = _shown(record)
        count = sum(len(pictures) for _, pictures in shown)
        named = [style.short(name) for name, _ in shown if name is not None]
        some = ", ".join(named[:20]) + (f" and {len(named) - 20} more" if len(named) > 20 else "")
        return f"{count} training pictures{f', of {some}' if named else ''}."


def _shown(record: Record) -> list[tuple[str | None, list[bytes | None]]]:
    """Label and pictures, those of one label together."""
    assert record.contact_sheet is not None
    rows = zip(record.contact_sheet["label"].to_list(), record.contact_sheet["picture"].to_list(), strict=True)
    return [(label, [content for _, content in group]) for label, group in groupby(rows, key=lambda row: row[0])]


def _in_lines(shown: list[tuple[str | None, list[bytes | None]]]) -> bool:
    return len(shown) <= _LINES and all(name is not None for name, _ in shown)


def _side(count: int, left: int) -> float:
    return (style.WIDTH - left - _GAP * (count - 1) - 2) / count


def _draw_lines(axes: Axes, shown: list[tuple[str | None, list[bytes | None]]]) -> None:
    side = _side(_LINE, _LEFT)
    for line, (name, pictures) in enumerate(shown):
        top = 1 + line * (side + _GAP)
        said = style.short(name, 13)
        axes.text(_LEFT - 8, top + side / 2, said, ha="right", va="center", fontsize=11, color=style.INK)
        for place, content in enumerate(pictures[:_LINE]):
            tile(axes, pixels(content), _LEFT + place * (side + _GAP), top, side)


def _draw_grid(axes: Axes, shown: list[tuple[str | None, list[bytes | None]]]) -> None:
    side = _side(_ACROSS, 0)
    each = [(name, content) for name, pictures in shown for content in pictures]
    for place, (name, content) in enumerate(each):
        down, across = divmod(place, _ACROSS)
        left, top = 1 + across * (side + _GAP), 1 + down * (side + _WORDS + _GAP)
        tile(axes, pixels(content), left, top, side)
        if name is not None:
            axes.text(
                left + side / 2, top + side + 3, _in_two(name), ha="center", va="top", fontsize=8, color=style.INK
            )


def _in_two(name: str) -> str:
    """A label in two short lines, broken between words where it can be."""
    whole = style.short(name, 2 * _LETTERS)
    if len(whole) <= _LETTERS:
        return whole
    gap = whole.rfind(" ", 0, _LETTERS + 1)
    first, rest = (whole[:gap], whole[gap + 1 :]) if gap > 0 else (whole[:_LETTERS], whole[_LETTERS:])
    return f"{first}\n{style.short(rest, _LETTERS)}"
