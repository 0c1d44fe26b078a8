"""Passes: blocks of text become frames of typed columns; a column's type is settled over all of its cells.

The first pass believes the first rows. Where a later cell disagrees, it goes on only to learn what types fit the rest,
and the next pass reads with those. Types only grow more general, so that passes end; clean files need one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import polars as pl

from deepwright.core.errors import DataError
from deepwright.sources._blocks import Block, ahead, prove
from deepwright.sources._cells import MISSING, MISSING_NUMBER, cleaned, infer, infer_columns, join, padded, read_as
from deepwright.sources._dialect import Dialect

_PROBE = 2000
"""Rows that the first guess of the types looks at."""


@dataclass
class Settling:
    """What has been learned of the columns so far."""

    types: dict[str, str]
    """Column → type, see `_cells`."""
    fixed: frozenset[str] = frozenset()
    """Columns whose type an earlier table gave: a cell that does not fit is an error, but for fractions."""
    missing: Sequence[str] | None = None
    """Words that are missing values, where the user said them."""
    decimal: str | None = None
    """The decimal mark, where the user said it."""
    words: dict[str, set[str]] = field(default_factory=dict)
    """Column → missing words met in it, as they stand in the file."""
    notes: list[str] = field(default_factory=list)
    stale: bool = False
    """Frames already given out have other types: another pass is needed."""
    passes: int = 0
    blank: int = 0
    """Blank lines skipped."""

    def words_for(self, kind: str) -> Sequence[str]:
        """The words that are missing values in a column of this type."""
        if self.missing is not None:
            return self.missing
        if kind == "text:NA":
            return [word for word in MISSING if word != "NA"]
        return MISSING if kind == "text" else MISSING_NUMBER


def frames(
    names: list[str], blocks: Iterator[Block], dialect: Dialect, settling: Settling, where: str
) -> Iterator[pl.DataFrame]:
    """One typed frame a block. Once `settling.stale` is true no frame follows: make another pass."""
    settling.stale, settling.blank = False, 0
    settling.passes += 1
    for block in ahead(blocks):
        settling.blank += block.blank
        if not settling.types.keys() >= set(names):
            _guess(_texts(block, names, dialect, where, rows=_PROBE), settling, dialect)
        frame = _fast(block, names, dialect, settling) if not settling.stale else None
        if frame is None:
            frame = _texts(block, names, dialect, where)
        typed = _typed(frame, block, settling, where)
        if not settling.stale:
            yield typed.select(names)


def _guess(texts: pl.DataFrame, settling: Settling, dialect: Dialect) -> None:
    """Types of the columns that have none yet, from the first rows."""
    head = texts.select([name for name in texts.columns if name not in settling.types])
    types, notes = infer_columns(head, settling.missing, settling.decimal, dialect.delimiter)
    settling.types.update(types)
    settling.notes.extend(notes)


def _fast(block: Block, names: list[str], dialect: Dialect, settling: Settling) -> pl.DataFrame | None:
    """The block with plain numbers read by polars itself; None where some cell is in the way."""
    plain = {name for name in names if settling.types[name] == "number" and len(settling.words.get(name, ())) <= 1}
    if settling.missing is not None:
        plain = set()  # what the user calls missing may be a number
    schema = {name: pl.Float64 if name in plain else pl.String for name in names}
    words = {name: next(iter(settling.words[name])) for name in plain if settling.words.get(name)}
    try:
        frame = _read(block, schema, dialect, words)
    except pl.exceptions.PolarsError:
        return None
    if block.row == 0 and any(f"{dialect.delimiter} {end}".encode() in block.data for end in (dialect.delimiter, "\n")):
        return None  # polars takes a blank among numbers for missing; by way of texts it is noticed and said
    return frame


def _texts(block: Block, names: list[str], dialect: Dialect, where: str, rows: int | None = None) -> pl.DataFrame:
    """The block as texts, its first `rows` only where they are enough."""
    try:
        return _read(block, dict.fromkeys(names, pl.String), dialect, {}, rows)
    except pl.exceptions.PolarsError as error:
        prove(block, dialect, len(names), where)
        raise DataError(
            f"the rows cannot be read ({str(error).splitlines()[0]}).",
            where=f"{where}, from row {block.row + 1}",
            remedy="Save the table again as plain CSV in UTF-8.",
        ) from error


def _read(
    block: Block,
    schema: Mapping[str, type[pl.DataType]],
    dialect: Dialect,
    words: dict[str, str],
    rows: int | None = None,
) -> pl.DataFrame:
    frame = pl.read_csv(
        block.data,
        has_header=False,
        schema=schema,
        separator=dialect.delimiter,
        quote_char=dialect.quote or None,
        null_values=words or None,
        infer_schema=False,
        n_rows=rows,
    )
    expected = block.rows if rows is None else min(rows, block.rows)
    if frame.height != expected:
        raise pl.exceptions.ComputeError(f"{expected} rows became {frame.height}")
    return frame


def _typed(frame: pl.DataFrame, block: Block, settling: Settling, where: str) -> pl.DataFrame:
    """All columns in their settled types; where a cell does not fit, the type of its column grows more general."""
    numbers = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    texts = [name for name in frame.columns if settling.types[name].startswith("text")]
    integers = [name for name in frame.columns if settling.types[name] == "integer" and settling.missing is None]
    plain = _plain_integers(frame.select(integers), settling)
    done = set(numbers) | set(texts) | set(plain.columns)
    others = frame.select([name for name in frame.columns if name not in done])
    parts = [_without_nan(frame.select(numbers)), _texts_without(frame.select(texts), settling), plain]
    return pl.concat([*parts, _others(others, block, settling, where)], how="horizontal")


def _without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    # A sum says in half the time that there is none; infinities may cancel, so that what it finds is looked at again.
    suspects = [name for name, total in _row(frame.select(pl.all().sum())).items() if isnan(total)]
    tainted = [name for name, found in _row(frame.select(pl.col(suspects).is_nan().any())).items() if found]
    return frame.with_columns(pl.col(tainted).fill_nan(None)) if tainted else frame


def _plain_integers(frame: pl.DataFrame, settling: Settling) -> pl.DataFrame:
    """Those columns in which every text is an integer as it stands."""
    read = frame.select(pl.all().cast(pl.Int64, strict=False))
    before, after = _row(frame.null_count()), _row(read.null_count())
    held = [name for name in frame.columns if before[name] == after[name]]
    strict = [name for name in held if name not in settling.fixed]
    lossy = _row(frame.select(padded(pl.col(strict))))
    return read.select([name for name in held if not lossy.get(name)])


def _texts_without(frame: pl.DataFrame, settling: Settling) -> pl.DataFrame:
    """Text columns as they are, missing words and blanks null."""
    short = _row(frame.select((pl.all().str.len_bytes() <= 4).any()))
    blank = _row(frame.select((pl.all() < "!").any()))
    suspects = [name for name in frame.columns if short[name] or blank[name]]
    groups: dict[tuple[str, bool], list[str]] = {}
    for name in suspects:
        groups.setdefault((settling.types[name], bool(blank[name])), []).append(name)
    tests = []
    for (kind, bare), names in groups.items():
        word = pl.col(names).str.strip_chars() if bare else pl.col(names)
        tests.append(pl.when(~word.is_in(list(settling.words_for(kind)))).then(pl.col(names)).name.keep())
    clean = frame.with_columns(tests)
    _remember(frame.select(suspects), clean, settling)
    return clean


def _others(frame: pl.DataFrame, block: Block, settling: Settling, where: str) -> pl.DataFrame:
    """Columns of any type by way of clean texts."""
    types = settling.types
    if not frame.width:
        return frame
    by_kind: dict[str, list[str]] = {}
    for name in frame.columns:
        by_kind.setdefault(types[name], []).append(name)
    clean = frame.select(cleaned(pl.col(names), settling.words_for(kind)) for kind, names in by_kind.items())
    read = clean.select(read_as(pl.col(names), kind).name.keep() for kind, names in by_kind.items())
    before, after = _row(clean.null_count()), _row(read.null_count())
    strict = [name for name in frame.columns if types[name] == "integer" and name not in settling.fixed]
    lossy = _row(clean.select(padded(pl.col(strict))))
    misfit = [
        name
        for name in frame.columns
        if after[name] != before[name] or lossy.get(name) or (types[name] == "empty" and before[name] != frame.height)
    ]
    fitting = frame.select([name for name in frame.columns if name not in misfit])
    _remember(fitting, clean, settling)
    return read.select(frame.columns).with_columns(
        _widened(frame.get_column(name), block, settling, where) for name in misfit
    )


def _widened(column: pl.Series, block: Block, settling: Settling, where: str) -> pl.Series:
    """Settle on a type that takes this block too; the pass goes on where earlier frames need not be read again."""
    name = column.name
    kind = settling.types[name]
    found = infer(column.to_frame(), settling.missing, settling.decimal)[name]
    wider = join(kind, found, again=settling.passes > 1)
    if name in settling.fixed and wider != "number":
        raise _misfit(column, kind, block, settling, where)
    settling.types[name] = wider
    if wider.startswith("text") and kind == "empty":
        return _texts_without(column.to_frame(), settling).to_series()
    if wider == found and kind in ("empty", "integer"):
        return _others(column.to_frame(), block, settling, where).to_series()
    settling.stale = True
    return column


def _remember(texts: pl.DataFrame, clean: pl.DataFrame, settling: Settling) -> None:
    """Which missing words were met in which column."""
    before, after = _row(texts.null_count()), _row(clean.null_count())
    for name in texts.columns:
        if before[name] != after[name]:
            met = texts[name].filter(clean[name].is_null() & texts[name].is_not_null()).unique().to_list()
            settling.words.setdefault(name, set()).update(met)


def _row(frame: pl.DataFrame) -> dict[str, Any]:
    return frame.row(0, named=True) if frame.width else {}


def _misfit(column: pl.Series, kind: str, block: Block, settling: Settling, where: str) -> DataError:
    """The error for a cell that is not of the type which an earlier table gave to its column."""
    texts = cleaned(pl.col(column.name), settling.words_for(kind))
    wrong = column.to_frame().select((read_as(texts, kind).is_null() & texts.is_not_null()).arg_max()).item() or 0
    expected = {"integer": "a number", "number": "a number", "boolean": "true or false", "empty": "an empty cell"}
    stem, _, form = kind.partition(":")
    return DataError(
        f"expected {expected.get(stem, f'a {stem} like {form}')}, as in the table the model was trained on, "
        f"got '{str(column[wrong])[:80]}'.",
        where=f"{where}, row {block.row + wrong + 1}, column '{column.name}'",
        remedy="Mend the cell, or leave it empty.",
    )
