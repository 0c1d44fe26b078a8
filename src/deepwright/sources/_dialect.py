"""Dialect: how a text table is written (encoding, delimiter, quotes, header), found once from its beginning.

Every candidate delimiter is tried with Python's strict CSV reader; the one that cuts all rows into equally many cells
wins, and among several the one whose cells look most like numbers, dates and blanks.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepwright.core.errors import DataError

SAMPLE = 512 << 10
"""Bytes looked at to find the dialect."""

_PLAIN_SAMPLE = 64 << 10
"""Bytes that are enough where no quotes stand behind them."""

LINES = "\x1f"
"""The delimiter of plain text, one cell a line: the unit separator occurs in no text."""

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}
_TYPED = re.compile(
    r"\s*(?:[+-]?[\d.,' ]*\d(?:[eE][+-]?\d+)?\s*%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.+Z]+)?"
    r"|NA|N/A|n/a|nan|NaN|null|NULL|\?|true|false|True|False|)\s*"
)
_WHEN = re.compile(r"(?:^|\n)\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4} \d")
_NUMBER = re.compile(r"\s*[+-]?(?:\d[\d.,]*|\.\d+)(?:[eE][+-]?\d+)?\s*")
_WORDS = ("", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "?")
_WIDEST_CELL = 1 << 26


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How the cells of a text table are told apart.

    encoding:  a Python codec, "utf-8" where it fits.
    delimiter: one character between cells.
    quote:     the character around cells that hold a delimiter or line break, "" where quotes are ordinary text.
    header:    whether the first row holds the names.
    trim:      whether spaces after a delimiter are no part of the cell.
    """

    encoding: str
    delimiter: str
    quote: str
    header: bool
    trim: bool = False

    def told(self) -> str:
        """For people: "comma between cells, UTF-8, names in the first row"."""
        named = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        cells = "one cell a line" if self.delimiter == LINES else f"{named} between cells"
        quotes = "" if self.quote == '"' else f", quotes {self.quote}" if self.quote else ", quotes are ordinary text"
        header = "names in the first row" if self.header else "no header (columns are named column_1 …)"
        return f"{cells}{quotes}, {self.encoding.upper().replace('CP1252', 'Windows-1252')}, {header}"


def parse(text: str, delimiter: str, quote: str, trim: bool = False) -> list[list[str]]:
    """The rows of `text`, blank lines left out; raises csv.Error where a quoted cell does not end properly."""
    return [row for _, row in numbered_rows(text, delimiter, quote, trim)]


def numbered_rows(text: str, delimiter: str, quote: str, trim: bool = False) -> list[tuple[int, list[str]]]:
    """(line on which the row ends, from 1; cells) of every row that is not blank; raises as `parse`."""
    before = csv.field_size_limit(_WIDEST_CELL)
    try:
        reader = csv.reader(
            io.StringIO(_stripped(text) if delimiter == " " else text, newline=""),
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            skipinitialspace=trim,
            strict=True,
        )
        return [(reader.line_num, row) for row in reader if row]
    finally:
        csv.field_size_limit(before)


def _stripped(text: str) -> str:
    """Lines without spaces at their ends, which would be empty cells between spaces."""
    return re.sub(r"[ \t]*(\r?\n)[ \t]*", r"\1", text).strip(" \t")


def detect(head: bytes, complete: bool, suffix: str, said: Mapping[str, Any], where: str) -> Dialect:
    """The dialect of a file that begins with `head` (all of it where `complete`); what is in `said` is taken as said.

    Raises DataError for an empty or binary file and for text in an unknown encoding.
    """
    encoding = said.get("encoding") or _encoding(head, complete, where)
    if b'"' not in head[_PLAIN_SAMPLE:] and len(head) > _PLAIN_SAMPLE:
        head, complete = head[:_PLAIN_SAMPLE], False
    text = decode_sample(head, encoding, complete, where)
    if not text.strip("\r\n\t ;,|"):
        raise DataError("the file holds no cells.", where=where, remedy="Give a table with a header and rows.")
    found = _best(text, complete, suffix, said)
    header = said.get("header")
    return Dialect(
        encoding=encoding,
        delimiter=found.delimiter,
        quote=found.quote,
        header=(found.delimiter != LINES and _has_header(found.rows)) if header is None else bool(header),
        trim=found.trim,
    )


def is_table(head: bytes, where: str) -> bool:
    """Whether a text file that may hold prose begins as a table: rows of equally many cells, or a value a line."""
    if b"\n" not in head and b"\r" not in head:
        return False
    text = decode_sample(head, _encoding(head, False, where), False, where)
    if not text.strip("\r\n\t ;,|"):
        return False
    found = _best(text, False, ".txt", {})
    return len(found.rows) > 1 and (found.width > 1 or found.typed > 0.9)


def decode_sample(head: bytes, encoding: str, complete: bool, where: str) -> str:
    """The beginning as text, up to the last whole line; raises DataError where the encoding does not fit."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        text = decoder.decode(head, complete)
    except LookupError as error:
        raise DataError(
            f"there is no encoding '{encoding}'.",
            where=where,
            remedy="Say utf-8, cp1252, utf-16 or another of Python's.",
        ) from error
    except UnicodeDecodeError as error:
        raise not_decodable(error, head, 0, encoding, where) from error
    text = text.removeprefix("\ufeff")
    if not complete:
        text = text[: text.rfind("\n") + 1] or text
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def not_decodable(error: UnicodeDecodeError, data: bytes, lines: int, encoding: str, where: str) -> DataError:
    """The error for bytes that are no text in `encoding`, with the line on which they stand."""
    line = lines + data.count(b"\n", 0, error.start) + 1
    return DataError(
        f"the bytes {data[error.start : error.start + 4]!r} are no {encoding.upper()} text.",
        where=f"{where}, line {line}",
        remedy="Save the file as UTF-8, or say its encoding (reading: encoding).",
    )


def _encoding(head: bytes, complete: bool, where: str) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head:
        return _wide_encoding(head, where)
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, complete)
        return "utf-8"
    except UnicodeDecodeError as error:
        return legacy_encoding(head, error, where)


def _wide_encoding(head: bytes, where: str) -> str:
    """UTF-16 without a mark has a NUL in every other byte of ASCII text; any other NUL is an error."""
    piece = head[:4096]
    odd, even = piece[1::2].count(0), piece[0::2].count(0)
    half = max(1, len(piece) // 2)
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    raise nul_error(head, 0, where)


def nul_error(data: bytes, lines: int, where: str) -> DataError:
    """The error for a NUL byte, with its line."""
    line = lines + data.count(b"\n", 0, data.find(b"\x00")) + 1
    return DataError(
        "a NUL byte stands in the text; the file is damaged or no text.",
        where=f"{where}, line {line}",
        remedy="Write or download it again, or remove the NUL bytes.",
    )


def legacy_encoding(data: bytes, error: UnicodeDecodeError, where: str, lines: int = 0) -> str:
    """cp1252 for text that is not UTF-8, unless most of it is: then it is damaged UTF-8, and not to be guessed at."""
    good = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", data))
    bad = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", data))
    control = sum(data.count(bytes([code])) for code in (*range(1, 9), 11, 14, 15, *range(16, 32)))
    if good > bad or control > len(data) // 100 or re.search(rb"[\x81\x8d\x8f\x90\x9d]", data):
        raise not_decodable(error, data, lines, "utf-8", where)
    return "cp1252"


@dataclass(frozen=True)
class _Candidate:
    delimiter: str
    quote: str
    trim: bool
    rows: list[list[str]]
    share: float
    """Share of the rows that have the commonest number of cells."""
    width: int
    """That number."""
    typed: float
    """Share of the cells that look like numbers, dates or blanks."""

    @property
    def even(self) -> bool:
        return self.share == 1.0


def _best(text: str, complete: bool, suffix: str, said: Mapping[str, Any]) -> _Candidate:
    order = ["\t", ",", ";", "|"] if suffix in (".tsv", ".tab") else [",", "\t", ";", "|"]
    delimiters = [said["delimiter"]] if said.get("delimiter") else [d for d in order if d in text] or [order[0]]
    found = [best for d in delimiters if (best := _candidate(text, complete, d, said)) is not None]
    if said.get("delimiter"):
        return found[0]
    wide = [c for c in found if c.even and c.width > 1]
    if wide:
        return max(wide, key=lambda c: (round(c.typed, 2), c.width))
    single = [c for c in found if c.even and c.width == 1]
    if spaced := _spaced(text, complete, said):
        return spaced
    ragged = max(found, key=lambda c: (c.width > 1, c.share))
    if single and (ragged.width == 1 or ragged.share < 0.9 or single[0].typed > 0.9):
        return single[0]
    if suffix == ".txt" and ragged.share < 0.9:
        return _lines(text)
    return ragged


def _spaced(text: str, complete: bool, said: Mapping[str, Any]) -> _Candidate | None:
    """Numbers with spaces between them; None for anything else, such as dates with a time."""
    if " " not in text.strip() or _WHEN.search(text):
        return None
    found = _candidate(text, complete, " ", said)
    return found if found is not None and found.even and found.width > 1 and found.typed > 0.9 else None


def _lines(text: str) -> _Candidate:
    """Plain text: one cell a line, whatever stands in it."""
    rows = [[line] for line in text.splitlines() if line]
    return _Candidate(LINES, "", False, rows, 1.0, 1, 0.0)


def _candidate(text: str, complete: bool, delimiter: str, said: Mapping[str, Any]) -> _Candidate | None:
    """The best way to read with this delimiter: quotes as quotes, unless they only make sense as ordinary text."""
    trim = said.get("trim")
    if trim is None:
        trim = delimiter == " " or text.count(delimiter + " ") > 0.9 * max(1, text.count(delimiter))
    if said.get("quote") is not None:
        return _tried(text, complete, delimiter, said["quote"], trim)
    quoted = _tried(text, complete, delimiter, '"', trim)
    if '"' not in text or (quoted is not None and quoted.even and not quotes_are_text(text, delimiter)):
        return quoted
    plain = _tried(text, complete, delimiter, "", trim)
    if plain is None or plain.width == 1 or not plain.even or not quotes_are_text(text, delimiter):
        return quoted
    if quoted is None or not quoted.even or len(quoted.rows) < len(plain.rows):
        return plain  # every line is whole without quotes; with them, lines run into each other
    return quoted


def quotes_are_text(text: str | bytes, delimiter: str) -> bool:
    """Whether many quotes stand inside cells and not at their edges; one or two may be mistakes."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    edge = re.escape(delimiter) + '\n\r"'
    inside = len(re.findall(f'(?<=[^{edge}])"(?=[^{edge}])', text))
    return inside >= 5 and inside > text.count('"') // 4


def _tried(text: str, complete: bool, delimiter: str, quote: str, trim: bool) -> _Candidate | None:
    flaw = False
    try:
        rows = parse(text, delimiter, quote, trim)
    except csv.Error as error:
        flaw = complete or "unexpected end" not in str(error)
        rows = _whole_rows(text, delimiter, quote, trim)
    if not rows:
        return None
    (width, count), *_ = Counter(map(len, rows)).most_common(1)
    cells = [cell for row in rows[:200] for cell in row[:500]]
    typed = sum(_TYPED.fullmatch(cell[:64]) is not None for cell in cells) / max(1, len(cells))
    share = 0.99 * count / len(rows) if flaw else count / len(rows)
    return _Candidate(delimiter, quote, trim, rows, share, width, typed)


def _whole_rows(text: str, delimiter: str, quote: str, trim: bool) -> list[list[str]]:
    """The rows before a quoted cell that does not end, or that the sample cuts."""
    rows: list[list[str]] = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote or None, skipinitialspace=trim, strict=True
    )
    with contextlib.suppress(csv.Error):
        rows.extend(row for row in reader if row)
    return rows


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns: its cells are no numbers above numbers, and do not come again below."""
    first, rest = rows[0], rows[1:1001]
    if not rest:
        return not any(_NUMBER.fullmatch(cell) for cell in first)
    votes = sum(_vote(name, [row[i] for row in rest if i < len(row)]) for i, name in enumerate(first[:500]))
    if votes:
        return votes > 0
    return not any(_recurs(name, [row[i] for row in rest if i < len(row)]) for i, name in enumerate(first[:500]))


def _vote(name: str, below: list[str]) -> int:
    """+1: a word above numbers; -1: a number above numbers; 0: the column says nothing."""
    values = [cell for cell in below if cell.strip() not in _WORDS]
    if not values or sum(_NUMBER.fullmatch(cell) is not None for cell in values) < 0.9 * len(values):
        return 0
    if name.strip() in _WORDS:
        return 0
    return -1 if _NUMBER.fullmatch(name) else 1


def _recurs(name: str, below: list[str]) -> bool:
    return bool(name.strip()) and name in below
