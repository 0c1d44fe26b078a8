"""Folders of IDX files as MNIST comes: training and test pictures together, with a column that keeps them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from deepwright.core.errors import DataError
from deepwright.core.source import Source
from deepwright.core.table import PARTS, Origin, Table
from deepwright.sources._content import fingerprint
from deepwright.sources._picture_arrays import LABEL, PART, part_of
from deepwright.sources.idx import Idx, labels_beside

_IMAGES = re.compile(r"(.*)images[-._]idx3-ubyte(\.gz|\.zst)?")


class IdxFolder(Source):
    """The rows of train-images-idx3-ubyte, then those of t10k-images-idx3-ubyte, each with .gz or .zst or without.

    Columns as of each file, and `part` ("train", "valid" or "test", by the file's name), which the split follows unless
    the recipe says otherwise; a folder with one file of pictures has no such column. Where a file is there both packed
    and unpacked, the unpacked one is read. The files may also lie in the folder's only subfolder that has any.
    """

    name: ClassVar[str] = "idx_folder"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def read(self, path: str, reading: Mapping[str, Any]) -> Table:
        files = _files(path)
        tables = {part: Idx().read(str(file), reading) for part, file in files.items()}
        _check_alike({part: table.frame for part, table in tables.items()}, files)
        frames = [_marked(table.frame, part, len(files)) for part, table in tables.items()]
        labels = [Path(beside) for file in files.values() if (beside := labels_beside(str(file)))]
        notes = [f"{files[part].name}: {note}" for part, table in tables.items() for note in table.origin.notes]
        frame = pl.concat(frames)
        return Table(
            frame=frame,
            origin=Origin(
                source=path,
                format=self.name,
                reading=dict(reading),
                fingerprint="+".join(fingerprint(file) for file in [*files.values(), *labels]),
                notes=tuple(notes),
                part=PART if len(files) > 1 else None,
                target=LABEL if LABEL in frame.columns else None,
            ),
        )

    def stream(self, path: str, reading: Mapping[str, Any], rows: int) -> Iterator[pl.DataFrame]:
        files = _files(path)
        for part, file in files.items():
            for frame in Idx().stream(str(file), reading, rows):
                yield _marked(frame, part, len(files))


def holds_idx(folder: Path) -> bool:
    """Whether a folder, or one of the folders in it, has files of pictures as MNIST calls them."""
    return _home(folder) is not None


def _home(folder: Path) -> Path | None:
    try:
        inner = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
        found = [place for place in (folder, *inner) if _named(place)]
    except OSError:
        return None
    return found[0] if found and (found[0] == folder or len(found) == 1) else None


def _named(folder: Path) -> list[Path]:
    """Files of pictures; a packed one only where its unpacked twin is missing."""
    files = sorted(file for file in folder.iterdir() if _IMAGES.fullmatch(file.name) and file.is_file())
    plain = {file.name for file in files if not file.name.endswith((".gz", ".zst"))}
    seen: set[str] = set()
    kept = []
    for file in files:
        stem = file.name.removesuffix(".gz").removesuffix(".zst")
        if file.name in plain or (stem not in plain and stem not in seen):
            kept.append(file)
        seen.add(stem)
    return kept


def _files(path: str) -> dict[str, Path]:
    """Part → its file of pictures, in the order of parts."""
    home = _home(Path(path))
    named = _named(home) if home else []
    found: dict[str, Path] = {}
    for file in named:
        match = _IMAGES.fullmatch(file.name)
        part, _ = part_of(match[1] if match else "")
        if part in found:
            raise DataError(
                f"expected one file of pictures for each part, got {found[part].name} and {file.name}.",
                where=path,
                remedy="Name one of the files, or keep each set in a folder of its own.",
            )
        found[part] = file
    if len(found) > 1 and "" in found:
        raise DataError(
            f"the name of {found[''].name} does not say whether its rows are for training or for testing.",
            where=path,
            remedy="Call the files train-images-idx3-ubyte and t10k-images-idx3-ubyte, or name one of them.",
        )
    return {part: found[part] for part in (*PARTS, "") if part in found}


def _marked(frame: pl.DataFrame, part: str, files: int) -> pl.DataFrame:
    return frame.with_columns(pl.lit(part).alias(PART)) if files > 1 else frame


def _check_alike(frames: Mapping[str, pl.DataFrame], files: Mapping[str, Path]) -> None:
    first, *others = frames
    for other in others:
        if frames[other].schema != frames[first].schema:
            raise DataError(
                f"expected the columns of {files[first].name} ({', '.join(frames[first].columns[:5])}), "
                f"{files[other].name} has {', '.join(frames[other].columns[:5])}.",
                where=str(files[other]),
                remedy="Put the labels of both beside them, or of neither; all pictures must be read alike.",
            )
