"""Page: what the report says, worked out from a record and ready to be laid out; no HTML here."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepwright.core.errors import RunError
from deepwright.core.find import find, names
from deepwright.core.task import TargetTask
from deepwright.evaluation import words
from deepwright.evaluation.anatomy import cells, folded, with_networks
from deepwright.evaluation.drawing import Picture, draw
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import winner_answers
from deepwright.evaluation.parts import Column, Facts, Scores
from deepwright.evaluation.record import Record

_COLUMNS = 200
"""Columns listed on the page at most; facts.json holds them all."""

_INPUTS = 10
"""Input columns beside a mistake at most, those the winner leans on first."""

_CLASSES = 60
"""Classes listed at most."""

_NETWORK = ("network_anatomy", "first_layer_filters", "class_activation", "feature_maps")
"""Figures of what is inside a network."""

_ALWAYS = (
    *("contest", "target_distribution", "data_columns", "learning_curves", "learning_curve_rows", "importance"),
    *("contact_sheet", "augmentation_preview", "picture_mistakes", *_NETWORK),
)
"""Figures that have a place of their own on the page; the task's others stand under "In detail"."""


@dataclass(frozen=True)
class Shown:
    """A figure on the page; `trouble` says why it could not be drawn."""

    name: str
    title: str
    caption: str
    picture: Picture | None
    trouble: str = ""


@dataclass(frozen=True)
class ColumnRow:
    """A line of the table of columns."""

    column: Column
    facts: Facts | None
    suspicions: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Heads and cells, as texts; `numeric` holds the places of columns that align right."""

    heads: list[str]
    rows: list[list[str]]
    numeric: frozenset[int] = frozenset()
    left_out: int = 0
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything on the page, in order. `headline` is the verdict's first sentence, `rest` what follows it."""

    record: Record
    path: str
    headline: str
    rest: str
    banner: str
    command: str
    figures: dict[str, Shown]
    details: list[Shown]
    network: list[Shown]
    layers: list[Table]
    columns: list[ColumnRow]
    columns_left_out: int
    classes: Table | None
    metrics: Table | None
    mistakes: Table | None


def page(record: Record) -> Page:
    """Work out the page; draws the figures that suit the run."""
    figures = {shown.name: shown for shown in _draw_all(record)}
    path = shell_path(record.folder)
    details = [figures[name] for name in _detail_names(record) if name in figures]
    columns = _columns(record)
    headline, rest = _first_sentence(record.verdict.sentence if record.verdict else "")
    return Page(
        record=record,
        path=path,
        headline=headline,
        rest=rest,
        banner=banner(record),
        command=f"deepwright resume {path}" if record.state in ("running", "stopped") else "",
        figures=figures,
        details=details,
        network=[figures[name] for name in _NETWORK if name in figures],
        layers=_layers(record),
        columns=columns[:_COLUMNS],
        columns_left_out=max(0, len(columns) - _COLUMNS),
        classes=_classes(record),
        metrics=_metrics(record),
        mistakes=_mistakes(record),
    )


def edit_text(edit: Mapping[str, Any]) -> str:
    """A finding's recipe edit as YAML, one key a line."""
    return yaml.safe_dump(dict(edit), sort_keys=False, allow_unicode=True, width=100).rstrip()


def shell_path(folder: Path) -> str:
    """A folder as a person would type it, quoted: below the working folder where it is, else whole."""
    whole = folder.resolve()
    try:
        return shlex.quote(str(whole.relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(whole))


def _first_sentence(text: str) -> tuple[str, str]:
    """What stands large, and what follows it."""
    first, *rest = re.split(r"(?<=[^\s.][.!?]) (?=[A-Z])", text, maxsplit=1)
    return first, rest[0] if rest else ""


def banner(record: Record) -> str:
    """What to know first about a run that did not end well; "" for one that did."""
    why = f" {record.run.why}" if record.run.why else ""
    return {
        "running": "This run has not ended: what follows is how far it had come when the page was written.",
        "stopped": f"This run was stopped before its end; what follows is how far it came.{why}",
        "failed": f"This run failed.{why}",
        "done": "",
    }[record.state]


def _draw_all(record: Record) -> list[Shown]:
    shown = []
    for name in names("figure"):
        figure: Figure = find("figure", name)()
        try:
            if figure.suits(record):
                shown.append(Shown(name, figure.title, figure.caption, draw(figure, record)))
        except (RunError, ArithmeticError, LookupError, ValueError) as error:
            # One odd figure must not cost the reader the page; it says so where the figure would stand.
            trouble = f"This figure could not be drawn: {error}"
            shown.append(Shown(name, figure.title, figure.caption, None, trouble))
    return shown


def _detail_names(record: Record) -> list[str]:
    """The task's own figures in its own order, then any other that suits and has no place of its own."""
    task = _task(record)
    first = list(task.figures) if task is not None else []
    return [name for name in dict.fromkeys([*first, *names("figure")]) if name not in _ALWAYS]


def _task(record: Record) -> Any:
    name = record.run.task.name if record.run.task else ""
    return find("task", name) if name in names("task") else None


def _columns(record: Record) -> list[ColumnRow]:
    facts = {entry.name: entry for entry in record.facts.columns}
    odd: dict[str, list[str]] = {}
    for entry in record.facts.suspicious:
        odd.setdefault(entry.column, []).append(f"{entry.what}: {entry.evidence}" if entry.evidence else entry.what)
    return [ColumnRow(c, facts.get(c.name), tuple(odd.get(c.name, ()))) for c in record.columns]


def _layers(record: Record) -> list[Table]:
    """Each network of each contender, layer by layer, repeated blocks said once."""
    tables = []
    for contender, nets in with_networks(record).items():
        for net in nets:
            pictures = bool(net.reads.pictures)
            heads = ["layer", "kind", "output", "parameters", "multiply-adds", *(["sees pixels"] if pictures else [])]
            whole = ["in all", "", "", f"{net.parameters:,}", f"{net.multiply_adds:,}", *([""] if pictures else [])]
            rows = [[words.short(text, 80) for text in row] for row in cells(folded(net), pictures=pictures)]
            title = contender if len(nets) == 1 else f"{contender}, {net.name}"
            tables.append(Table(heads, [*rows, whole], frozenset({3, 4, 5}), title=words.short(title, 60)))
    return tables


def _metrics(record: Record) -> Table | None:
    """Every metric on the test rows, a column a contender."""
    scored = [scores for scores in record.scores.values() if scores.test]
    listed = list(dict.fromkeys(name for scores in scored for name in scores.test))
    if not listed:
        return None
    rows = [[_metric_title(name), *(words.number(s.test.get(name, math.nan)) for s in scored)] for name in listed]
    return Table(["metric", *(s.name for s in scored)], rows, frozenset(range(1, len(scored) + 1)))


def _metric_title(name: str) -> str:
    if name not in names("metric"):
        return name
    metric = find("metric", name)
    return f"{metric.title} {'↑' if metric.greater_is_better else '↓'}"


def _classes(record: Record) -> Table | None:
    """Precision, recall and F1 of each class for the winner; None where no classes are predicted."""
    task = record.run.task
    if task is None or not issubclass(find("task", task.name), TargetTask):
        return None
    answers = winner_answers(record)
    if answers is None or not answers.classes:
        return None
    codes = np.arange(len(answers.classes))
    tags = answers.truth.ndim == 2
    truth = answers.truth.astype(bool) if tags else answers.truth[:, None] == codes
    said = answers.prediction.astype(bool) if tags else answers.prediction[:, None] == codes
    right, there, called = (truth & said).sum(axis=0), truth.sum(axis=0), said.sum(axis=0)
    order = np.argsort(-there, kind="stable")
    rows = [
        [
            words.short(answers.classes[k], 60),
            f"{there[k]:,}",
            _share(right[k], called[k]),
            _share(right[k], there[k]),
            _share(2 * right[k], there[k] + called[k]),
        ]
        for k in order[:_CLASSES]
    ]
    heads = ["tag" if tags else "class", "test rows", "precision", "recall", "F1"]
    return Table(heads, rows, frozenset({1, 2, 3, 4}), left_out=max(0, len(order) - _CLASSES))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def _mistakes(record: Record) -> Table | None:
    frame = record.mistakes
    if frame is None or not frame.height:
        return None
    inputs = _inputs(record, [name for name in frame.columns if name.startswith("input:")])
    kept = inputs[:_INPUTS]
    wrongness = [words.number(w) for w in frame["wrongness"]] if "wrongness" in frame.columns else ["–"] * frame.height
    pictures = {name for name in kept if f"picture:{name.removeprefix('input:')}" in frame.columns}
    rows = [
        [str(entry["row"] + 1), words.cell(entry["truth"]), words.cell(entry["prediction"]), wrong]
        + [_end_of_path(entry[name]) if name in pictures else words.cell(entry[name]) for name in kept]
        for entry, wrong in zip(frame.iter_rows(named=True), wrongness, strict=True)
    ]
    heads = ["row", "truth", "prediction", _WRONGNESS.get(record.run.task.name if record.run.task else "", "how wrong")]
    numeric = {0, 3} | {4 + i for i, name in enumerate(kept) if frame[name].dtype.is_numeric()}
    heads += [words.short(name.removeprefix("input:"), 40) for name in kept]
    return Table(heads, rows, frozenset(numeric), left_out=len(inputs) - len(kept))


def _end_of_path(value: Any) -> str:
    """What tells a picture from others: the last folder and the name."""
    return words.cell("/".join(str(value).replace("\\", "/").split("/")[-2:]) if value is not None else None)


_WRONGNESS = {
    "regression": "off by",
    "classification": "how sure it was",
    "tagging": "wrong tags, by how sure it was",
}


def _inputs(record: Record, columns: Sequence[str]) -> list[str]:
    """Those that the winner leans on first, the others in their order."""
    known = record.importance.columns if record.importance else ()
    rank = {f"input:{entry.column}": place for place, entry in enumerate(known)}
    return sorted(columns, key=lambda name: rank.get(name, len(rank)))


def interval(scores: Scores) -> str:
    """ "0.88 to 0.94", or a dash."""
    if not (math.isfinite(scores.low) and math.isfinite(scores.high)):
        return "–"
    return f"{words.number(scores.low)} to {words.number(scores.high)}"
