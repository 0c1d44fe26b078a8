"""IDX files: arrays of images as MNIST and its kin come, with their labels from the file beside them.

The format (LeCun, Cortes and Burges, "The MNIST database"): two zero bytes, one that names the type of a number, one
that counts the axes; the length of each axis in four bytes; then the numbers, big-endian, the last axis fastest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import polars as pl

from deepwright.core.errors import DataError, not_found
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint, head_of, open_content
from deepwright.sources._picture_arrays import CHANNELS, IMAGE, LABEL, layout, named, pictures

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_ENDINGS = ("", ".gz", ".zst")
_WIDEST = 1 << 20
"""Numbers of a row that become columns, at most."""
_AT_ONCE = 16_384
_PIECE = 256 << 20
"""Rows and bytes that are read at once, at most."""


class Idx(Source):
    """A row an image: column `image`, and `label` where the file of labels lies beside it.

    For train-images-idx3-ubyte that is train-labels-idx1-ubyte, each also with .gz or .zst. Arrays of three axes and
    of one byte a number are pictures. `reading: {pixels: columns}` gives columns pixel_ROW_COLUMN in their place, as
    every other type of number does. Of one axis the column is `label` itself, of two axes they are called value_0, …
    """

    name: ClassVar[str] = "idx"
    suffixes: ClassVar[tuple[str, ...]] = (".idx", ".idx3-ubyte", ".idx2-ubyte", ".idx1-ubyte")

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        frame, labels = pl.concat(frames_of(path, _AT_ONCE, reading)), labels_beside(path)
        marks = [fingerprint(Path(place)) for place in (path, *([labels] if labels else []))]
        found = f"labels from {Path(labels).name}" if labels else "there is no file of labels beside it"
        return Table(
            frame=frame,
            origin=Origin(
                source=path,
                format=self.name,
                reading=dict(reading),
                fingerprint="+".join(marks),
                notes=(f"Read as IDX: {frame.height:,} {_rows(path, reading)}; {found}.",),
                target=LABEL if LABEL in frame.columns and frame.width > 1 else None,
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        yield from frames_of(path, rows, reading)


@dataclass(frozen=True)
class _Header:
    """What an IDX file says of itself."""

    kind: np.dtype
    axes: tuple[int, ...]

    @property
    def row(self) -> int:
        """Numbers in a row."""
        return math.prod(self.axes[1:])

    def holds_pictures(self, reading: Mapping[str, Any]) -> bool:
        shaped = len(self.axes) == 3 or (len(self.axes) == 4 and {self.axes[1], self.axes[3]} & set(CHANNELS))
        return self.kind == np.uint8 and bool(shaped) and reading.get("pixels") != "columns"


def frames_of(path: str, rows: int, reading: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """Frames of at most so many rows, with the labels beside the file."""
    _check_reading(reading, path)
    labels = labels_beside(path)
    with _opened(path) as images:
        header = _header(images, path, reading)
        rows = min(rows, max(1, _PIECE // (header.row * header.kind.itemsize)))
        beside = None if labels is None else _opened(labels)
        try:
            if beside is not None and labels is not None:
                _check_labels(_header(beside, labels, reading), header, labels)
            for start in range(0, header.axes[0], rows):
                count = min(rows, header.axes[0] - start)
                columns = _columns(_numbers(images, header.kind, count * header.row, path), count, header, reading)
                if beside is not None and labels is not None:
                    columns[LABEL] = pl.Series(_numbers(beside, np.dtype("u1"), count, labels))
                yield pl.DataFrame(columns)
        finally:
            if beside is not None:
                beside.close()
        if images.read(1):
            raise DataError("the file goes on after its last row.", where=path, remedy="Download it again.")


def _columns(values: np.ndarray, count: int, header: _Header, reading: Mapping[str, Any]) -> dict[str, pl.Series]:
    if header.holds_pictures(reading):
        return {IMAGE: pictures(values.reshape(count, *header.axes[1:]), "")}
    table = values.reshape(count, header.row)
    return {name: pl.Series(np.ascontiguousarray(table[:, i])) for i, name in enumerate(_names(header.axes))}


def _check_reading(reading: Mapping[str, Any], path: str) -> None:
    for key in reading:
        if key != "pixels":
            raise not_found("key of reading", key, ("pixels",), where=path)
    if reading.get("pixels", "columns") not in ("columns", "pictures"):
        raise DataError(
            f"expected pixels as pictures or columns, got {reading['pixels']!r}.",
            where=f"{path}, reading.pixels",
            remedy="Leave it out for pictures.",
        )


def _opened(path: str) -> BinaryIO:
    place = Path(path)
    return open_content(place, path, head_of(place, path, 16)[1])


def _header(file: BinaryIO, path: str, reading: Mapping[str, Any]) -> _Header:
    """Raises DataError where it is none, or has no rows."""
    start = file.read(4)
    count = start[3] if len(start) == 4 else 0
    lengths = file.read(4 * count)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES or not count or len(lengths) < 4 * count:
        raise DataError("the file is cut off or no IDX file.", where=path, remedy="Download it again.")
    axes = tuple(int(n) for n in np.frombuffer(lengths, dtype=">u4"))
    if 0 in axes:
        raise DataError("the file has no rows.", where=path, remedy="Give at least one image.")
    header = _Header(np.dtype(_TYPES[start[2]]), axes)
    if header.holds_pictures(reading):
        layout(axes, path)
    elif header.row > _WIDEST:
        raise DataError(f"a row of {' × '.join(map(str, axes[1:]))} numbers is too wide for a table.", where=path)
    return header


def _numbers(file: BinaryIO, kind: np.dtype, count: int, path: str) -> np.ndarray:
    """(count,) of the machine's own byte order, read in pieces: a header that lies takes no memory."""
    wanted, pieces = count * kind.itemsize, []
    while wanted and (piece := file.read(min(wanted, 1 << 24))):
        pieces.append(piece)
        wanted -= len(piece)
    if wanted:
        raise DataError("the file ends before its last row.", where=path, remedy="Download it again.")
    return np.frombuffer(b"".join(pieces), dtype=kind).astype(kind.newbyteorder("="))


def _names(axes: tuple[int, ...]) -> list[str]:
    if len(axes) == 1:
        return [LABEL]
    if len(axes) == 2:
        return [f"value_{i}" for i in range(axes[1])]
    return ["pixel_" + "_".join(map(str, place)) for place in product(*map(range, axes[1:]))]


def _rows(path: str, reading: Mapping[str, Any]) -> str:
    """ "pictures of 28 × 28 pixels, grey", "rows of 4 numbers", "rows of one number"."""
    with _opened(path) as file:
        header = _header(file, path, reading)
    if header.holds_pictures(reading):
        height, width, channels, _ = layout(header.axes, path)
        return f"pictures of {height} × {width} pixels, {named(channels)}"
    axes = header.axes[1:]
    return f"rows of {' × '.join(map(str, axes))} numbers" if axes else "rows of one number"


def labels_beside(path: str) -> str | None:
    """The file of labels that belongs to a file of images; None where there is none."""
    place = Path(path)
    plain = place.name.removesuffix(".gz").removesuffix(".zst")
    name = plain.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    if name == plain:
        return None
    found = [place.with_name(name + ending) for ending in _ENDINGS]
    return next((str(file) for file in found if file.is_file()), None)


def _check_labels(labels: _Header, images: _Header, path: str) -> None:
    if labels.kind != np.dtype("u1") or labels.axes != images.axes[:1]:
        raise DataError(
            f"expected {images.axes[0]:,} labels of one byte, got {' × '.join(map(str, labels.axes))} numbers.",
            where=path,
            remedy="Take images and labels from the same place, or move the labels away.",
        )
