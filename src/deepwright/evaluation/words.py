"""Words: numbers, durations and sizes as people read them, the same on the page and in the terminal."""

from __future__ import annotations

import math
from typing import Any

from deepwright.evaluation.style import number, short

__all__ = ["SEVERITY", "brief", "cell", "clean", "count", "duration", "number", "short", "size", "when"]

SEVERITY = {"info": "note", "warn": "warning", "error": "serious"}
"""Severity of a finding or check → the word that people read."""


def clean(text: object) -> str:
    """Text from data or a file, safe for a terminal: control characters shown as a box, nothing cut."""
    return "\n".join(short(line, len(line) + 1) for line in str(text).split("\n"))


def duration(seconds: float | None) -> str:
    """0.4 s, 12 s, 3 min 20 s, 1 h 05 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(count: int | None) -> str:
    """420 B, 12.3 kB, 4.5 MB."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
        value /= 1000
    return f"{count:,} B"


def count(value: float | None) -> str:
    """12,345"""
    return "–" if value is None or not math.isfinite(value) else f"{int(value):,}"


def when(stamp: str) -> str:
    """2026-11-21T15:30:12+00:00 → 2026-11-21 15:30 +00:00; anything else as it is."""
    if len(stamp) >= 16 and stamp[10:11] == "T":
        zone = stamp[19:].lstrip("0123456789.") if len(stamp) > 19 else ""
        return f"{stamp[:10]} {stamp[11:16]} {'UTC' if zone in ('+00:00', 'Z') else zone}".strip()
    return stamp


def brief(value: Any) -> str:
    """An end of a range: 2007, 0.0591, 2011-01-01."""
    if isinstance(value, float) and not value.is_integer():
        return number(value)
    return cell(value, 24)


def cell(value: Any, length: int = 80) -> str:
    """A cell of a table: numbers plain, lists joined, missing as a dash, long texts cut."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    if isinstance(value, list | tuple):
        return short(", ".join(str(entry) for entry in value) or "(none)", length)
    return short(value, length)
