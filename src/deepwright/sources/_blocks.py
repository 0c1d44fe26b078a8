"""Blocks: a text table cut into pieces of whole rows, in clean UTF-8, each row proved to have equally many cells.

The proof is vectorised: delimiters and line breaks outside quotes are counted, and polars refuses rows that are too
long, so that an equal total leaves no room for a row that is too short. Pieces that are written in an unusual way
(blank lines, stray quotes, odd line ends, spaces after delimiters) are rewritten through Python's strict CSV reader.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepwright.core.errors import DataError
from deepwright.sources._content import open_content
from deepwright.sources._dialect import Dialect, legacy_encoding, not_decodable, nul_error, numbered_rows

BLOCK = 8 << 20
"""Bytes read at a time; small enough for caches, large enough for polars' threads."""

_CACHED = 256 << 10
"""Bytes compared at a time, so that the outcome of a comparison is counted while it is in the cache."""

_LONGEST_ROW = 64 << 20


class Broken(Exception):
    """The rows do not fit the dialect; `error` is for the user, `data` for whoever tries another dialect."""

    def __init__(self, error: DataError, data: bytes) -> None:
        super().__init__(str(error))
        self.error = error
        self.data = data


class NotUtf8(Exception):
    """Text taken for UTF-8 by its beginning is not; `encoding` fits better."""

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self.encoding = encoding


@dataclass(frozen=True)
class Block:
    """Whole rows as UTF-8, each ending in a line break; `row` counts the data rows before, `line` the lines."""

    data: bytes
    rows: int
    row: int
    line: int
    blank: int


def names_and_blocks(path: Path, where: str, compression: str, dialect: Dialect) -> tuple[list[str], Iterator[Block]]:
    """The cells of the first row (or column_1 … without a header) and the blocks of data rows.

    Raises DataError for NUL bytes, Broken for rows that do not fit, NotUtf8 for another encoding.
    """
    pieces = whole_rows(utf8_pieces(path, where, compression, dialect), dialect, where)
    first = next(pieces, b"")
    names, rest, lines = _split_first(first, dialect, where)
    if not dialect.header:
        return [f"column_{i + 1}" for i in range(len(names))], _blocks(
            _chain(first, pieces), dialect, len(names), where, 0
        )
    return names, _blocks(_chain(rest, pieces), dialect, len(names), where, lines)


def ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same blocks, the next one being prepared while the last is used."""
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = worker.submit(next, blocks, None)
            yield block


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def utf8_pieces(path: Path, where: str, compression: str, dialect: Dialect) -> Iterator[bytes]:
    """The content in UTF-8 without a byte-order mark, LF or CR LF between lines, as pieces of any length."""
    with open_content(path, where, compression) as content:
        pieces = (
            _raw(content, where)
            if dialect.encoding.lower() in ("utf-8", "utf8", "utf-8-sig")
            else _decoded(content, dialect.encoding, where)
        )
        first = next(pieces, b"").removeprefix(codecs.BOM_UTF8)
        only_cr = b"\r" in first and b"\n" not in first
        for piece in _chain(first, pieces):
            yield piece.replace(b"\r", b"\n") if only_cr else piece


def _raw(content: BinaryIO, where: str) -> Iterator[bytes]:
    lines = 0
    while piece := content.read(BLOCK):
        if b"\x00" in piece:
            raise nul_error(piece, lines, where)
        yield piece
        lines += 0 if len(piece) < BLOCK else piece.count(b"\n")


def _decoded(content: BinaryIO, encoding: str, where: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines, more = 0, True
    while more:
        piece = content.read(BLOCK)
        more = bool(piece)
        try:
            text = decoder.decode(piece, final=not more)
        except UnicodeDecodeError as error:
            raise not_decodable(error, error.object, lines, encoding, where) from error
        if "\x00" in text:
            raise nul_error(text.encode("utf-8", "replace"), lines, where)
        lines += text.count("\n")
        if text:
            yield text.encode("utf-8", "surrogatepass")


def whole_rows(pieces: Iterator[bytes], dialect: Dialect, where: str) -> Iterator[bytes]:
    """Pieces that end where a row ends; the last row gets its line break where it lacks one."""
    rest, quote = b"", dialect.quote.encode()
    for piece in pieces:
        if quote and (quote in piece or quote in rest):
            piece, rest = rest + piece, b""
            cut = _last_row_end(piece, quote)
        else:
            cut = piece.rfind(b"\n") + 1
        if cut:
            yield b"".join((rest, memoryview(piece)[:cut]))
            rest = b""
        rest += piece[cut:]
        if len(rest) > _LONGEST_ROW:
            raise Broken(_unclosed(rest, dialect, where), rest)
    if rest:
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def _last_row_end(data: bytes, quote: bytes) -> int:
    """Behind the last line break that is outside quotes, 0 where there is none."""
    end = data.rfind(b"\n")
    while end >= 0 and quote and data.count(quote, 0, end) % 2:
        end = data.rfind(b"\n", 0, data.rfind(quote, 0, end))
    return end + 1


def _unclosed(data: bytes, dialect: Dialect, where: str) -> DataError:
    return DataError(
        f"a cell opens with {dialect.quote} and does not close it.",
        where=where,
        remedy="Close the quote, or say that quotes are ordinary text (reading: quote: '').",
    )


def _split_first(data: bytes, dialect: Dialect, where: str) -> tuple[list[str], bytes, int]:
    """The cells of the first row that is not blank, the rows after it, and the lines before those."""
    end, lines = 0, 0
    quote = dialect.quote.encode()
    while end < len(data):
        stop = data.find(b"\n", end)
        while stop >= 0 and quote and data.count(quote, end, stop) % 2:
            stop = data.find(b"\n", stop + 1)
        stop = len(data) if stop < 0 else stop + 1
        lines += data.count(b"\n", end, stop)
        if data[end:stop].strip():
            rows = _python_rows(data[end:stop], dialect, where, 0, 0)
            if rows:
                return rows[0][1], data[stop:], lines
        end = stop
    raise DataError("the file holds no cells.", where=where, remedy="Give a table with a header and rows.")


def _blocks(pieces: Iterator[bytes], dialect: Dialect, width: int, where: str, line: int) -> Iterator[Block]:
    row = 0
    for raw in pieces:
        if not raw.isascii():
            _check_utf8(raw, where, line)
        delimiters, rows, plain = _shape(raw, dialect, width)
        data, blank = raw, 0
        lines = raw.count(b"\n") if dialect.quote.encode() in raw else rows
        if not plain or delimiters != rows * (width - 1):
            data, rows, blank = _rewritten(raw, dialect, width, where, row, line)
        if rows:
            yield Block(data, rows, row, line, blank)
        row += rows
        line += lines


def _check_utf8(raw: bytes, where: str, line: int) -> None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(legacy_encoding(raw, error, where, line)) from error


def _shape(data: bytes, dialect: Dialect, width: int) -> tuple[int, int, bool]:
    """Delimiters and line breaks outside quotes, and whether polars can read the data as it stands."""
    array = np.frombuffer(data, np.uint8)
    plain = not dialect.trim
    if b"\r" in data:
        plain = plain and data.count(b"\r\n") == data.count(b"\r")
    if width == 1:  # in wider tables a blank line shows in the number of delimiters
        plain = plain and not (b"\n\n" in data or b"\n\r\n" in data or data[:1] in (b"\n", b"\r"))
    delimiter = ord(dialect.delimiter)
    if not dialect.quote or dialect.quote.encode() not in data:
        parts = [array[start : start + _CACHED] for start in range(0, len(array), _CACHED)]
        delimiters = sum(int(np.count_nonzero(part == delimiter)) for part in parts)
        return delimiters, sum(int(np.count_nonzero(part == 10)) for part in parts), plain
    quote = ord(dialect.quote)
    places = np.flatnonzero((array == quote) | (array == delimiter) | (array == 10))
    marks = array[places]
    quoted = np.bitwise_xor.accumulate((marks == quote).view(np.uint8)).view(bool)
    delimiters = int(np.count_nonzero((marks == delimiter) & ~quoted))
    breaks = int(np.count_nonzero((marks == 10) & ~quoted))
    return delimiters, breaks, plain and _quotes_at_edges(array, places[marks == quote], delimiter, quote)


def _quotes_at_edges(array: np.ndarray, places: np.ndarray, delimiter: int, quote: int) -> bool:
    """Whether quotes open only where a cell begins and close only where it ends (doubled ones inside are fine)."""
    if len(places) % 2:
        return False
    opens, closes = places[0::2], places[1::2]
    before = array[np.maximum(opens - 1, 0)]
    after = array[np.minimum(closes + 1, len(array) - 1)]
    opened = (opens == 0) | (before == delimiter) | (before == 10) | (before == quote)
    closed = (after == delimiter) | (after == 10) | (after == 13) | (after == quote)
    return bool(opened.all() and closed.all())


def _python_rows(data: bytes, dialect: Dialect, where: str, row: int, line: int) -> list[tuple[int, list[str]]]:
    text = data.decode("utf-8", "replace")
    try:
        return numbered_rows(text, dialect.delimiter, dialect.quote, dialect.trim)
    except csv.Error as error:
        raise Broken(_quote_error(text, dialect, where, row, line, error), data) from error


def _quote_error(text: str, dialect: Dialect, where: str, row: int, line: int, error: csv.Error) -> DataError:
    """The error with the row in which the quoted cell opens, found by reading again until it fails."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote or None, strict=True
    )
    rows, last = 0, 0
    try:
        for cells in reader:
            rows, last = rows + bool(cells), reader.line_num
    except csv.Error:
        pass
    what = "does not close it" if "end of data" in str(error) else "has text behind the closing quote"
    return DataError(
        f"a cell opens with {dialect.quote or 'a quote'} and {what}.",
        where=f"{where}, row {row + rows + 1} (line {line + last + 1})",
        remedy="Mend the quote, or say that quotes are ordinary text (reading: quote: '').",
    )


def _rewritten(raw: bytes, dialect: Dialect, width: int, where: str, row: int, line: int) -> tuple[bytes, int, int]:
    """The rows of `raw` written plainly again, how many they are, and how many lines were blank."""
    numbered = _python_rows(raw, dialect, where, row, line)
    for count, (last, cells) in enumerate(numbered):
        if len(cells) != width:
            raise Broken(
                _ragged(len(cells), width, where, row + count + 1, line + last, dialect, last == raw.count(b"\n")), raw
            )
    text = io.StringIO(newline="")
    if dialect.quote:
        writer = csv.writer(text, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator="\n")
        writer.writerows(cells for _, cells in numbered)
    else:
        text.writelines(dialect.delimiter.join(cells) + "\n" for _, cells in numbered)
    blank = raw.count(b"\n\n") + raw.count(b"\n\r\n") + raw.startswith((b"\n", b"\r\n"))
    return text.getvalue().encode("utf-8"), len(numbered), blank


def _ragged(cells: int, width: int, where: str, row: int, line: int, dialect: Dialect, is_last: bool) -> DataError:
    cut = " It is the last line: the file may be cut off." if is_last and cells < width else ""
    mark = {"\t": "tab"}.get(dialect.delimiter, dialect.delimiter)
    hint = "Fill the missing cells." if cells < width else f"Quote cells that hold the delimiter ({mark})."
    return DataError(
        f"the row has {cells} {'cell' if cells == 1 else 'cells'}, {width} are expected.{cut}",
        where=f"{where}, row {row} (line {line})",
        remedy=hint,
    )


def prove(block: Block, dialect: Dialect, width: int, where: str) -> None:
    """Raises Broken, naming the row, where a row of the block has not `width` cells."""
    _rewritten(block.data, dialect, width, where, block.row, block.line)
