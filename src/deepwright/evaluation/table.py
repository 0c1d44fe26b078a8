"""Contest table: everyone who entered, best first, with interval and cost; for the terminal and as plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from deepwright.evaluation.parts import MetricPart, Scores
from deepwright.evaluation.verdict import with_range
from deepwright.evaluation.words import duration, number, short, size

if TYPE_CHECKING:
    from rich.table import Table

_MARK = "▶"
"""Stands before the winner's name, so that it is seen without colour too."""
_NUMBERS_FROM = 2


def contest_table(scores: Iterable[Scores], metric: MetricPart, winner: str | None) -> Table:
    """For rich; fits 80 columns, marks the winner, says why a contender has no score."""
    from rich.table import Table
    from rich.text import Text

    header, *rows = _fitted(scores, metric, winner)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, title in enumerate(header):
        table.add_column(title, justify="right" if position >= _NUMBERS_FROM else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row), style="bold" if row[0].startswith(_MARK) else "")
    return table


def contest_text(scores: Iterable[Scores], metric: MetricPart, winner: str | None) -> str:
    """The same as lines of at most 80 characters, without colour."""
    rows = _fitted(scores, metric, winner)
    widths = _widths(rows)
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:_NUMBERS_FROM], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[_NUMBERS_FROM:], widths[_NUMBERS_FROM:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _fitted(scores: Iterable[Scores], metric: MetricPart, winner: str | None) -> list[tuple[str, ...]]:
    """Header and rows in 80 columns; names give way first, 6 letters are left of them at least."""
    rows = [_headers(metric), *contest_rows(scores, metric, winner)]
    widths = _widths(rows)
    over = sum(widths) + 2 * (len(widths) - 1) - 80
    names = max(widths[0] - max(over, 0), 8)
    return [(short(row[0], names), *row[1:]) for row in rows]


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]


def contest_rows(scores: Iterable[Scores], metric: MetricPart, winner: str | None) -> list[tuple[str, ...]]:
    """One tuple a contender: name with mark, family, score with interval, validation, fit, µs a row, size."""
    sign = -1.0 if metric.greater_is_better else 1.0
    ordered = sorted(
        scores, key=lambda s: (math.isnan(s.score), 0.0 if math.isnan(s.score) else sign * s.score, s.name)
    )
    return [
        (
            f"{_MARK if own.name == winner else ' '} {short(own.name, 18)}",
            own.family,
            with_range(own.score, own.low, own.high, digits=2) if own.state == "done" else own.state.replace("_", " "),
            number(own.valid_score),
            _short_duration(own.fit_seconds),
            number(own.predict_microseconds_per_row),
            size(own.bytes),
        )
        for own in ordered
    ]


def _short_duration(seconds: float) -> str:
    """In seven characters: 12 ms, 3.01 s, 5.2 min, 1.4 h."""
    if not seconds >= 60:
        return duration(seconds)
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _headers(metric: MetricPart) -> tuple[str, ...]:
    return ("  contender", "family", f"{short(metric.title, 14)} [95 %]", "valid", "fit", "µs/row", "size")
