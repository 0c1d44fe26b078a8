"""What a network makes of one picture, at a few depths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import Maps, Strip, finish, pixels, shown_by, tile
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_ACROSS = 8
_GAP = 4
_TITLE = 22
_PICTURE = 96


class FeatureMaps(Figure):
    """From the top down deeper and deeper."""

    name: ClassVar[str] = "feature_maps"
    title: ClassVar[str] = "A picture on its way through the network"
    caption: ClassVar[str] = (
        "Maps of a few layers for one validation picture, at each depth those that vary most over it; bright is a high "
        "value, each map from its lowest to its highest. Early maps still show the picture, late ones where something "
        "was found in it."
    )

    def suits(self, record: Record) -> bool:
        return _shown(record) is not None

    def height(self, record: Record) -> int:
        found = _shown(record)
        assert found is not None
        return round(_PICTURE + 12 + sum(_TITLE + _side() + 10 for _ in found[1].layers))

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _shown(record)
        assert found is not None
        name, maps = found
        height, side, top = self.height(record), _side(), float(_PICTURE + 12)
        axes = plain_axes(canvas, height)
        tile(axes, pixels(maps.picture), 1, 1, _PICTURE)
        axes.text(_PICTURE + 14, 18, "what comes in", va="center", fontsize=12, color=style.INK)
        axes.text(_PICTURE + 14, 36, f"network: {style.short(name)}", va="center", fontsize=11, color=style.MUTED)
        for strip in maps.layers:
            axes.text(1, top + 10, _said(strip), va="center", fontsize=11, color=style.INK)
            for place, one in enumerate(_cut(strip)):
                tile(axes, one, 1 + place * (side + _GAP), top + _TITLE, side)
            top += _TITLE + _side() + 10
        finish(axes, height)

    def alt(self, record: Record) -> str:
        found = _shown(record)
        assert found is not None
        return f"A validation picture in {found[0]}: {'; '.join(_said(strip) for strip in found[1].layers)}."


def _shown(record: Record) -> tuple[str, Maps] | None:
    """Of the first network that has any."""
    for name, shown in shown_by(record).items():
        if shown.maps is not None and shown.maps.layers:
            return name, shown.maps
    return None


def _side() -> float:
    return (style.WIDTH - _GAP * (_ACROSS - 1) - 2) / _ACROSS


def _cut(strip: Strip) -> Sequence[np.ndarray | None]:
    """The maps of a strip, one by one."""
    whole = pixels(strip.strip)
    if whole is None or strip.shown < 1 or whole.shape[1] % strip.shown:
        return [None] * min(max(strip.shown, 1), _ACROSS)
    return list(np.split(whole, strip.shown, axis=1))[:_ACROSS]


def _said(strip: Strip) -> str:
    """ "stages.1: 8 of 32 maps, 16 × 16" """
    count, height, width = strip.shape
    where = style.short(strip.layer, 30) or "between layers"
    return f"{where}: {min(strip.shown, count)} of {count:,} maps, {height} × {width}"
