"""Look: the data behind `deepwright look DATA`, and its picture in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import DataError
from deepwright.core.table import Table
from deepwright.prepare._contact_sheet import write_sheet
from deepwright.prepare.facts import facts, labels_of
from deepwright.prepare.infer import infer_kinds

if TYPE_CHECKING:
    from rich.console import RenderableType

_BARS = "▁▂▃▄▅▆▇█"
_MOST_COLUMNS = 100
"""Columns that the terminal shows; the JSON has them all."""
_MOST_SUSPICIOUS = 20
_PICTURES, _PICTURE_BYTES = 10_000, 1 << 30
"""Pictures, and bytes of encoded pictures, that are looked at."""


def look(table: Table, overrides: Mapping[str, str] | None = None, sheet: Path | None = None) -> dict[str, Any]:
    """What is in a table, JSON-able; `sheet` is a file that its pictures are drawn into.

    {"source", "format", "rows", "columns": [as in facts.json, with "type", "why" and "alternatives"
    [{"kind", "why"}]], "suspicious": [as in facts.json], "notes": what was done on reading, "override": how to
    change a kind, "sheet": the file, where one was written}. Raises NotFoundError for an unknown column or kind in
    `overrides` (column → kind), DataError where there is no picture for the sheet.
    """
    views = infer_kinds(table.frame, overrides)
    kinds = {name: view.kind for name, view in views.items()}
    found = facts(table, kinds, pictures=_PICTURES, picture_bytes=_PICTURE_BYTES)
    for column in found["columns"]:
        view = views[column["name"]]
        column["type"] = str(table.frame.schema[column["name"]])
        column["why"] = view.why
        column["alternatives"] = [{"kind": kind, "why": why} for kind, why in view.alternatives]
    written = {} if sheet is None else {"sheet": _written(table, kinds, sheet)}
    return {
        "source": table.origin.source,
        "format": table.origin.format,
        "rows": len(table),
        **found,
        "notes": list(table.origin.notes),
        "override": _override(found["columns"]),
        **written,
    }


def _written(table: Table, kinds: Mapping[str, str], sheet: Path) -> str:
    """The contact sheet of the first column of pictures, written."""
    name = next((name for name, kind in kinds.items() if kind == "image"), None)
    if name is None:
        raise DataError(
            "a contact sheet shows pictures, this has no column of them.",
            where=table.origin.source,
            remedy="Leave --sheet out, or say which column holds pictures: --kind COLUMN=image.",
        )
    write_sheet(sheet, table.frame.get_column(name), labels_of(table, kinds))
    return str(sheet)


def render(content: Mapping[str, Any]) -> RenderableType:
    """The dict of `look` for a terminal of 80 columns or more."""
    from rich.console import Group
    from rich.text import Text

    columns = content["columns"]
    title = Text.assemble(
        (content["source"], "bold"), f"  {content['rows']:,} rows, {len(columns):,} columns ({content['format']})"
    )
    parts: list[RenderableType] = [title, *(Text(f"  {note}", style="dim") for note in content["notes"])]
    parts.append(_columns_table(columns[:_MOST_COLUMNS]))
    if len(columns) > _MOST_COLUMNS:
        parts.append(Text(f"… and {len(columns) - _MOST_COLUMNS:,} more columns; --json lists them all.", style="dim"))
    if content["suspicious"]:
        parts.append(_suspicious_table(content["suspicious"]))
    parts.append(Text(content["override"], style="dim"))
    if any(column["kind"] == "image" for column in columns):
        sheet = content.get("sheet")
        parts.append(Text(f"Contact sheet: {sheet or '--sheet pictures.png writes one'}", style="dim"))
    return Group(*parts)


def _columns_table(columns: list[dict[str, Any]]) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("column", overflow="fold", max_width=20)
    grid.add_column("kind", no_wrap=True)
    grid.add_column("missing", justify="right", no_wrap=True)
    grid.add_column("distinct", justify="right", no_wrap=True)
    grid.add_column("values, and why this kind", overflow="ellipsis", ratio=1)
    for column in columns:
        missing = f"{column['missing']:,}" if column["missing"] else "–"
        values = _values(column)
        values.no_wrap, values.overflow = True, "ellipsis"
        grid.add_row(
            Text(column["name"] or "(no name)", style="bold"),
            Text(column["kind"], style=_COLOURS.get(column["kind"], "")),
            Text(missing, style="yellow" if column["missing"] else "dim"),
            f"{column['distinct']:,}" + ("+" if column.get("sampled") and column["kind"] != "category" else ""),
            Group(values, Text(column["why"], style="dim")),
        )
    return grid


_COLOURS = {"number": "cyan", "category": "green", "text": "magenta", "time": "blue", "tags": "green", "id": "dim"}


def _values(column: Mapping[str, Any]) -> Any:
    """Range and histogram of numbers and times, the most frequent values of everything else."""
    from rich.text import Text

    if "pictures" in column:
        return Text(_pictures(column["pictures"]))
    if "histogram" in column:
        low, high = (_short(column[end]) for end in ("minimum", "maximum"))
        bars = Text(bars_of(column["histogram"]["counts"]), style="cyan")
        return Text.assemble(f"{low} ", bars, f" {high}  median {_short(column['median'])}")
    top = column.get("top") or []
    if not top:
        return Text("bytes" if column["distinct"] else "no values", style="dim")
    if column["kind"] in ("id", "text", "image"):
        return Text(f"such as “{top[0][0]}”")
    return Text(", ".join(f"{value} ×{rows:,}" for value, rows in top[:6]) + (", …" if column["distinct"] > 6 else ""))


def _pictures(fact: Mapping[str, Any]) -> str:
    """ "28 × 28; grey", "90 × 120 to 480 × 640, median 160 × 240; colour ×90, palette ×10; JPEG ×90, PNG ×10"."""
    if "smallest" not in fact:
        return "none of the pictures can be read"
    low, middle, high = (f"{fact[name][0]:,} × {fact[name][1]:,}" for name in ("smallest", "median", "largest"))
    parts = [low if fact["sizes"] == 1 else f"{low} to {high}, median {middle}"]
    for key in ("modes", "formats"):
        found = fact[key]
        if len(found) > 1:
            parts.append(", ".join(f"{name} ×{rows:,}" for name, rows in found.items()))
        elif key == "modes":  # of a single format the line below says it
            parts.append(next(iter(found)))
    return "; ".join(parts)


def bars_of(counts: list[int]) -> str:
    """A histogram in one line of text: "▁▂▅█▄▁"; empty bins are blank, the smallest count still shows."""
    tallest = max(counts, default=0) or 1
    return "".join(
        " " if not rows else _BARS[min(len(_BARS) - 1, rows * len(_BARS) // (tallest + 1))] for rows in counts
    )


def _suspicious_table(suspicious: list[dict[str, str]]) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.title, grid.title_justify, grid.title_style = "Worth a look", "left", "bold yellow"
    grid.add_column(overflow="fold", max_width=20)
    grid.add_column(overflow="fold", max_width=18, style="yellow")
    grid.add_column(overflow="fold")
    for found in suspicious[:_MOST_SUSPICIOUS]:
        grid.add_row(Text(found["column"] or "(all rows)", style="bold"), found["what"], Text(found["evidence"]))
    if len(suspicious) > _MOST_SUSPICIOUS:
        grid.add_row("…", f"{len(suspicious) - _MOST_SUSPICIOUS:,} more", "--json lists them all")
    return grid


def _override(columns: list[dict[str, Any]]) -> str:
    """How to change a kind, with a column of this very table where another kind would do."""
    for column in columns:
        for other in column["alternatives"]:
            if "id" not in (column["kind"], other["kind"]):
                return f"Another kind for a column: --kind {column['name']}={other['kind']}"
    name = columns[0]["name"] if columns else "COLUMN"
    return f"Another kind for a column: --kind {name}=category (number, category, text, time, tags, id)"


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e7 else f"{value:.4g}"
