"""What the first layer of networks that read pictures looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import Filters, finish, pixels, shown_by, tile
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_ACROSS = 16
_GAP = 5
_TITLE = 26
_NETWORKS = 3


class FirstLayerFilters(Figure):
    """A square a filter, largest weights first."""

    name: ClassVar[str] = "first_layer_filters"
    title: ClassVar[str] = "Filters of the first layer"
    caption: ClassVar[str] = (
        "Each square is a filter that slides over the picture: mid-grey is a weight of 0, bright adds, dark takes "
        "away, in the picture's own colours. Edges and spots of colour are learned; what looks like noise has hardly "
        "changed from its first weights."
    )

    def suits(self, record: Record) -> bool:
        return bool(_shown(record))

    def height(self, record: Record) -> int:
        return round(sum(_TITLE + _lines(found) * (_side() + _GAP) + 8 for found in _shown(record).values()))

    def draw(self, record: Record, canvas: Canvas) -> None:
        height, side, top = self.height(record), _side(), 0.0
        axes = plain_axes(canvas, height)
        for name, found in _shown(record).items():
            axes.text(1, top + 10, style.short(name), va="center", fontsize=12, weight="bold", color=style.INK)
            said = _said(found)
            axes.text(style.WIDTH - 1, top + 10, said, ha="right", va="center", fontsize=11, color=style.MUTED)
            top += _TITLE
            for place, content in enumerate(found.pictures):
                down, across = divmod(place, _ACROSS)
                tile(axes, pixels(content), 1 + across * (side + _GAP), top + down * (side + _GAP), side)
            top += _lines(found) * (side + _GAP) + 8
        finish(axes, height)

    def alt(self, record: Record) -> str:
        return "; ".join(f"{name}: {_said(found)}" for name, found in _shown(record).items()) + "."


def _shown(record: Record) -> dict[str, Filters]:
    found = {name: shown.filters for name, shown in shown_by(record).items()}
    return {name: filters for name, filters in list(found.items())[:_NETWORKS] if filters and filters.pictures}


def _lines(found: Filters) -> int:
    return -(-len(found.pictures) // _ACROSS)


def _side() -> float:
    return (style.WIDTH - _GAP * (_ACROSS - 1) - 2) / _ACROSS


def _said(found: Filters) -> str:
    """ "the 32 largest of 64 filters, 7 × 7 pixels" """
    shown = len(found.pictures)
    many = f"{shown} filters" if shown == found.count else f"the {shown} largest of {found.count:,} filters"
    return f"{many}, {found.kernel[0]} × {found.kernel[1]} pixels"
