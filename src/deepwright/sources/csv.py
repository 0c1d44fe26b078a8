"""CSV and TSV files of any dialect, encoding and notation of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError, not_found
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._blocks import Broken, NotUtf8, names_and_blocks
from deepwright.sources._cells import dtype_of
from deepwright.sources._content import fingerprint, head_of
from deepwright.sources._dialect import SAMPLE, Dialect, detect, quotes_are_text
from deepwright.sources._passes import Settling, frames
from deepwright.sources._remarks import remarks
from deepwright.sources._tidy import unique_names

_KEYS = ("delimiter", "quote", "encoding", "header", "trim", "missing", "decimal", "types", "query")


class Csv(Source):
    """Text tables. `reading` holds delimiter, quote, encoding, header, trim, missing (words), decimal, types.

    Treatments, each said in a note: blank lines are skipped; repeated column names get _2, _3 …; unnamed columns are
    called column_N; text that is not UTF-8 is read as Windows-1252; missing words (NA, ?, null, blanks …) become
    missing; integers with leading zeros or too many digits stay text; dates that can be read one way only become
    dates. Errors, each with its row: rows with too few or too many cells, quotes that do not close, NUL bytes.
    """

    name: ClassVar[str] = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab", ".data")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        dialect, settling, got = _settled(path, reading, keep=True)
        frame = pl.concat([_final(frame, settling) for frame in got])
        notes = [f"Read as CSV: {dialect.told()}.", *settling.notes, *remarks(frame, settling)]
        return Table(
            frame=frame,
            origin=Origin(
                source=path,
                format=self.name,
                reading=_reading(dialect, settling),
                fingerprint=fingerprint(Path(path)),
                notes=tuple(notes),
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        dialect, settling, _ = _settled(path, reading, keep=False)
        names, blocks = names_and_blocks(Path(path), path, _compression(path), dialect)
        for frame in frames(unique_names(names)[0], blocks, dialect, settling, path):
            yield from _final(frame, settling).iter_slices(rows)


def _reading(dialect: Dialect, settling: Settling) -> dict[str, Any]:
    """What makes another file of the same make be read the same way."""
    found: dict[str, Any] = {
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "encoding": dialect.encoding,
        "header": dialect.header,
        "trim": dialect.trim,
        "types": dict(settling.types),
    }
    if settling.missing is not None:
        found["missing"] = list(settling.missing)
    if settling.decimal is not None:
        found["decimal"] = settling.decimal
    return found


def _settled(path: str, reading: Mapping[str, Any], *, keep: bool) -> tuple[Dialect, Settling, list[pl.DataFrame]]:
    """The dialect and the types that fit the whole file, and the frames of the last pass where they are kept."""
    for key in reading:
        if key not in _KEYS:
            raise not_found("key of reading", key, _KEYS, where=path)
    dialect = _dialect(path, reading)
    try:
        try:
            return _passes(path, reading, dialect, keep)
        except NotUtf8 as found:
            if reading.get("encoding"):
                raise DataError(
                    f"the text is not {dialect.encoding.upper()}.", where=path, remedy="Save the file as UTF-8."
                ) from found
            dialect = replace(dialect, encoding=found.encoding)
            return _passes(path, reading, dialect, keep)
    except Broken as broken:
        plain = replace(dialect, quote="")
        if not dialect.quote or reading.get("quote") or not quotes_are_text(broken.data, dialect.delimiter):
            raise broken.error from None
        try:
            return _passes(path, reading, plain, keep)
        except (Broken, NotUtf8):
            raise broken.error from None


def _dialect(path: str, reading: Mapping[str, Any]) -> Dialect:
    head, _ = head_of(Path(path), path, SAMPLE)
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() not in (".gz", ".zst")]
    return detect(head, len(head) < SAMPLE, suffixes[-1] if suffixes else "", reading, path)


def _passes(
    path: str, reading: Mapping[str, Any], dialect: Dialect, keep: bool
) -> tuple[Dialect, Settling, list[pl.DataFrame]]:
    types = dict(reading.get("types") or {})
    missing = reading.get("missing")
    settling = Settling(
        types=types,
        fixed=frozenset(types),
        missing=None if missing is None else ["", *missing],
        decimal=reading.get("decimal"),
    )
    while True:
        given, blocks = names_and_blocks(Path(path), path, _compression(path), dialect)
        names, renamed = unique_names(given)
        got: list[pl.DataFrame] = []
        rows = 0
        for frame in frames(names, blocks, dialect, settling, path):
            rows += frame.height
            if keep:
                got.append(frame)
        if not settling.stale:
            break
    if not rows:
        raise DataError("the file has a header and no rows.", where=path, remedy="Give a table with at least one row.")
    settling.notes[:0] = renamed
    _check_delimiter(path, reading, names)
    return dialect, settling, got


def _check_delimiter(path: str, reading: Mapping[str, Any], names: list[str]) -> None:
    """Raises where the file was cut with the delimiter of an earlier one and is written with another."""
    known = reading.get("types") or {}
    if len(known) < 2 or any(name in known for name in names) or not reading.get("delimiter"):
        return
    now = _dialect(path, {key: value for key, value in reading.items() if key != "delimiter"})
    if now.delimiter != reading["delimiter"]:
        raise DataError(
            f"expected {reading['delimiter']!r} between cells, as in the table the model was trained on; "
            f"this file is written with {now.delimiter!r}.",
            where=path,
            remedy="Save it with the same delimiter.",
        )


def _compression(path: str) -> str:
    return head_of(Path(path), path, 16)[1]


def _final(frame: pl.DataFrame, settling: Settling) -> pl.DataFrame:
    """Frames from before a type grew (nothing → anything, integer → number) brought to it."""
    wanted = {name: dtype_of(settling.types[name]) for name in frame.columns}
    wrong = {name: wanted[name] for name, dtype in frame.schema.items() if dtype != wanted[name]}
    return frame.cast(wrong) if wrong else frame  # type: ignore[arg-type]
