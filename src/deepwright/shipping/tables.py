"""Tables out: frames become a CSV, Parquet or JSON-lines file, in order, a frame at a time, whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

import polars as pl

from deepwright.core.errors import DataError, UserError, nearest
from deepwright.core.writing import replacing

_FORMULA = r"^[=+\-@\t\r]"
"""What spreadsheets take for the beginning of a formula."""


def write_table(frames: Iterable[pl.DataFrame], path: str | Path, *, inputs: Sequence[Any] = ()) -> None:
    """Write `frames`, one after the other, to `path`; its suffix says how: .csv .tsv .jsonl .ndjson .parquet, the text
    formats also with .gz behind it.

    The file appears when the last frame is written, in place of an older one; when a frame cannot be made, the older
    one stays. Columns are those of the first frame. Memory is that of a few frames.

    In CSV and TSV, texts and names that begin with = + - @ tab or carriage return, and are no numbers, get an
    apostrophe in front, so that no spreadsheet runs them; lists are written as JSON.

    inputs: paths that must not be overwritten; anything that is no path is passed over.
    Raises UserError for an unknown suffix, for an input, and where the file cannot be written.
    """
    path = Path(path)
    writer, packed = _writer(path)
    _spare(path, inputs)
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise DataError("there is nothing to write.", where=str(path), remedy="Give a table with rows.")
    with replacing(path) as file:
        if packed:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as archive:
                writer(_alike(first, rest), archive)  # type: ignore[arg-type]
        else:
            writer(_alike(first, rest), file)


def csv_text(frame: pl.DataFrame, *, header: bool = True, separator: str = ",") -> str:
    """The frame as CSV that is safe to open in a spreadsheet; see `write_table`."""
    text = safe_texts(frame).write_csv(include_header=False, separator=separator)
    if not header:
        return text
    names = pl.DataFrame([pl.Series(str(i), [_safe_name(name)]) for i, name in enumerate(frame.columns)])
    return names.write_csv(include_header=False, separator=separator) + text


def safe_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would run get an apostrophe in front; lists and objects become JSON texts."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    frame = frame.with_columns(pl.Series(name, [_json(value) for value in frame[name]], pl.String) for name in nested)
    texts = [pl.col(name) for name, dtype in frame.schema.items() if dtype in (pl.String, pl.Categorical, pl.Enum)]
    return frame.with_columns(_safe(text.cast(pl.String)) for text in texts)


def _safe(text: pl.Expr) -> pl.Expr:
    runs = text.str.contains(_FORMULA) & text.cast(pl.Float64, strict=False).is_null()
    return pl.when(runs).then(pl.lit("'") + text).otherwise(text).name.keep()


def _safe_name(name: str) -> str:
    return f"'{name}" if name[:1] in tuple("=+-@\t\r") else name


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value.to_list() if isinstance(value, pl.Series) else value, ensure_ascii=False, default=str)


def _alike(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Every frame with the columns and types of the first."""
    for frame in chain([first], rest):
        yield frame if frame.schema == first.schema else frame.select(first.columns).cast(first.schema)


def _writer(path: Path) -> tuple[Callable[[Iterator[pl.DataFrame], IO[bytes]], None], bool]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:]
    writer = _WRITERS.get(suffix[0]) if suffix else None
    if writer is None or (packed and writer is _parquet):
        shown = "".join(path.suffixes[-2:] if packed else path.suffixes[-1:]) or "no ending"
        known = ", ".join(_WRITERS)
        guess = nearest(suffix[0], _WRITERS) if suffix else None
        raise UserError(
            f"expected a file that ends in one of {known} (the text formats also with .gz), got {shown}.",
            where=str(path),
            remedy=f"Did you mean '{guess}'?" if guess and not packed else "Choose one of these endings.",
        )
    return writer, packed


def _spare(path: Path, inputs: Sequence[Any]) -> None:
    for given in inputs:
        if isinstance(given, (str, Path)) and path.exists() and Path(given).exists() and path.samefile(given):
            raise UserError(
                "the output is the input itself; it would be overwritten.",
                where=str(path),
                remedy="Choose another name for the output.",
            )


def _csv(frames: Iterator[pl.DataFrame], file: IO[bytes]) -> None:
    for i, frame in enumerate(frames):
        file.write(csv_text(frame, header=i == 0).encode("utf-8"))


def _tsv(frames: Iterator[pl.DataFrame], file: IO[bytes]) -> None:
    for i, frame in enumerate(frames):
        file.write(csv_text(frame, header=i == 0, separator="\t").encode("utf-8"))


def _json_lines(frames: Iterator[pl.DataFrame], file: IO[bytes]) -> None:
    for frame in frames:
        buffer = io.BytesIO()
        frame.write_ndjson(buffer)
        file.write(buffer.getbuffer())


def _parquet(frames: Iterator[pl.DataFrame], file: IO[bytes]) -> None:
    from polars.io.plugins import register_io_source

    first = next(frames)

    def give(columns: Any, predicate: Any, rows: Any, batch: Any) -> Iterator[pl.DataFrame]:
        yield from chain([first], frames)

    lazy = register_io_source(give, schema=first.schema, validate_schema=False)
    lazy.sink_parquet(file, compression="zstd", maintain_order=True)


_WRITERS: dict[str, Callable[[Iterator[pl.DataFrame], IO[bytes]], None]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
"""Suffix → how frames are written to an open file."""
