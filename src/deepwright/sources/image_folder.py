"""Folders of pictures, or a zip of one: a row a picture, with the name of its folder as its class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.source import Source
from deepwright.core.table import Origin, Table
from deepwright.kinds._pictures import FORMATS
from deepwright.sources._class_folders import Found, class_name, in_folder, in_zip, natural
from deepwright.sources._picture_arrays import IMAGE, PART

CLASS = "class"
_PARTS = {"train", "training", "valid", "val", "validation", "dev", "test", "testing"}
"""Names of folders that part pictures for training and testing; no classes."""


class ImageFolder(Source):
    """Columns `image` (the whole path; in a zip "/data/photos.zip!/cats/1.png") and `class` (the folder's name).

    photos/cats/1.png is of the class cats, as photos/cats/young/2.png is. A folder around all class folders is passed
    over. So are folders called train, valid and test that class folders lie in: column `part` holds their names, and
    the split follows it unless the recipe says otherwise. Pictures in no class folder have no class; where none has,
    there is no such column. Rows stand in natural order: 2.png before 10.png.

    What a file is, its first bytes say, not its name. Left out and named in the notes: files that are no pictures,
    links, names that are not UTF-8, files above 256 MiB, members of a zip that are encrypted or would lead out of it.
    Files that begin with a dot are passed over. A zip is read as it is, never unpacked to disk. The fingerprint covers
    names, sizes and first 4 KiB of all pictures; of a zip names, sizes and checksums.
    """

    name: ClassVar[str] = "image_folder"
    suffixes: ClassVar[tuple[str, ...]] = (".zip",)

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        _check_reading(reading, path)
        found = _found(path)
        frame = _frame(found)
        origin = Origin(
            source=path,
            format=self.name,
            fingerprint=found.fingerprint,
            notes=tuple(_notes(frame, found)),
            part=PART if _trains(frame) else None,
            target=CLASS if CLASS in frame.columns else None,
        )
        return Table(frame=frame, origin=origin)

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        _check_reading(reading, path)
        yield from _frame(_found(path)).iter_slices(rows)


def _check_reading(reading: Mapping[str, Any], path: str) -> None:
    if reading:
        raise DataError(
            f"a folder of pictures is read in one way only, got {', '.join(map(repr, reading))}.",
            where=f"{path}, reading",
            remedy="Leave it out.",
        )


def _found(path: str) -> Found:
    found = in_folder(Path(path)) if Path(path).is_dir() else in_zip(Path(path))
    if not found.pictures:
        others = " ".join(found.notes())
        raise DataError(
            f"there is no picture in it ({', '.join(FORMATS)}). {others}".rstrip(),
            where=path,
            remedy="Give a folder of pictures, best one folder a class: photos/cats/1.png, photos/dogs/1.png.",
        )
    return found


def _frame(found: Found) -> pl.DataFrame:
    names = [parts for parts, _ in found.pictures]
    parted = bool(_parts(names))
    depth = _passed_over(names) + parted
    classes = [class_name(parts[depth]) if len(parts) > depth + 1 else None for parts, _ in found.pictures]
    columns = {IMAGE: pl.Series([value for _, value in found.pictures], dtype=pl.String)}
    if any(name is not None for name in classes):
        columns[CLASS] = pl.Series(classes, dtype=pl.String)
    if parted:
        columns[PART] = pl.Series([parts[depth - 1] for parts in names], dtype=pl.String)
    return pl.DataFrame(columns)


def _trains(frame: pl.DataFrame) -> bool:
    """Whether there is a part to train with beside another one."""
    return PART in frame.columns and bool(frame[PART].str.to_lowercase().str.starts_with("train").any())


def _passed_over(names: list[tuple[str, ...]]) -> int:
    """How many folders stand around all class folders."""
    depth = 0
    while all(len(parts) > depth + 2 for parts in names) and len({parts[depth] for parts in names}) == 1:
        depth += 1
    return depth


def _parts(names: list[tuple[str, ...]]) -> list[str]:
    """Folders called train, valid, test … where these stand in place of classes, with class folders inside."""
    depth = _passed_over(names)
    folders = {parts[depth] for parts in names}
    deeper = any(len(parts) > depth + 2 for parts in names)  # of a test part the classes may be unknown
    return sorted(folders) if deeper and {folder.casefold() for folder in folders} <= _PARTS else []


def _notes(frame: pl.DataFrame, found: Found) -> list[str]:
    notes = [f"Read as pictures: {frame.height:,} files, without classes."]
    if CLASS in frame.columns:
        classes = frame[CLASS].drop_nulls()
        notes = [f"Read as pictures: {frame.height:,} files in {classes.n_unique():,} class folders."]
        without = frame.height - len(classes)
        if without:
            notes.append(f"{without:,} of the pictures lie in no class folder: their class is missing.")
        sizes = classes.value_counts(sort=True)
        lonely = sorted(sizes.filter(pl.col("count") == 1)[CLASS], key=natural)
        if lonely:
            more = f" and {len(lonely) - 3:,} more" if len(lonely) > 3 else ""
            notes.append(f"Class folders with a single picture: {', '.join(lonely[:3])}{more}.")
    parts = _parts([parts for parts, _ in found.pictures])
    if parts:
        notes.append(
            f"Folders say the part: {', '.join(parts)} (column {PART}); the split follows them unless told otherwise "
            "(data.split.by=stratified)."
        )
    return notes + found.notes()
