"""Compare: runs side by side, and whether their numbers may be compared at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.find import find, names
from deepwright.evaluation.intervals import paired_difference
from deepwright.evaluation.record import Record
from deepwright.evaluation.verdict import with_range
from deepwright.evaluation.words import duration, size

if TYPE_CHECKING:
    from rich.console import RenderableType


def compare(records: Sequence[Record]) -> dict[str, Any]:
    """Runs side by side, as one JSON-able object.

    runs:        one object a run: run, name, state, task, target, metric, winner, family, score, low, high, rows.
    comparable:  whether task, target, metric, data and the test rows are the same.
    reasons:     what is not the same, a sentence each.
    differences: winner of one run against winner of another on the same test rows, {a, b, difference, low, high};
                 positive: the run a is better. Only where the runs are comparable and have kept their predictions.
    Raises DataError for fewer than two runs.
    """
    if len(records) < 2:
        raise DataError(f"expected two runs or more to compare, got {len(records)}.", remedy="Name another run folder.")
    runs = [_row(record) for record in records]
    reasons = _reasons(records)
    pairs = [] if reasons else itertools.combinations(range(len(records)), 2)
    differences = [found for i, j in pairs if (found := _difference(records[i], records[j], runs[i], runs[j]))]
    return {"runs": runs, "comparable": not reasons, "reasons": reasons, "differences": differences}


def render(compared: dict[str, Any]) -> RenderableType:
    """For rich: the table of runs, why they may not be compared or by how much they differ."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("run", "target", "metric", "winner", "score [95 %]", "fit", "size"):
        table.add_column(title, overflow="fold", no_wrap=title in ("score [95 %]", "fit", "size"))
    for run in compared["runs"]:
        values = [math.nan if run[key] is None else run[key] for key in ("score", "low", "high")]
        cells = (run["name"], run["target"], run["metric"], run["winner"], with_range(*values))
        costs = (duration(run["fit_seconds"]), size(run["bytes"]))
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in (*cells, *costs)))
    return Group(table, Text(""), *(Text(line) for line in _lines(compared)))


def _lines(compared: dict[str, Any]) -> list[str]:
    if not compared["comparable"]:
        return ["These scores must not be compared:", *(f"  - {reason}" for reason in compared["reasons"])]
    said = []
    for found in compared["differences"]:
        low, high = (math.nan if found[key] is None else found[key] for key in ("low", "high"))
        amount = with_range(found["difference"], low, high)
        a, b = found["a"], found["b"]
        if low > 0:
            said.append(f"{a} is better than {b} by {amount}.")
        elif high < 0:
            said.append(f"{b} is better than {a} by {with_range(-found['difference'], -high, -low)}.")
        else:
            said.append(f"{a} and {b} cannot be told apart on these rows (difference {amount}).")
    return said or ["Same data, split and metric; no predictions were kept, so there is no paired difference."]


def _row(record: Record) -> dict[str, Any]:
    run, winner = record.run, record.winner
    scores = dict.fromkeys(("family", "score", "low", "high", "valid_score", "fit_seconds", "bytes"))
    if winner is not None:
        scores = {key: _plain(getattr(winner, key)) for key in scores}
    return {
        "run": str(record.folder),
        "name": record.folder.name,
        "state": record.state,
        "task": run.task.name if run.task else None,
        "target": run.task.target if run.task else None,
        "metric": run.task.metric.title if run.task else None,
        "winner": winner.name if winner else None,
        **scores,
        "test_rows": run.split.test if run.split else None,
    }


def _reasons(records: Sequence[Record]) -> list[str]:
    """What keeps these runs from being compared, the plainest first."""
    first, reasons = records[0], []
    for other in records[1:]:
        a, b = first.run, other.run
        who = f"{first.folder.name} and {other.folder.name}"
        if a.task is None or b.task is None or first.winner is None or other.winner is None:
            reasons.append(f"{who}: one of them has no verdict (states: {first.state}, {other.state}).")
            continue
        checks = (
            ("tasks", a.task.name, b.task.name),
            ("targets", a.task.target, b.task.target),
            ("metrics", a.task.metric.title, b.task.metric.title),
        )
        different = next((check for check in checks if check[1] != check[2]), None)
        if different:
            reasons.append(f"{who} have different {different[0]}: {different[1]} and {different[2]}.")
        elif a.data is None or b.data is None or a.data.fingerprint != b.data.fingerprint:
            reasons.append(f"{who} read different data, or the data changed in between.")
        elif not _same_test_rows(first, other):
            reasons.append(f"{who} were scored on different test rows.")
    return reasons


def _same_test_rows(a: Record, b: Record) -> bool:
    if a.predictions is None or b.predictions is None:
        return a.run.split == b.run.split
    return _rows_of(a) == _rows_of(b)


def _rows_of(record: Record) -> list[int]:
    assert record.predictions is not None and record.winner is not None
    return record.predictions.filter(pl.col("contender") == record.winner.name)["row"].to_list()


def _difference(a: Record, b: Record, row_a: dict[str, Any], row_b: dict[str, Any]) -> dict[str, Any] | None:
    task = a.run.task
    if a.winner is None or b.winner is None or task is None or task.metric.name not in names("metric"):
        return None
    answers_a, answers_b = a.answers(a.winner.name), b.answers(b.winner.name)
    if answers_a is None or answers_b is None:
        return None
    difference, low, high = paired_difference(find("metric", task.metric.name)(), answers_a, answers_b)
    told = {"a": f"{row_a['name']} ({row_a['winner']})", "b": f"{row_b['name']} ({row_b['winner']})"}
    return told | {"difference": _plain(difference), "low": _plain(low), "high": _plain(high)}


def _plain(value: Any) -> Any:
    """NaN as None, for JSON."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
