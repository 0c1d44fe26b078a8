"""Drawing: a figure of a run as SVG for a page, as an SVG file, or as PNG."""

from __future__ import annotations

import copy
import io
import re
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.motion import animate
from deepwright.evaluation.record import Record

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_COLOUR = re.compile("|".join(style.VARIABLES))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn figure.

    inline: SVG for a page that sets the colour variables of `style`: transparent, scaling, ids of its own.
    svg:    a file of its own: light, on white.
    alt:    what it shows, in words.
    """

    inline: str
    svg: str
    alt: str


def draw(figure: Figure, record: Record) -> Picture:
    """Draw once; both forms hold the same picture. Texts stay texts, so they can be searched, copied and read out."""
    buffer = io.BytesIO()
    _save(figure, record, buffer, "svg", titled=False)
    root = ET.fromstring(buffer.getvalue())
    alt = figure.alt(record)
    moving = animate(root, figure.name, figure.motions(record))
    _tidy(root, figure.name, moving)
    _describe(root, figure.title, alt)
    return Picture(inline=_inline(copy.deepcopy(root)), svg=_standalone(root), alt=alt)


def png(figure: Figure, record: Record, *, dpi: int = 160) -> bytes:
    """The same with its title, as an image on white; at 72 dpi a pixel of the image is a pixel of the figure."""
    buffer = io.BytesIO()
    _save(figure, record, buffer, "png", titled=True, dpi=dpi)
    return buffer.getvalue()


def _save(figure: Figure, record: Record, to: io.BytesIO, form: str, *, titled: bool, dpi: int = 72) -> None:
    import matplotlib
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    settings: Any = {**style.RC, "svg.hashsalt": figure.name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A letter that the measuring font lacks is still drawn by the reader's own font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        height = figure.height(record) + (26 if titled else 0)
        layout = ConstrainedLayoutEngine(w_pad=4 / 72, h_pad=4 / 72)
        canvas = Canvas(figsize=(style.WIDTH / 72, height / 72), layout=layout)
        figure.draw(record, canvas)
        if titled:
            canvas.suptitle(figure.title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=style.INK)
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type") if form == "svg" else ("Software",))
        face = style.PAPER if form == "png" else "none"
        canvas.savefig(to, format=form, dpi=dpi, facecolor=face, metadata=metadata)


def _tidy(root: ET.Element, prefix: str, kept: set[str]) -> None:
    """No metadata, no fixed size, the reader's own font, and only ids that are kept or that something points to, made
    page-unique."""
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for key in ("width", "height"):
        root.attrib.pop(key, None)
    for element in root.iter(f"{{{_SVG}}}text"):
        element.set("style", re.sub(r"'DejaVu Sans'(, sans-serif)?", _FONT, element.attrib.get("style", "")))
    used = _prefix_references(root, prefix) | kept
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in used:
            element.set("id", f"{prefix}-{old}")


def _prefix_references(root: ET.Element, prefix: str) -> set[str]:
    used = set()
    for element in root.iter():
        target = element.attrib.pop(f"{{{_XLINK}}}href", "")
        if target.startswith("#"):
            element.set("href", f"#{prefix}-{target[1:]}")
            used.add(target[1:])
        elif target:  # a picture that is carried in the text itself
            element.set("href", target)
        clip = element.attrib.get("clip-path", "").removeprefix("url(#").removesuffix(")")
        if clip:
            element.set("clip-path", f"url(#{prefix}-{clip})")
            used.add(clip)
    return used


def _describe(root: ET.Element, title: str, alt: str) -> None:
    root.set("role", "img")
    root.set("aria-label", f"{title}. {alt}")
    heading = ET.Element(f"{{{_SVG}}}title")
    heading.text = title
    root.insert(0, heading)


def _inline(root: ET.Element) -> str:
    for element in root.iter():
        if "style" in element.attrib:
            element.set("style", _COLOUR.sub(lambda m: f"var({style.VARIABLES[m[0]]})", element.attrib["style"]))
    root.set("class", "figure")
    return _text(root)


def _standalone(root: ET.Element) -> str:
    _, _, width, height = root.attrib["viewBox"].split()
    root.set("width", width)
    root.set("height", height)
    root.insert(1, ET.Element(f"{{{_SVG}}}rect", {"width": "100%", "height": "100%", "fill": style.PAPER}))
    return _text(root)


def _text(root: ET.Element) -> str:
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")
