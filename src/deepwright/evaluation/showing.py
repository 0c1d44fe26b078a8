"""Showing: what `deepwright show RUN` prints: contest, verdict, findings, what to try next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from deepwright.evaluation.page import banner, edit_text, shell_path
from deepwright.evaluation.record import Record
from deepwright.evaluation.words import SEVERITY, clean, count, duration, short, when

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

_COLOURS = {"info": "blue", "warn": "yellow", "error": "red"}


def show(record: Record) -> Group:
    """The run for a terminal of 80 columns and up; every text from data is cleaned, and never read as markup."""
    from rich.console import Group

    parts: list[RenderableType] = [_header(record), *_contest(record)]
    checks = [check for check in record.run.checks if check.severity != "info"]
    parts += [_said(check.severity, check.message, check.remedy) for check in checks]
    if record.findings:
        parts += [_text(""), show_findings(record, [finding.model_dump() for finding in record.findings])]
    return Group(*parts, _text(""), _next(record))


def show_findings(record: Record, findings: Iterable[Mapping[str, Any]]) -> Group:
    """Findings (entries of `findings.json`), each with evidence, cause, remedy and the edit that mends it."""
    from rich.console import Group
    from rich.padding import Padding

    path = shell_path(record.folder)
    parts: list[RenderableType] = []
    for finding in findings:
        about = f" · {finding['contender']}" if finding.get("contender") else ""
        parts.append(_said(finding["severity"], f"{finding.get('title') or finding['id']}{about}", bold=True))
        parts += [
            Padding(_text(finding[key]), (0, 0, 0, 2)) for key in ("evidence", "cause", "remedy") if finding.get(key)
        ]
        if finding.get("edit"):
            parts.append(Padding(_text(edit_text(finding["edit"]), "cyan"), (0, 0, 0, 4)))
            parts.append(Padding(_text(f"deepwright run {path} --mend {finding['id']}", "bold"), (0, 0, 0, 4)))
    return Group(*(parts or [_text("Nothing looks wrong with this run.", "green")]))


def _header(record: Record) -> Text:
    from rich.text import Text

    run = record.run
    line = Text(short(record.name, 60), style="bold")
    line.append(f"  {record.state}, {when(run.created)}", style="dim")
    if "total" in run.seconds:
        line.append(f", {duration(run.seconds['total'])}", style="dim")
    if run.data is not None:
        wide = f"{count(run.data.columns)} column{'s' if run.data.columns != 1 else ''}"
        line.append(f"\n{count(run.data.rows)} rows × {wide} from {clean(run.data.source)}")
    if run.task is not None:
        of = f" of {short(run.task.target, 60)}" if run.task.target else ""
        line.append(f"\n{run.task.name}{of}, judged by {run.task.metric.title}")
    if record.state != "done":
        line.append(f"\n{clean(banner(record))}", style="bold red" if record.state == "failed" else "bold yellow")
    return line


def _contest(record: Record) -> list[RenderableType]:
    from deepwright.evaluation.table import contest_table

    parts: list[RenderableType] = []
    if record.scores and record.run.task is not None:
        winner = record.winner.name if record.winner else None
        parts += [_text(""), contest_table(record.scores.values(), record.run.task.metric, winner)]
        parts += [_text(f"{s.name}: {s.why}", "dim") for s in record.scores.values() if s.why]
        parts += [_text(f"{s.name}: {note}", "dim") for s in record.scores.values() for note in s.notes]
    if record.verdict is not None and record.verdict.sentence:
        parts += [_text(""), _text(record.verdict.sentence, "bold"), _text(record.verdict.recommendation), _text("")]
    return parts


def _said(severity: str, message: str, remedy: str | None = None, *, bold: bool = False) -> Text:
    from rich.text import Text

    line = Text(f"{SEVERITY[severity]}: ", style=f"bold {_COLOURS[severity]}")
    line.append(clean(message), style="bold" if bold else "")
    if remedy:
        line.append(f"{'' if message.endswith('.') else '.'} {clean(remedy)}", style="dim")
    return line


def _next(record: Record) -> Text:
    path = shell_path(record.folder)
    commands = [
        f"deepwright predict {path} NEW_DATA -o predictions.csv" if record.winner else "",
        f"deepwright report {path}" if record.state == "done" else "",
        f"deepwright resume {path}" if record.state in ("running", "stopped") else "",
    ]
    lines = [f"Results in {path}", *(f"  {command}" for command in commands if command)]
    return _text("\n".join(lines), "dim")


def _text(words: object, style: str = "") -> Text:
    from rich.text import Text

    return Text(clean(words), style=style)
