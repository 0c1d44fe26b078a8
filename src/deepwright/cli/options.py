"""Options that several verbs share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/penguins-20261121-153012.")
]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A CSV, TSV, Parquet, JSON lines, Arrow, SQLite or Excel file (also .gz, .zst); a folder or zip of "
        "pictures, IDX, NPZ, CIFAR-10; or the name of a data set (`deepwright list data`).",
    ),
]
Query = Annotated[Optional[str], typer.Option(help="SQLite: a table's name or a SELECT.")]  # noqa: UP045
KindOption = Annotated[
    list[str], typer.Option("--kind", metavar="COLUMN=KIND", help="A column's kind, e.g. zip=category; repeatable.")
]
Target = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--target", "-t", metavar="COLUMN", help="The column to predict."),
]
Trust = Annotated[
    list[str],
    typer.Option(metavar="PACKAGE.MODULE:CLASS", help="Code of your own that the run folder may use; repeatable."),
]
Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(metavar="[KEY=VALUE]...", help="Recipe keys, e.g. training.lr=1e-3 data.split.by=time"),
]


def pairs(items: list[str], what: str) -> dict[str, str]:
    """["zip=category"] → {"zip": "category"}; raises RecipeError for anything else."""
    from deepwright.core.errors import RecipeError

    found = {}
    for item in items:
        name, equals, value = item.rpartition("=")
        if not equals or not name or not value:
            raise RecipeError(f"expected COLUMN=KIND, got '{item}'.", where=what, remedy="For example: zip=category")
        found[name] = value
    return found


def print_json(content: Any) -> None:
    """One JSON object on standard output, numbers finite or null."""
    from deepwright.core.files import json_bytes

    print(json_bytes(content).decode("utf-8"))
