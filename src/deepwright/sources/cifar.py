"""CIFAR-10 in its binary form: a folder or a tar of data_batch_1.bin … and test_batch.bin.

The format (Krizhevsky: "Learning multiple layers of features from tiny images", 2009): a row is a byte for the class
and 3,072 for the pixels of 32 × 32, first all of red, then green, then blue; batches.meta.txt names the classes.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.sources._content import fingerprint, head_of, open_content
from deepwright.sources._picture_arrays import IMAGE, LABEL, PART, pictures

_BATCH = re.compile(r"(data|test)_batch(_\d{1,3})?\.bin")
_META = "batches.meta.txt"
_PIXELS = 3 * 32 * 32
_ROW = 1 + _PIXELS
_LARGEST = 1 << 30
"""Bytes of a batch at most; a published one has 30,730,000."""
_PEEKED = 20
"""Members of a tar whose names say whether it is one of these."""


class Cifar(Source):
    """Columns `image`, `label` (the class's name where batches.meta.txt is there, else its number) and `part`.

    The training batches come first, in the order of their numbers, then the test batch; the split follows `part`
    unless the recipe says otherwise. A tar is read as it is, never unpacked to disk; members that are no plain files,
    or whose names lead out of it, are left out and named in the notes. One batch by itself is read too.
    """

    name: ClassVar[str] = "cifar"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        found = _found(path, reading)
        frame = pl.concat(list(found.frames()))
        parts = frame[PART].n_unique() > 1
        notes = [
            f"Read as CIFAR-10 batches: {frame.height:,} pictures of 32 × 32 pixels, in colour, from "
            f"{len(found.batches)} {'file' if len(found.batches) == 1 else 'files'}."
        ]
        if not found.classes:
            notes.append(f"There is no {_META}: labels are numbers.")
        if found.left_out:
            notes.append(f"Left out of the tar: {', '.join(found.left_out[:3])}{' …' * (len(found.left_out) > 3)}.")
        mark = "+".join(fingerprint(file) for file in found.files)
        origin = Origin(
            source=path,
            format=self.name,
            fingerprint=mark,
            notes=tuple(notes),
            part=PART if parts else None,
            target=LABEL,
        )
        return Table(frame=frame, origin=origin)

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        for frame in _found(path, reading).frames():
            yield from frame.iter_slices(rows)


@dataclass
class _Found:
    """Batches in order, what their classes are called, and what else there was."""

    where: str
    batches: list[tuple[str, np.ndarray]] = field(default_factory=list)
    """(name, (N, 3073) uint8)."""
    classes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def take(self, name: str, file: IO[bytes], size: int) -> None:
        """A batch, or the names of the classes; anything else is passed over."""
        if name == _META:
            lines = file.read(1 << 16).decode("utf-8", "replace").splitlines()
            self.classes = [line.strip() for line in lines if line.strip()]
        elif _BATCH.fullmatch(name):
            if any(name == other for other, _ in self.batches):
                raise DataError(f"the batch {name} is there twice.", where=self.where, remedy="Keep one of them.")
            self.batches.append((name, _rows(name, file, size, self.where)))

    def frames(self) -> Iterator[pl.DataFrame]:
        """One frame a batch."""
        for name, rows in sorted(self.batches, key=_order):
            labels = rows[:, 0]  # (N,)
            image = pictures(rows[:, 1:].reshape(-1, 3, 32, 32), self.where)
            part = "test" if name.startswith("test") else "train"
            label = pl.Series(LABEL, [self.classes[i] for i in labels]) if self.classes else pl.Series(LABEL, labels)
            yield pl.DataFrame({IMAGE: image, LABEL: label, PART: pl.Series([part] * len(rows))})

    def check(self) -> _Found:
        """Raises DataError without a batch, and for a class without a name."""
        if not self.batches:
            raise DataError(
                "there is no batch in it.", where=self.where, remedy="Expected data_batch_1.bin and its kin."
            )
        for name, rows in self.batches:
            largest = int(rows[:, 0].max())
            if largest >= (len(self.classes) or 10):
                raise DataError(
                    f"expected classes from 0 to {(len(self.classes) or 10) - 1}, {name} has class {largest}.",
                    where=self.where,
                    remedy="Is this the binary form of CIFAR-10, and not of CIFAR-100? Download it again.",
                )
        return self


def _order(batch: tuple[str, np.ndarray]) -> tuple[bool, int]:
    match = _BATCH.fullmatch(batch[0])
    return batch[0].startswith("test"), int(((match and match[2]) or "_0")[1:])


def _rows(name: str, file: IO[bytes], size: int, where: str) -> np.ndarray:
    """(N, 3073) uint8."""
    if size > _LARGEST:
        raise DataError(f"expected a batch of at most {_LARGEST:,} bytes, {name} has {size:,}.", where=where)
    content = file.read(size + 1)
    if not content or len(content) % _ROW or len(content) != size:
        raise DataError(
            f"expected rows of {_ROW:,} bytes, {name} has {len(content):,} bytes: {len(content) / _ROW:,.2f} rows.",
            where=where,
            remedy="Download it again, in the binary form.",
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, _ROW)


def _found(path: str, reading: Mapping[str, Any]) -> _Found:
    if reading:
        raise DataError("CIFAR-10 is read in one way only.", where=f"{path}, reading", remedy="Leave it out.")
    place, found = Path(path), _Found(path)
    if place.is_file() and not _BATCH.fullmatch(place.name):
        _take_tar(place, found)
        return found.check()
    home = _home(place) if place.is_dir() else place.parent
    names = sorted(file for file in (home or place).iterdir() if _BATCH.fullmatch(file.name) or file.name == _META)
    for file in names:
        if file.is_file() and (place.is_dir() or file.name in (place.name, _META)):
            found.files.append(file)
            try:
                with file.open("rb") as content:
                    found.take(file.name, content, file.stat().st_size)
            except OSError as error:
                raise DataError(f"the file cannot be read ({error.strerror or error}).", where=str(file)) from error
    return found.check()


def _take_tar(place: Path, found: _Found) -> None:
    found.files.append(place)
    with _tar(place) as archive:
        for member in archive:
            parts = member.name.split("/")
            wanted = _BATCH.fullmatch(parts[-1]) or parts[-1] == _META
            if member.isdir() or (member.isfile() and not wanted):
                continue
            if not member.isfile() or ".." in parts or parts[0] == "":
                found.left_out.append(repr(member.name)[1:-1][:80])
                continue
            file = archive.extractfile(member)
            if file is not None:
                found.take(parts[-1], file, member.size)


@contextmanager
def _tar(place: Path) -> Iterator[tarfile.TarFile]:
    """Read from front to back, so that nothing is unpacked but what is asked for; damage is one DataError."""
    try:
        with (
            open_content(place, str(place), head_of(place, str(place), 16)[1]) as content,
            tarfile.open(fileobj=content, mode="r|") as archive,
        ):
            yield archive
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise DataError(
            f"the tar is cut off or damaged ({str(error).rstrip('.')}).", where=str(place), remedy="Download it again."
        ) from error


def is_batch(name: str) -> bool:
    """Whether a file is called like a batch of CIFAR-10."""
    return _BATCH.fullmatch(name) is not None


def holds_batches(place: Path) -> bool:
    """Whether a folder, the one folder in it, or the first members of a tar are batches of CIFAR-10."""
    if place.is_dir():
        return _home(place) is not None
    try:
        with _tar(place) as archive:
            names = (member.name.rsplit("/", 1)[-1] for _, member in zip(range(_PEEKED), archive, strict=False))
            return any(_BATCH.fullmatch(name) for name in names)
    except DataError:
        return False


def _home(folder: Path) -> Path | None:
    try:
        inner = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
        places = [place for place in (folder, *inner) if any(_BATCH.fullmatch(file.name) for file in place.iterdir())]
    except OSError:
        return None
    return places[0] if places and (places[0] == folder or len(places) == 1) else None
