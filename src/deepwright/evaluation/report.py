"""Report: the page that a run leaves behind, one file that loads nothing and runs nothing."""

from __future__ import annotations

import math
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.files import inside, write_text
from deepwright.evaluation import words
from deepwright.evaluation.page import edit_text, interval, page
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent

_PLAN = ("optimizer", "lr", "schedule", "warmup", "batch", "weight_decay", "clip", "ema", "patience", "precision")
"""Keys of a plan that are shown beside the learning curves, where they are set."""


def write_report(folder: str | Path) -> Path:
    """Write `report.html` and `figures/*.svg` into a run folder from its files alone; gives the page's path.

    Works at any state of a run: parts that are not there yet are left out. Raises RunError where a file is damaged.
    """
    record = Record(folder)
    made = page(record)
    text = _environment().get_template("report.html.jinja").render(page=made, css=_css())
    figures = inside(record.folder, "figures")
    figures.mkdir(exist_ok=True)
    for shown in made.figures.values():
        if shown.picture is not None:
            write_text(inside(record.folder, f"figures/{shown.name}.svg"), shown.picture.svg)
    path = inside(record.folder, "report.html")
    write_text(path, text)
    return path


def summary_html(record: Record) -> str:
    """The verdict, the contest and the findings as a fragment of HTML, for notebooks of either colour scheme."""
    path = record.folder / "report.html"
    return (
        _environment()
        .get_template("summary.html.jinja")
        .render(record=record, bars=_bars(record), path=str(path) if path.exists() else str(record.folder))
    )


def _bars(record: Record) -> list[dict[str, Any]]:
    """Each contender's dot and interval as pixels of a strip 130 wide."""
    scored = [s for s in record.scores.values() if math.isfinite(s.score)]
    values = [v for s in scored for v in (s.low, s.score, s.high) if math.isfinite(v)]
    if not values:
        return []
    left, width = min(values), (max(values) - min(values)) or 1.0

    def place(value: float, otherwise: float) -> float:
        return round(5 + 120 * ((value if math.isfinite(value) else otherwise) - left) / width, 1)

    winner = record.winner.name if record.winner else None
    return [
        {
            "scores": s,
            "won": s.name == winner,
            "low": place(s.low, s.score),
            "score": place(s.score, s.score),
            "high": place(s.high, s.score),
        }
        for s in scored
    ]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Autoescape is on for every template, whatever its ending; only our own drawings and style sheet are marked safe.
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "brief": words.brief,
        "cell": words.cell,
        "count": words.count,
        "duration": words.duration,
        "edit": edit_text,
        "number": words.number,
        "quote": shlex.quote,
        "short": words.short,
        "signed": _signed,
        "size": words.size,
        "when": words.when,
    }
    environment.globals |= {"interval": interval, "severity": words.SEVERITY, "plan_keys": _PLAN}
    return environment


def _signed(value: float) -> str:
    said = words.number(value, 2)
    return f"+{said}" if math.isfinite(value) and value > 0 else said


@cache
def _css() -> str:
    return (_HERE / "report.css").read_text(encoding="utf-8")
