"""Where in a picture a network's answer comes from, and how far such maps can be trusted."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import LookedAt, enlarged, finish, pixels, shown_by, tile
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_SIDE = 92
_GAP = 8
_HEAD = 24
_TEXT = 3 * (_SIDE + _GAP) + 6
_FOOT = 40
_MARKED = 0.1
_WORDS = {"activation": "class activation", "occlusion": "occlusion"}
_LARGE = 128
"""Pixels of a side that maps are drawn at."""


class ClassActivation(Figure):
    """Right, wrong and unsure ones: the picture, what spoke for the answer, what the answer falls without."""

    name: ClassVar[str] = "class_activation"
    title: ClassVar[str] = "Where the network looked"
    caption: ClassVar[str] = (
        "Bright places speak for what the network said: by the gradient of the class at the last maps (Grad-CAM), and "
        "by how far its probability falls when a square of the mean colour covers them; the line encloses the tenth of "
        "the area that each map marks. The test below the pictures: without that tenth the probability must fall "
        "further than without as large a piece elsewhere, else the map says nothing."
    )

    def suits(self, record: Record) -> bool:
        return _shown(record) is not None

    def height(self, record: Record) -> int:
        found = _shown(record)
        assert found is not None
        return round(_HEAD + len(found[1]) * (_SIDE + _GAP) + _FOOT)

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _shown(record)
        assert found is not None
        height = self.height(record)
        axes = plain_axes(canvas, height)
        for place, word in enumerate(("picture", *_columns(found[1]))):
            axes.text(1 + place * (_SIDE + _GAP), 10, word, va="center", fontsize=11, color=style.MUTED)
        for line, one in enumerate(found[1]):
            _row(axes, one, _columns(found[1]), _HEAD + line * (_SIDE + _GAP))
        for line, said in enumerate(_fidelity(found[1])):
            axes.text(1, height - _FOOT + 12 + 16 * line, said, va="center", fontsize=11, color=style.INK)
        finish(axes, height)

    def alt(self, record: Record) -> str:
        found = _shown(record)
        assert found is not None
        told = [f"{one.how}: {one.truth}, said {one.prediction} ({one.probability:.0%})" for one in found[1]]
        return f"{found[0]} on {len(told)} validation pictures: {'; '.join(told)}. {'. '.join(_fidelity(found[1]))}."


def _shown(record: Record) -> tuple[str, tuple[LookedAt, ...]] | None:
    """Of the first network that has any."""
    for name, shown in shown_by(record).items():
        if shown.looked_at:
            return name, shown.looked_at
    return None


def _columns(shown: tuple[LookedAt, ...]) -> list[str]:
    """The maps that any of them has."""
    return [word for name, word in _WORDS.items() if any(getattr(one, name) is not None for one in shown)]


def _row(axes: Axes, one: LookedAt, columns: list[str], top: float) -> None:
    found = pixels(one.picture)
    tile(axes, found, 1, top, _SIDE)
    for place, word in enumerate(columns, start=1):
        grid = one.activation if word == _WORDS["activation"] else one.occlusion
        left = 1 + place * (_SIDE + _GAP)
        lit = grid is not None and any(value > 0 for row in grid for value in row)
        if grid is not None and lit:
            _map(axes, found, grid, left, top)
            continue
        said = "nothing\nspeaks for it" if grid is not None else "left out:\ntoo much work"
        middle = left + _SIDE / 2, top + _SIDE / 2
        axes.text(*middle, said, ha="center", va="center", fontsize=10, color=style.MUTED, linespacing=1.4)
    right = one.truth == one.prediction
    lines = [(one.how, style.MUTED, "normal"), (style.short(one.truth, 18), style.INK, "bold")]
    lines += [
        (f"{'=' if right else '≠'} {style.short(one.prediction, 16)}", style.INK if right else style.WARM, "normal")
    ]
    lines += [(f"probability {one.probability:.2f}", style.INK, "normal")]
    lines += [(style.short(one.name or "", 22), style.MUTED, "normal")]
    for line, (text, colour, weight) in enumerate(lines):
        size = 9 if line == 4 else 11
        axes.text(_TEXT, top + 10 + 17 * line, text, va="center", fontsize=size, color=colour, weight=weight)


def _map(axes: Axes, found: np.ndarray | None, grid: tuple[tuple[float, ...], ...], left: float, top: float) -> None:
    """The picture lit where the map is high, with the outline of its highest tenth."""
    size = found.shape[:2] if found is not None else (_LARGE, _LARGE)
    scale = max(1, _LARGE // max(size))
    large = (size[0] * scale, size[1] * scale)
    values = enlarged(grid, large)
    if found is None or values is None:
        tile(axes, None, left, top, _SIDE)
        return
    fine = found.repeat(scale, axis=0).repeat(scale, axis=1)  # (H, W, 3)
    heat = np.clip(values / max(float(values.max()), 1e-9), 0, 1)
    tile(axes, _lit(fine, heat), left, top, _SIDE)
    _outline(axes, heat, left, top)


def _lit(fine: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """(H, W, 3) a dim grey picture under warm light, whose brightness alone says how high the map is."""
    grey = fine.mean(axis=2, keepdims=True) / 255  # (H, W, 1)
    ramp = np.array(
        [[0.06, 0.05, 0.13], [0.45, 0.12, 0.42], [0.87, 0.32, 0.22], [0.98, 0.72, 0.25], [0.99, 0.98, 0.75]]
    )
    places = heat * (len(ramp) - 1)
    low = np.minimum(places.astype(int), len(ramp) - 2)
    share = (places - low)[..., None]
    colour = ramp[low] * (1 - share) + ramp[low + 1] * share  # (H, W, 3)
    return np.clip(255 * (0.6 * colour + 0.4 * grey), 0, 255).astype(np.uint8)


def _outline(axes: Axes, heat: np.ndarray, left: float, top: float) -> None:
    """Around the highest tenth of the area."""
    height, width = heat.shape
    scale = _SIDE / max(height, width)
    x = left + (_SIDE - width * scale) / 2 + (np.arange(width) + 0.5) * scale
    y = top + (_SIDE - height * scale) / 2 + (np.arange(height) + 0.5) * scale
    level = float(np.quantile(heat, 1 - _MARKED))
    if heat.min() < level < heat.max():
        axes.contour(x, y, heat, levels=[level], colors=[style.PAPER], linewidths=1.2)


def _fidelity(shown: tuple[LookedAt, ...]) -> list[str]:
    """A sentence for each sort of map: the mean drops."""
    said = []
    for name, word in _WORDS.items():
        pairs = [one.deletion[name] for one in shown if name in one.deletion]
        if pairs:
            marked, elsewhere = (
                _signed(fmean(drops)) for drops in zip(*((p.marked, p.elsewhere) for p in pairs), strict=True)
            )
            said.append(f"{word}: probability falls by {marked} without its tenth, by {elsewhere} elsewhere")
    return said


def _signed(value: float) -> str:
    """0.31, −0.02, never −0.00."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
