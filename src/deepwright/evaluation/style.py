"""Style: the one look of all figures: palette, markers, and helpers that keep axes plain.

The colours are those of `report.css` in its light form. In a page, each becomes a CSS variable, so that one drawing
serves light, dark and print. Series colours keep apart for the common forms of colour blindness (after Okabe and Ito,
"Color universal design", 2008, darkened for contrast on white) and always come with a marker or a line style.
"""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 460
"""Of every figure at natural size, in pixels."""

PAPER = "#ffffff"
INK = "#1c2430"
MUTED = "#5b6675"
FAINT = "#dfe4ea"
ACCENT = "#1161a8"
WARM = "#bf4f0b"
SERIES = (ACCENT, WARM, "#0b7a5b", "#8f3f8c", "#7a6400", "#56707f")
LINES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 3)))
MARKERS = {"rule": "D", "classical": "o", "deep": "s"}

VARIABLES = {
    PAPER: "--paper",
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    **{colour: f"--series-{i}" for i, colour in enumerate(SERIES)},
}
"""Colour → CSS variable."""

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "patch.linewidth": 0,
    "figure.facecolor": "none",
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "path.simplify": True,
    "path.simplify_threshold": 0.4,
}


def short(text: object, length: int = 28) -> str:
    """Text for an axis: one line, at most `length` letters, control and invisible characters shown as a box."""
    whole = "".join("▯" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in str(text))
    return whole if len(whole) <= length else whole[: length - 1] + "…"


def number(value: float, digits: int = 3) -> str:
    """A number for people, to so many significant digits: 0.912, 834, 12,300, 1.2e−05; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−")
    if not 1e-4 <= abs(value) < 1e12:
        return f"{value:.{digits}g}".replace("-", "−")
    places = digits - 1 - math.floor(math.log10(abs(value)))
    said = f"{round(value, places):,.{max(places, 0)}f}"
    return (said.rstrip("0").rstrip(".") if "." in said else said).replace("-", "−")


def grid(axes: Axes, axis: str = "y") -> None:
    """Faint lines across the reading direction only."""
    axes.grid(True, axis=axis)  # type: ignore[arg-type]


def thousands(axes: Axes, *which: str) -> None:
    """Tick labels of the named axes ("x", "y") as 12,000 or 3M, never as 1e6 beside the axis."""
    from matplotlib.ticker import FuncFormatter

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def tick(value: float) -> str:
    """A tick label: 0.25, 1,500, 20k, 3M."""
    size = abs(value)
    for limit, unit, suffix in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size >= limit and size < 1e12:
            return f"{value / unit:.4g}{suffix}".replace("-", "−")
    return (f"{value:,.0f}" if size >= 1000 and size < 1e12 else f"{value:.4g}").replace("-", "−")
