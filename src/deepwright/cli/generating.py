"""What `generate` gives to the terminal or to a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import polars as pl


def deliver(pieces: Iterable[str | pl.DataFrame], out: Path | None, *, as_json: bool, quiet: bool) -> dict[str, Any]:
    """Text as it comes, frames as a table; to `out`, or to standard output. What there is to say of it, for --json."""
    stream = iter(pieces)
    first = next(stream, "")
    whole = chain([first], stream)
    if isinstance(first, str):
        return _text(cast("Iterator[str]", whole), out, as_json)
    return _rows(cast("Iterator[pl.DataFrame]", whole), out, as_json)


def _text(pieces: Iterator[str], out: Path | None, as_json: bool) -> dict[str, Any]:
    if out is not None:
        from deepwright.core.files import write_text

        write_text(out, "".join(pieces))
        return {"out": str(out)}
    if as_json:
        return {"text": "".join(pieces)}
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
    return {}


def _rows(frames: Iterator[pl.DataFrame], out: Path | None, as_json: bool) -> dict[str, Any]:
    from deepwright.shipping.tables import csv_text, write_table

    if out is not None:
        write_table(frames, out)
        return {"out": str(out)}
    if as_json:
        return {"rows": [row for frame in frames for row in frame.to_dicts()]}
    for number, frame in enumerate(frames):
        sys.stdout.write(csv_text(frame, header=number == 0))
    return {}
