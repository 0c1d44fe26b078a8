"""Looking: what is in a file before anything is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class View:
    """What `look` found: `content` as JSON-able data; prints as tables in a terminal."""

    content: dict[str, Any]

    def __rich__(self) -> Any:
        from deepwright.prepare.look import render

        return render(self.content)

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        text = StringIO()
        Console(file=text, width=100).print(self)
        return text.getvalue()

    __repr__ = __str__


def look(
    data: Any,
    *,
    query: str | None = None,
    kinds: Mapping[str, str] | None = None,
    sheet: str | Path | None = None,
    progress: Callable[[float | None, str], None] | None = None,
) -> View:
    """Columns, their kinds and why, missing and distinct counts, ranges, histograms, suspicious things; of pictures
    sizes, formats, those that cannot be read, and those that are the same or nearly so.

    data: a path, a bundled data set's name, or a frame.  kinds: column → kind, where the inferred one is not wanted.
    sheet: a file (PNG, JPEG or WebP) that some pictures of each class are drawn into.
    progress: is told of a download: the share done, and what is going on.
    Raises DataError where it cannot be read, NotFoundError for an unknown column or kind.
    """
    from deepwright.prepare.look import look as look_at
    from deepwright.sources import open_table

    table = open_table(data, query=query, progress=progress or _nobody)
    return View(look_at(table, kinds or {}, None if sheet is None else Path(sheet)))


def _nobody(share: float | None, text: str) -> None:
    """Progress that nobody sees."""
