"""Drawing: a figure of a run as SVG for a page, as an SVG file, or as PNG."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import Any

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.record import Record

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_COLOUR = re.compile("|".join(style.VARIABLES))


def inline_svg(figure: Figure, record: Record) -> str:
    """For a page whose style sheet sets the colour variables: transparent, scaling, one id space per figure."""
    root = _tree(figure, record, titled=False)
    for element in root.iter():
        if "style" in element.attrib:
            element.set("style", _COLOUR.sub(lambda m: f"var({style.VARIABLES[m[0]]})", element.attrib["style"]))
    root.set("style", f"max-width: {round(1.2 * style.WIDTH)}px")
    return _text(root)


def svg(figure: Figure, record: Record) -> str:
    """A file of its own: light, on white, with its title."""
    root = _tree(figure, record, titled=True)
    _, _, width, height = root.attrib["viewBox"].split()
    root.set("width", width)
    root.set("height", height)
    root.insert(2, ET.Element(f"{{{_SVG}}}rect", {"width": "100%", "height": "100%", "fill": style.PAPER}))
    return _text(root)


def png(figure: Figure, record: Record, *, dpi: int = 160) -> bytes:
    """The same as an image; at 72 dpi a pixel of the image is a pixel of the figure."""
    buffer = io.BytesIO()
    _save(figure, record, buffer, "png", titled=True, dpi=dpi)
    return buffer.getvalue()


def _tree(figure: Figure, record: Record, *, titled: bool) -> ET.Element:
    buffer = io.BytesIO()
    _save(figure, record, buffer, "svg", titled=titled)
    root = ET.fromstring(buffer.getvalue())
    metadata = root.find(f"{{{_SVG}}}metadata")
    if metadata is not None:
        root.remove(metadata)
    _settle_ids(root, figure.name)
    for element in root.iter(f"{{{_SVG}}}text"):
        element.set("style", re.sub(r"'DejaVu Sans'(, sans-serif)?", _FONT, element.attrib.get("style", "")))
    for key in ("width", "height"):
        root.attrib.pop(key, None)
    _describe(root, figure.title, figure.alt(record))
    return root


def _save(figure: Figure, record: Record, to: io.BytesIO, form: str, *, titled: bool, dpi: int = 72) -> None:
    import matplotlib
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    face = style.PAPER if form == "png" else "none"
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
        metadata = (
            {"Date": None, "Creator": None, "Format": None, "Type": None} if form == "svg" else {"Software": None}
        )
        canvas.savefig(to, format=form, dpi=dpi, facecolor=face, metadata=metadata)


def _settle_ids(root: ET.Element, prefix: str) -> None:
    """Keep only ids that something points to, made unique over all figures of a page; plain href."""
    used = set()
    for element in root.iter():
        target = element.attrib.pop(f"{{{_XLINK}}}href", None)
        if target:
            element.set("href", f"#{prefix}-{target.lstrip('#')}")
            used.add(target.lstrip("#"))
        clip = element.attrib.get("clip-path")
        if clip:
            used.add(clip[len("url(#") : -1])
            element.set("clip-path", f"url(#{prefix}-{clip[len('url(#') : -1]})")
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in used:
            element.set("id", f"{prefix}-{old}")


def _describe(root: ET.Element, title: str, alt: str) -> None:
    root.set("role", "img")
    root.set("aria-label", f"{title}. {alt}")
    description = ET.Element(f"{{{_SVG}}}desc")
    description.text = alt
    heading = ET.Element(f"{{{_SVG}}}title")
    heading.text = title
    root.insert(0, heading)
    root.insert(1, description)


def _text(root: ET.Element) -> str:
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")
