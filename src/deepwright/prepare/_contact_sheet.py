"""Contact sheet: some pictures of a table as one picture, a line for each class."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from deepwright.core.errors import DataError, RecipeError
from deepwright.core.writing import write_bytes
from deepwright.kinds._shared import is_blank, texts
from deepwright.kinds._thumbnails import thumbnails

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

_SIDE, _GAP, _EACH, _CLASSES, _WIDE = 96, 6, 10, 40, 170
"""Pixels of a picture's longer side and between pictures, pictures in a line, lines, pixels for a class's name."""
_PLAIN = 60
"""Pictures of a sheet without classes."""
_INK, _PALE, _PAPER = (32, 32, 36), (140, 140, 148), (250, 250, 250)
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def write_sheet(path: Path, pictures: pl.Series, labels: pl.Series | None) -> None:
    """Write a picture of pictures to `path`; a PNG, JPEG or WebP by its ending.

    labels: (B,) the class of each row; the largest 40 classes get a line each of up to 10 pictures, spread over the
    table. Without labels 60 pictures are shown. What cannot be read is a crossed box.
    Raises RecipeError for another ending, DataError where there is no picture.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise RecipeError(
            f"expected a name that ends in {', '.join(_ENDINGS)}, got '{path.name}'.",
            where="--sheet",
            remedy="For example pictures.png.",
        )
    lines = _lines(pictures, labels)
    if not any(len(rows) for _, rows in lines):
        raise DataError("there is no picture to show.", where=f"column '{pictures.name}'")
    drawn = _drawn([(name, thumbnails(pictures.gather(rows), _SIDE)) for name, rows in lines])
    buffer = io.BytesIO()
    drawn.save(buffer, format={".png": "PNG", ".webp": "WEBP"}.get(path.suffix.lower(), "JPEG"))
    write_bytes(path, buffer.getvalue())


def _lines(pictures: pl.Series, labels: pl.Series | None) -> list[tuple[str, np.ndarray]]:
    """(what stands before a line, rows of its pictures)."""
    known = np.flatnonzero(~is_blank(pictures).to_numpy())
    if labels is None:
        chosen = _spread(known, _PLAIN)
        return [("", chosen[i : i + _EACH]) for i in range(0, len(chosen), _EACH)]
    classes = texts(labels).gather(known)
    sizes = classes.drop_nulls().value_counts(sort=True, name="rows").head(_CLASSES)
    found = []
    for name, rows in sorted(sizes.iter_rows()):
        of = known[(classes == name).fill_null(False).to_numpy()]
        found.append((f"{name} ({rows:,})", _spread(of, _EACH)))
    return found


def _spread(rows: np.ndarray, wanted: int) -> np.ndarray:
    return rows if len(rows) <= wanted else rows[np.linspace(0, len(rows) - 1, wanted).round().astype(np.int64)]


def _drawn(lines: list[tuple[str, pl.Series]]) -> Image.Image:
    from PIL import Image, ImageDraw

    step = _SIDE + _GAP
    left = _WIDE if any(name for name, _ in lines) else _GAP
    wide = max(len(pictures) for _, pictures in lines)
    sheet = Image.new("RGB", (left + wide * step, _GAP + len(lines) * step), _PAPER)
    pen, font = ImageDraw.Draw(sheet), _font()
    for row, (name, pictures) in enumerate(lines):
        top = _GAP + row * step
        pen.text((_GAP * 2, top + _SIDE // 2), _cut(name, pen, font), fill=_INK, font=font, anchor="lm")
        for place, content in enumerate(pictures):
            _put(sheet, pen, content, left + place * step, top)
    return sheet


def _put(sheet: Image.Image, pen: ImageDraw, content: bytes | None, x: int, y: int) -> None:
    from PIL import Image

    if content is None:
        pen.rectangle((x, y, x + _SIDE - 1, y + _SIDE - 1), outline=_PALE)
        pen.line((x, y, x + _SIDE - 1, y + _SIDE - 1), fill=_PALE)
        pen.line((x, y + _SIDE - 1, x + _SIDE - 1, y), fill=_PALE)
        return
    picture = Image.open(io.BytesIO(content), formats=["PNG"]).convert("RGBA")
    times = max(1, _SIDE // max(picture.size))  # small ones by whole steps, so that pixels stay pixels
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + (_SIDE - picture.height) // 2), picture)


def _font() -> FreeTypeFont:
    """The one that figures are lettered in; it has the letters of most alphabets."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 13)


def _cut(name: str, pen: ImageDraw, font: FreeTypeFont) -> str:
    """The name, shortened in its middle where it is too long for its place."""
    room = _WIDE - 3 * _GAP
    if pen.textlength(name, font=font) <= room:
        return name
    keep = len(name) - 1
    while keep > 2 and pen.textlength(f"{name[: keep // 2]}…{name[-(keep - keep // 2) :]}", font=font) > room:
        keep -= 1
    return f"{name[: keep // 2]}…{name[-(keep - keep // 2) :]}"
