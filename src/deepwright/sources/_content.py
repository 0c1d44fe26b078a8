"""Content: what a file is by its first bytes, its fingerprint, and its bytes with gzip or zstd undone."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from deepwright.core.errors import DataError

_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", ""),
    (b"%PDF-", "a PDF document"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word document"),
    (b"FEA1", "a Feather file of version 1"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC\x0a", "an ORC file"),
    (b"GGUF", "a GGUF model"),
    (b"RIFF", "an audio or video file"),
    (b"OggS", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"ID3", "an audio file"),
    (b"{\\rtf", "an RTF document"),
)
_REMEDIES = {
    "an xz archive": "Decompress it first (xz -d), or compress with gzip or zstd.",
    "a bzip2 archive": "Decompress it first (bunzip2), or compress with gzip or zstd.",
    "a NumPy array file": "Load it with numpy.load and pass the array.",
    "an old Excel or Word document": "Save it as .xlsx or CSV.",
    "a Feather file of version 1": "Write it again with a current version of Arrow.",
    "a tar archive": "Unpack it and name the file or folder inside; of pictures a zip is read as it is.",
    "a zip archive": "Unpack it and name the table inside.",
    "an HTML page": "Was a web page saved in place of the data? Download the data file itself.",
}
_IDX_TYPES = (b"\x08", b"\x09", b"\x0b", b"\x0c", b"\x0d", b"\x0e")
_IDX_AXES = 4
_BOMB_BYTES = 256 << 20
_BOMB_RATIO = 200
_TREE_BYTES = 16 << 20
_PIECE = 1 << 20
_AT_ONCE = 4
"""Shares of a large file that are read side by side for its fingerprint."""


def compression_of(head: bytes) -> str:
    """ "gzip", "zstd" or "" for a file that begins with `head`."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else ""


def format_of(head: bytes) -> str | None:
    """The source whose content begins with `head`, or None where it may be text."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if head[:2] == b"\0\0" and head[2:3] in _IDX_TYPES and 1 <= head[3] <= _IDX_AXES and len(head) >= 8:
        return "idx"
    return "excel" if head.startswith(b"PK\x03\x04") and _is_workbook(head) else None


def is_tar(head: bytes) -> bool:
    """Whether `head`, decompressed, begins a tar archive."""
    return head[257:262] == b"ustar"


def refuse_other(head: bytes, where: str) -> None:
    """Raises DataError, naming the content, where `head` begins something that holds no table we read."""
    what = _name_of(head)
    if what:
        raise DataError(
            f"expected a table, the content is {what}.",
            where=where,
            remedy=_REMEDIES.get(what, "Give CSV, Parquet, JSON lines, Arrow, SQLite or Excel."),
        )


def _name_of(head: bytes) -> str:
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle, which can run code when it is opened"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive"
    if is_tar(head):
        return "a tar archive"
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    for magic, what in _REFUSED:
        if what and head.startswith(magic):
            return what
    if head and not head.strip(b"\x00"):
        return "nothing but NUL bytes"
    return ""


def _is_workbook(head: bytes) -> bool:
    """A zip whose first entry is one that spreadsheets write first."""
    return head[30:].startswith((b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/"))


def fingerprint(path: Path) -> str:
    """sha256 of the content as hex; above 16 MiB "crc32-tree:" and the sha256 of the CRC-32 of every mebibyte.

    The second form reads every byte ten times faster; it tells files apart, it does not resist forgery.
    """
    size = path.stat().st_size
    if size <= _TREE_BYTES:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    pieces = -(-size // _PIECE)
    shares = [range(pieces * i // _AT_ONCE, pieces * (i + 1) // _AT_ONCE) for i in range(_AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # neither reading nor the checksum holds the interpreter
        leaves = pool.map(lambda share: _checksums(path, share), shares)
        return f"crc32-tree:{hashlib.sha256(b''.join(leaves)).hexdigest()}"


def _checksums(path: Path, pieces: range) -> bytes:
    """CRC-32 of each of these mebibytes of the file, 4 bytes each."""
    with path.open("rb") as file:
        file.seek(pieces.start * _PIECE)
        return b"".join(zlib.crc32(file.read(_PIECE)).to_bytes(4, "big") for _ in pieces)


def head_of(path: Path, where: str, size: int = 4096) -> tuple[bytes, str]:
    """The first bytes of the content, decompressed, and its compression."""
    with path.open("rb") as file:
        head = file.read(size)
    compression = compression_of(head)
    if compression:
        with open_content(path, where, compression) as content:
            head = content.read(size)
    return head, compression


def open_content(path: Path, where: str, compression: str) -> BinaryIO:
    """The content as a binary stream, decompressed; reading raises DataError for a damaged or bloated archive."""
    if compression == "gzip":
        return io.BufferedReader(_Guarded(gzip.open(path, "rb"), path, where), 1 << 20)
    if compression == "zstd":
        return io.BufferedReader(_Guarded(_ZstdLines(path), path, where), 1 << 20)
    return path.open("rb")


class _Guarded(io.RawIOBase):
    """A decompressing stream that turns damage into a DataError and stops at decompression bombs."""

    def __init__(self, inner: gzip.GzipFile | _ZstdLines, path: Path, where: str) -> None:
        self._inner = inner
        self._where = where
        self._packed = path.stat().st_size
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        import polars as pl

        try:
            piece = self._inner.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile, pl.exceptions.PolarsError, OSError) as error:
            raise self._damage(error) from error
        self._unpacked += len(piece)
        if self._unpacked > _BOMB_BYTES and self._unpacked > _BOMB_RATIO * self._packed:
            raise DataError(
                f"the compressed content grows to more than {_BOMB_RATIO} times its size ({self._packed:,} bytes).",
                where=self._where,
                remedy="If you trust it, decompress it yourself and give the result.",
            )
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._inner.close()
        super().close()

    def _damage(self, error: Exception) -> DataError:
        if "utf8" in str(error).replace("-", ""):
            message = "zstd-compressed text must be UTF-8, this is not."
            remedy = "Decompress it first (zstd -d) and give the result."
        else:
            reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
            message = f"the compressed content is cut off or damaged after {self._unpacked:,} bytes ({reason})."
            remedy = "Download or write the file again."
        return DataError(message, where=self._where, remedy=remedy)


class _ZstdLines:
    """zstd-compressed text as bytes, in bounded memory, through polars' line reader (line ends become LF)."""

    def __init__(self, path: Path) -> None:
        self._pieces = self._read(path)
        self._rest = b""

    def _read(self, path: Path) -> Iterator[bytes]:
        import polars as pl

        for batch in pl.scan_lines(path, glob=False).collect_batches(chunk_size=65_536, maintain_order=True):
            yield "\n".join(batch.to_series().to_list()).encode("utf-8") + b"\n"

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]
