"""Plain text: prose, verse, code or logs, cut into passages; one row each, in order."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError, not_found
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._blocks import utf8_pieces
from deepwright.sources._content import fingerprint, head_of
from deepwright.sources._dialect import LINES, SAMPLE, Dialect, detect, legacy_encoding

COLUMN = "text"
PASSAGE = 1_000
"""Characters of a passage, about, unless `reading` says otherwise."""
_KEYS = ("passage", "encoding")


class PlainText(Source):
    """A text without columns. `reading` holds passage (characters of a row, about; 0: every line is a row), encoding.

    A passage ends after the line end that is nearest to its size, between half of it and one and a half; where there
    is none, after a blank there; where there is none either, at its size. Put together again, the passages are the
    text, character for character (CR LF counts as LF, a byte-order mark goes). With passage 0 line ends go, and blank
    lines with them.
    """

    name: ClassVar[str] = "plain_text"
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".text")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        size, encoding = _settings(path, reading)
        rows = list(_rows(path, size, encoding))
        if not rows:
            raise DataError("the file holds nothing but white space.", where=path, remedy="Give a text to read.")
        characters = sum(map(len, rows))
        how = f"passages of about {size:,} characters, cut at line ends" if size else "one row a line"
        note = f"Read as plain text: {characters:,} characters in {len(rows):,} rows, {how} (reading: passage)."
        return Table(
            frame=pl.DataFrame({COLUMN: rows}),
            origin=Origin(
                source=path,
                format=self.name,
                reading={"passage": size, "encoding": encoding},
                fingerprint=fingerprint(Path(path)),
                notes=(note,),
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        size, encoding = _settings(path, reading)
        passages = _rows(path, size, encoding)
        while taken := list(islice(passages, rows)):
            yield pl.DataFrame({COLUMN: taken})


def _settings(path: str, reading: Mapping[str, Any]) -> tuple[int, str]:
    """Size of a passage and encoding; raises NotFoundError or DataError for what `reading` must not say."""
    for key in reading:
        if key not in _KEYS:
            raise not_found("key of reading", key, _KEYS, where=path)
    size = reading.get("passage", PASSAGE)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise DataError(
            f"expected a whole number of characters, got {size!r}.",
            where="data.reading.passage",
            remedy=f"For example {PASSAGE}, or 0 for one row a line.",
        )
    return size, reading.get("encoding") or _encoding(path)


def _encoding(path: str) -> str:
    """By the beginning; a text that is not UTF-8 further on is looked at as a whole."""
    head, _ = head_of(Path(path), path, SAMPLE)
    found = detect(head, len(head) < SAMPLE, "", {"delimiter": LINES}, path).encoding
    if found == "utf-8":
        decoder, seen = codecs.getincrementaldecoder("utf-8")("strict"), 0
        for piece in _pieces(path, found):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                return legacy_encoding(piece, error, path, seen)
            seen += piece.count(b"\n")
    return found


def _pieces(path: str, encoding: str) -> Iterator[bytes]:
    dialect = Dialect(encoding=encoding, delimiter=LINES, quote="", header=False)
    return utf8_pieces(Path(path), path, head_of(Path(path), path, 16)[1], dialect)


def _rows(path: str, size: int, encoding: str) -> Iterator[str]:
    """The passages, in memory of a few pieces of the file."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace" if encoding == "utf-8" else "strict")
    rest, blank = "", True
    for piece in _pieces(path, encoding):
        rest = (rest + decoder.decode(piece)).replace("\r\n", "\n")
        kept = rest.endswith("\r")  # the other half of a line end may follow
        passages, rest = _cut(rest[:-1] if kept else rest, size)
        rest += "\r" if kept else ""
        blank = blank and not any(map(str.strip, passages))
        yield from passages
    last = rest + decoder.decode(b"", final=True)
    if last and not (blank and not last.strip()):
        yield from ([line for line in last.split("\n") if line.strip()] if not size else [last])


def _cut(text: str, size: int) -> tuple[list[str], str]:
    """Passages, and the rest that is too short to be cut."""
    if not size:
        *lines, rest = text.split("\n")
        return [line for line in lines if line.strip()], rest
    passages, start, longest = [], 0, size + size // 2
    while len(text) - start > longest:
        end = start + _end(text[start : start + longest], size)
        passages.append(text[start:end])
        start = end
    return passages, text[start:]


def _end(text: str, size: int) -> int:
    """Where the passage ends that begins `text`."""
    for mark in ("\n", " "):
        before, after = text.rfind(mark, size // 2, size) + 1, text.find(mark, size) + 1
        ends = [end for end in (before, after) if end]
        if ends:
            return min(ends, key=lambda end: abs(end - size))
    return size
