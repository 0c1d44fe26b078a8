"""NPZ files of NumPy: arrays of pictures with their labels, read without pickle and within limits."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.source import Source
from deepwright.core.table import PARTS, Origin, Table
from deepwright.sources._content import fingerprint
from deepwright.sources._picture_arrays import LABEL, PART, layout, named, part_of, pictures

_MEMBERS = 1_000
_LARGEST = 16 << 30
"""Bytes of an array at most."""
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 200
_PIECE = 1 << 24
_HEADER = 10_000
"""Bytes of a header of an array at most."""


class Npz(Source):
    """A row a picture: column `image`, `label`, and `part` where names of arrays say it (x_train, test_images …).

    Pictures are arrays of uint8, N × H × W, N × H × W × C or N × C × H × W with 1 or 3 channels, one for each part;
    an array of one axis (or N × 1) as long is the column `label`, of several each a column by its name. Arrays of
    objects are refused, for they are pickles, which can run code. Sizes are checked before memory is taken.
    """

    name: ClassVar[str] = "npz"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        if reading:
            raise DataError("NPZ files are read in one way only.", where=f"{path}, reading", remedy="Leave it out.")
        with _archive(path) as archive:
            groups = _groups(_arrays(archive, path), path)
            frame = pl.concat([_frame(archive, part, group, path) for part, group in groups.items()])
        notes = [f"Read as NPZ: {', '.join(_said(group) for group in groups.values())}."]
        several = len(groups) > 1
        frame = frame if several else frame.drop(PART)
        return Table(
            frame=frame,
            origin=Origin(
                source=path,
                format=self.name,
                fingerprint=fingerprint(Path(path)),
                notes=tuple(notes),
                part=PART if several else None,
                target=LABEL if LABEL in frame.columns else None,
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        yield from self.read(path, reading).frame.iter_slices(rows)


@dataclass(frozen=True)
class _Array:
    """What an array in the file says of itself."""

    member: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    start: int
    """Bytes of the header."""

    @property
    def name(self) -> str:
        return self.member.removesuffix(".npy")

    @property
    def is_pictures(self) -> bool:
        return self.dtype == np.uint8 and len(self.shape) in (3, 4)

    @property
    def is_column(self) -> bool:
        return len(self.shape) == 1 or (len(self.shape) == 2 and self.shape[1] == 1)


@dataclass(frozen=True)
class _Group:
    """Pictures and what is said of each."""

    images: _Array
    columns: dict[str, _Array]


def holds_arrays(path: Path) -> bool:
    """Whether a zip holds arrays of NumPy."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist()[:_MEMBERS])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


@contextmanager
def _archive(path: str) -> Iterator[zipfile.ZipFile]:
    """Damage of any sort is one DataError naming the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except Exception as error:  # a damaged member raises what its packing raises: zlib, lzma, EOF …
        lines = str(error).splitlines()
        reason = lines[0].rstrip(".")[:200] if lines else type(error).__name__
        raise DataError(
            f"the file is cut off or damaged ({reason}).", where=path, remedy="Download it again."
        ) from error


def _arrays(archive: zipfile.ZipFile, path: str) -> list[_Array]:
    members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if not members or len(members) > _MEMBERS:
        raise DataError(f"expected 1 to {_MEMBERS:,} arrays, got {len(members):,}.", where=path)
    return [_described(archive, info, path) for info in members]


def _described(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> _Array:
    """The header of an array; raises DataError where it holds objects, or says what cannot be."""
    where = f"{path}, {info.filename}"
    if info.file_size > _LARGEST or (
        info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(1, info.compress_size)
    ):
        raise DataError(
            f"{info.compress_size:,} bytes unfold to {info.file_size:,}.",
            where=where,
            remedy="If you trust it, save the array without compression, in smaller files.",
        )
    with archive.open(info) as file:
        head = io.BytesIO(file.read(_HEADER + 12))
    try:
        version = np.lib.format.read_magic(head)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(head, max_header_size=_HEADER)
    except Exception as error:  # it is parsed as Python's literals are, and ends in whatever that ends in
        raise DataError("its header is damaged.", where=where, remedy="Save it again.") from error
    if dtype.hasobject:
        raise DataError(
            "it is an array of objects, a pickle, which can run code when it is opened.",
            where=where,
            remedy="Save plain numbers or texts: numpy.savez(file, image=pixels, label=numpy.array(labels, str)).",
        )
    if any(length < 0 for length in shape) or head.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
        raise DataError(
            f"it says that it holds {' × '.join(map(str, shape))} values of {dtype.itemsize} bytes, "
            f"but it has {info.file_size - head.tell():,} bytes.",
            where=where,
            remedy="Save it again.",
        )
    return _Array(info.filename, tuple(shape), dtype, bool(fortran), head.tell())


def _groups(arrays: list[_Array], path: str) -> dict[str, _Group]:
    """Part → pictures and columns, in the order of parts."""
    found: dict[str, _Group] = {}
    parts = [part for part in (*PARTS, "") if any(part_of(a.name)[0] == part and a.is_pictures for a in arrays)]
    if not parts:
        listed = ", ".join(f"{a.name} ({a.dtype}, {' × '.join(map(str, a.shape))})" for a in arrays[:6])
        raise DataError(
            f"expected an array of pictures (uint8, N × H × W or N × H × W × C), got {listed}.",
            where=path,
            remedy="Save pixels as uint8 from 0 to 255; give arrays of columns as a dict in Python.",
        )
    for part in parts:
        here = [array for array in arrays if part_of(array.name)[0] == part]
        images = [array for array in here if array.is_pictures]
        if len(images) > 1:
            raise DataError(
                f"expected one array of pictures for each part, got {' and '.join(array.name for array in images)}.",
                where=path,
                remedy="Save one of them, or call them x_train and x_test.",
            )
        columns = [array for array in here if array.is_column and array.shape[0] == images[0].shape[0]]
        others = [array for array in here if array.is_column and array.shape[0] != images[0].shape[0]]
        if others:
            raise DataError(
                f"expected {images[0].shape[0]:,} labels for {images[0].name}, {others[0].name} has "
                f"{others[0].shape[0]:,}.",
                where=path,
                remedy="Save as many labels as pictures.",
            )
        single = len(columns) == 1
        found[part] = _Group(images[0], {LABEL if single else part_of(a.name)[1] or a.name: a for a in columns})
    if len({tuple(group.columns) for group in found.values()}) > 1:
        raise DataError(
            "the parts do not have the same columns: "
            + "; ".join(f"{part}: {', '.join(group.columns) or 'none'}" for part, group in found.items())
            + ".",
            where=path,
            remedy="Save labels for every part.",
        )
    return found


def _frame(archive: zipfile.ZipFile, part: str, group: _Group, path: str) -> pl.DataFrame:
    where = f"{path}, {group.images.member}"
    layout(group.images.shape, where)  # before memory is taken
    if not group.images.shape[0]:
        raise DataError("it has no rows.", where=where, remedy="Give at least one picture.")
    columns = [pictures(_values(archive, group.images, path), where)]
    for name, array in group.columns.items():
        columns.append(_column(name, _values(archive, array, path).reshape(-1), f"{path}, {array.member}"))
    return pl.DataFrame([*columns, pl.Series(PART, [part] * len(columns[0]))])


def _column(name: str, values: np.ndarray, where: str) -> pl.Series:
    if values.dtype.kind == "S":
        return pl.Series(name, [value.decode("utf-8", "replace") for value in values.tolist()], dtype=pl.String)
    if values.dtype.kind == "U":
        return pl.Series(name, values.tolist(), dtype=pl.String)
    if values.dtype.kind not in "biuf":
        raise DataError(f"expected numbers or texts, got {values.dtype}.", where=where, remedy="Save plain labels.")
    return pl.Series(name, values.astype(values.dtype.newbyteorder("=")))


def _values(archive: zipfile.ZipFile, array: _Array, path: str) -> np.ndarray:
    """The array, read in pieces; what the zip says of its size was checked against the header before."""
    wanted, pieces = math.prod(array.shape) * array.dtype.itemsize, []
    with archive.open(array.member) as file:
        _skip(file, array.start)
        while wanted and (piece := file.read(min(wanted, _PIECE))):
            pieces.append(piece)
            wanted -= len(piece)
        rest = file.read(1)  # reaches the checksum
    if wanted or rest:
        raise DataError("it does not hold what it says.", where=f"{path}, {array.member}", remedy="Save it again.")
    flat = np.frombuffer(b"".join(pieces), dtype=array.dtype)
    return flat.reshape(array.shape, order="F" if array.fortran else "C")


def _skip(file: IO[bytes], count: int) -> None:
    while count and (piece := file.read(count)):
        count -= len(piece)


def _said(group: _Group) -> str:
    rows, (height, width, channels, _) = group.images.shape[0], layout(group.images.shape, group.images.member)
    beside = f" with {', '.join(array.name for array in group.columns.values())}" if group.columns else ""
    return f"{rows:,} pictures of {height} × {width} pixels, {named(channels)}, from {group.images.name}{beside}"
