"""What figures of pictures share: stored thumbnails as pixels, and pictures set in frames."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from deepwright.core.errors import DataError, RunError
from deepwright.evaluation import style
from deepwright.evaluation.record import Record
from deepwright.kinds._pictures import header, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LARGEST = 1_024
"""Pixels of a side of a stored picture; what is larger was not written by us."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Filters(_Part):
    """The first convolution; pictures as base64 PNG."""

    layer: str
    count: int
    kernel: tuple[int, int]
    pictures: tuple[str, ...]


class Strip(_Part):
    """Maps of one layer side by side in one PNG."""

    layer: str
    shape: tuple[int, int, int]
    shown: int
    strip: str


class Maps(_Part):
    """A picture and what became of it."""

    picture: str
    layers: tuple[Strip, ...] = ()


class Deletion(_Part):
    """How much the probability drops without the tenth of the area that a map marks, and without one elsewhere."""

    marked: float
    elsewhere: float


class LookedAt(_Part):
    """A validation picture with the network's answer, and maps of where it came from."""

    how: str
    truth: str
    prediction: str
    probability: float
    name: str | None = None
    picture: str
    activation: tuple[tuple[float, ...], ...] | None = None
    occlusion: tuple[tuple[float, ...], ...] | None = None
    deletion: dict[str, Deletion] = {}


class Shown(_Part):
    """`pictures` of a contender's exhibits.json."""

    column: str = ""
    filters: Filters | None = None
    maps: Maps | None = None
    looked_at: tuple[LookedAt, ...] = ()


def shown_by(record: Record) -> dict[str, Shown]:
    """Contender → what it makes of pictures, the winner first, then by score. Raises RunError on damage."""
    winner = record.winner.name if record.winner else None
    found = {}
    for name in sorted(record.exhibits, key=lambda name: name != winner):
        said = record.exhibits[name].get("pictures")
        if said is not None:
            try:
                found[name] = TypeAdapter(Shown).validate_python(said)
            except ValidationError as error:
                key = ".".join(str(step) for step in error.errors()[0]["loc"])
                where = f"contenders/{name}/exhibits.json"
                raise RunError(f"what there is to show is damaged (key pictures.{key}).", where=where) from error
    return found


def pixels(stored: str | bytes | None) -> np.ndarray | None:
    """(H, W, 3) uint8 of a stored PNG, or of its base64; None where there is none, or it is damaged."""
    if stored is None:
        return None
    try:
        content = base64.b64decode(stored, validate=True) if isinstance(stored, str) else stored
        if max(header(content, "a stored picture")[1:]) > _LARGEST:
            return None
        planes = picture(content, "a stored picture")  # (C, H, W)
    except (DataError, binascii.Error, ValueError):
        return None
    colours = planes[:3] if len(planes) >= 3 else np.repeat(planes[:1], 3, axis=0)
    return np.ascontiguousarray(colours.transpose(1, 2, 0))  # (H, W, 3)


def tile(axes: Axes, found: np.ndarray | None, left: float, top: float, side: float) -> None:
    """A picture in the middle of a square frame, as large as fits, its pixels as they are; an empty frame for None."""
    from matplotlib.patches import Rectangle

    if found is None:
        frame = (left, top), side, side
        axes.add_patch(Rectangle(*frame, facecolor="none", edgecolor=style.MUTED, linewidth=0.8, linestyle=(0, (3, 2))))
        axes.text(left + side / 2, top + side / 2, "gone", ha="center", va="center", fontsize=10, color=style.MUTED)
        return
    height, width = found.shape[:2]
    scale = side / max(height, width)
    high, wide = height * scale, width * scale
    x, y = left + (side - wide) / 2, top + (side - high) / 2
    axes.imshow(found, extent=(x, x + wide, y + high, y), interpolation="none", aspect="auto")
    axes.add_patch(Rectangle((x, y), wide, high, facecolor="none", edgecolor=style.FAINT, linewidth=0.8))


def finish(axes: Axes, height: float) -> None:
    """Pixels of the figure as units, from the top left corner on; pictures change them."""
    axes.set_aspect("auto")
    axes.set_xlim(0, style.WIDTH)
    axes.set_ylim(height, 0)


def enlarged(grid: Sequence[Sequence[float]], size: tuple[int, int]) -> np.ndarray | None:
    """(H, W) a map of places spread over a picture's pixels, between places linearly; None for an uneven grid."""
    if not grid or len({len(row) for row in grid}) != 1 or not grid[0]:
        return None
    values: Any = np.asarray(grid, dtype=float)
    for axis, length in enumerate(size):
        count = values.shape[axis]
        places = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
        low = np.floor(places).astype(int)
        high, share = np.minimum(low + 1, count - 1), places - low
        share = share[:, None] if axis == 0 else share[None, :]
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values
