"""Whole paths: names of pictures in a table are meant from the table's own folder, whatever format it has."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from deepwright.kinds._picture_files import IN_ZIP
from deepwright.kinds._pictures import SUFFIXES
from deepwright.kinds._shared import count, is_blank

_PROBED = 200
"""Values that say whether a column names pictures."""
_SHARE = 0.5
"""Of them, as many must end like the name of a picture, as the kind `image` asks too."""
_SHOWN = 3


def picture_columns(frame: pl.DataFrame) -> list[str]:
    """Names of the text columns whose values end like names of pictures."""
    return [name for name, kind in frame.schema.items() if kind == pl.String and _names_pictures(frame[name])]


def with_whole_paths(frame: pl.DataFrame, path: str, columns: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """The frame with the values of `columns` as whole paths, and a note for each column that says what is not there.

    path: the file that the table was read from. A relative value is looked for in its folder first, then where the
    command runs; one that is in neither becomes a path in the file's folder. Where nothing is found at all the column
    stays as it is. Absolute paths and addresses stay.
    """
    finder = _Finder(Path(path).absolute().parent)
    notes, changed = [], []
    for name in columns:
        column = frame[name]
        known = column.filter(~is_blank(column)).unique(maintain_order=True).to_list()
        found = {value: finder.find(value) for value in known}
        lost = [value for value in known if found[value] is None]
        notes.append(_note(name, len(known), lost, finder.folder))
        if len(lost) < len(known):
            whole = {value: finder.whole(value) if place is None else place for value, place in found.items()}
            changed.append(column.replace(whole))
    return frame.with_columns(changed), notes


def _names_pictures(column: pl.Series) -> bool:
    known = column.filter(~is_blank(column))
    if not len(known):
        return False
    probe = known.gather_every(max(1, len(known) // _PROBED)).head(_PROBED)
    endings = "|".join(suffix.removeprefix(".") for suffix in SUFFIXES)
    ends = probe.str.strip_chars().str.to_lowercase().str.contains(rf"\.(?:{endings})$")
    return float(ends.mean() or 0.0) >= _SHARE  # type: ignore[arg-type]


def _note(name: str, known: int, lost: list[str], folder: Path) -> str:
    pictures = count(known, "picture")
    if not lost:
        return f"Column '{name}' names {pictures}, found from {folder}."
    shown = ", ".join(lost[:_SHOWN]) + (f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else "")
    if len(lost) == known:
        return (
            f"Column '{name}' names {pictures}, of which none is there (looked in {folder} and {Path.cwd()}): {shown}."
        )
    return f"Column '{name}' names {pictures}, {len(lost):,} of which are not there (looked in {folder}): {shown}."


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or no name
        return False


class _Finder:
    """Finds what values name; reads each folder once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, dict[str, str]] = {}

    def whole(self, value: str) -> str:
        """A path in the file's folder; absolute paths and addresses stay."""
        return value if "://" in value else str(self.folder / value)

    def find(self, value: str) -> str | None:
        """The whole path of what a value names, None where it is nowhere."""
        if "://" in value:
            return None
        written = dict.fromkeys((value, value.strip(), value.strip().replace("\\", "/")))  # as given, then as meant
        places = (self._at(base / one) for base in (self.folder, Path.cwd()) for one in written)
        return next((str(place) for place in places if place is not None), None)

    def _at(self, path: Path) -> Path | None:
        outer, mark, member = str(path).partition(IN_ZIP)
        if mark:
            place = self._at(Path(outer))
            return None if place is None else Path(f"{place}{mark}{member}")
        inside = self._inside(path.parent)
        known = inside.get(path.name) or inside.get(unicodedata.normalize("NFC", path.name))
        if known is not None:
            return path.parent / known
        return path if inside and _is_there(path) else None  # a file system that ignores capitals finds more

    def _inside(self, folder: Path) -> dict[str, str]:
        """Name, and name in composed Unicode → name, of what a folder holds; nothing where it cannot be read."""
        if folder not in self._seen:
            try:
                names = os.listdir(folder)  # noqa: PTH208 — names only, no Path objects
            except (OSError, ValueError):
                names = []
            self._seen[folder] = {unicodedata.normalize("NFC", name): name for name in names} | {n: n for n in names}
        return self._seen[folder]
