"""JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._blocks import utf8_pieces, whole_rows
from deepwright.sources._content import fingerprint, head_of
from deepwright.sources._dialect import LINES, Dialect
from deepwright.sources._tidy import tidy
from deepwright.sources._typed import one_boundary

_LINE_BY_LINE = Dialect(encoding="utf-8", delimiter=LINES, quote="", header=False)


class JsonLines(Source):
    """Missing keys are missing values; keys of inner objects become "column.field"; lists stay lists.

    A column that holds different sorts of values (a number here, a text there) becomes text, with a note.
    """

    name: ClassVar[str] = "json_lines"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        with one_boundary(path, "JSON lines"):
            frames = list(_frames(path))
            if not frames:
                raise DataError("the file has no rows.", where=path, remedy="Give one JSON object a line.")
            schema, notes = _common([frame.schema for frame in frames])
            frame, tidied = tidy(pl.concat([_cast(frame, schema) for frame in frames]))
        return Table(
            frame=frame,
            origin=Origin(source=path, format=self.name, fingerprint=fingerprint(Path(path)), notes=(*notes, *tidied)),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        with one_boundary(path, "JSON lines"):
            schema, _ = _common([frame.schema for frame in _frames(path)])
            for frame in _frames(path):
                yield from tidy(_cast(frame, schema))[0].iter_slices(rows)


def _frames(path: str) -> Iterator[pl.DataFrame]:
    """A frame a block of lines, types as that block has them."""
    _, compression = head_of(Path(path), path, 16)
    line = 0
    for block in whole_rows(utf8_pieces(Path(path), path, compression, _LINE_BY_LINE), _LINE_BY_LINE, path):
        frame = _fast(block)
        if frame is None:
            frame = _careful(block, path, line)
        line += block.count(b"\n")
        if frame.height:
            yield frame


def _fast(block: bytes) -> pl.DataFrame | None:
    """The block through polars; None where it refuses, loses a row, or meets half of a surrogate pair."""
    if b"\\ud" in block or b"\\uD" in block:
        return None
    try:
        frame = pl.read_ndjson(block, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return None
    blank = sum(1 for line in block.split(b"\n") if not line.strip()) - 1 if b"\n\n" in block or b"\n\r" in block else 0
    return frame if frame.height == block.count(b"\n") - blank else None


def _careful(block: bytes, path: str, line: int) -> pl.DataFrame:
    """The block through Python's reader, which says where it is wrong; mixed columns become text."""
    rows = []
    for number, text in enumerate(block.split(b"\n"), start=line + 1):
        if text.strip():
            rows.append(_object(text, f"{path}, line {number}"))
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in names])


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(text.decode("utf-8"), parse_constant=_constant)
        text.decode("utf-8")
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise DataError("the text is no UTF-8.", where=where, remedy="Save the file as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the line is no JSON ({error}).", where=where, remedy="Mend the line; a whole object must stand on it."
        ) from error
    if not isinstance(row, dict):
        what = {list: "a list", str: "a text", type(None): "null"}.get(type(row), "a number")
        raise DataError(
            f"expected an object, got {what}.",
            where=where,
            remedy="Write one object {…} a line, without brackets or commas around them (jq -c '.[]' does it).",
        )
    return row


def _constant(word: str) -> float | None:
    return None if word == "NaN" else float(word.replace("Infinity", "inf"))


def _column(name: str, values: list[Any]) -> pl.Series:
    sorts = {type(value) for value in values if value is not None}
    if (len(sorts) > 1 and sorts != {int, float}) or (sorts & {int} and any(_huge(value) for value in values)):
        values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series(name, values, dtype=None if sorts else pl.Null, strict=False)


def _huge(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _common(schemas: list[pl.Schema]) -> tuple[dict[str, pl.DataType], list[str]]:
    """Column → the type that takes the values of all blocks, and a note for each that becomes text."""
    found: dict[str, list[pl.DataType]] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            if dtype not in found.setdefault(name, []):
                found[name].append(dtype)
    notes: list[str] = []
    return {name: _supertype(name, dtypes, notes) for name, dtypes in found.items()}, notes


def _supertype(name: str, dtypes: list[pl.DataType], notes: list[str]) -> pl.DataType:
    known = [dtype for dtype in dtypes if dtype != pl.Null]
    if len(known) <= 1:
        return known[0] if known else pl.String()
    if all(dtype.is_numeric() for dtype in known):
        return pl.Float64()
    if all(dtype.is_nested() for dtype in known):
        empty = [pl.DataFrame(schema={name: dtype}) for dtype in known]
        return pl.concat(empty, how="vertical_relaxed").schema[name]
    notes.append(f"Column '{name}' holds different sorts of values: read as text.")
    return pl.String()


def _cast(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    columns = [
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return frame.select(columns)
