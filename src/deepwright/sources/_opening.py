"""Opening: from what the user gave to a checked path, the source that reads it, and how."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepwright.core.errors import DataError, NotFoundError
from deepwright.core.find import find, names
from deepwright.core.source import Source
from deepwright.sources._bundled import bundled, bundled_path
from deepwright.sources._class_folders import holds_pictures
from deepwright.sources._content import format_of, head_of, is_tar, refuse_other
from deepwright.sources._dialect import is_table
from deepwright.sources._download import Progress, quiet
from deepwright.sources._published import published, published_path
from deepwright.sources.cifar import holds_batches, is_batch
from deepwright.sources.environment import names_environment
from deepwright.sources.idx_folder import holds_idx
from deepwright.sources.npz import holds_arrays

_BINARY = ("parquet", "arrow", "sqlite", "excel", "npz")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is read, by whom, and how."""

    path: str
    source: Source
    reading: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    """On how it came here."""

    @property
    def holds_rows(self) -> bool:
        """Whether it is a table in a file, and not a folder or an environment."""
        return Path(self.path).is_file() and self.source.name != "image_folder"


def locate(source: Any, query: str | None, reading: Mapping[str, Any] | None, progress: Progress = quiet) -> Place:
    """Check the path and choose the source: the first bytes say what a file is, its suffix only where they cannot.

    A published set that goes by name is found or downloaded first, which `progress` is told of. Raises NotFoundError
    with the nearest file name, DataError for folders without pictures, devices, pipes and foreign content.
    """
    if names_environment(source):
        return Place(path=str(source), source=find("source", "environment")(), reading=dict(reading or {}))
    if is_published(source):
        path, notes = published_path(str(source), _readable, progress)
        return replace(locate(path, query, reading), notes=tuple(notes))
    path = _checked(source)
    where = str(path)
    if path.is_dir():
        return _folder(path, query, reading)
    try:
        head, compression = head_of(path, where)
    except OSError as error:
        raise DataError(
            f"the file cannot be read ({error.strerror or error}).", where=where, remedy="Check its permissions."
        ) from error
    if not head:
        raise DataError("the file is empty.", where=where, remedy="Give a table with a header and at least one row.")
    said = dict(reading or {})
    name = _format(path, head, compression, said, where)
    if query is not None:
        if name not in ("sqlite", "excel"):
            raise DataError(f"a query needs SQLite or Excel, this is {name}.", where=where, remedy="Leave query out.")
        said["query"] = query
    return Place(path=where, source=find("source", name)(), reading=said)


def is_published(source: Any) -> bool:
    """Whether it is the name of a published set, and no file or folder here."""
    return isinstance(source, str) and source in published() and not Path(source).exists()


def _readable(folder: Path) -> bool:
    return holds_idx(folder) or holds_batches(folder) or holds_pictures(folder)


def _folder(path: Path, query: str | None, reading: Mapping[str, Any] | None) -> Place:
    """A folder that holds pictures, IDX files or batches of CIFAR-10; raises DataError for others."""
    name = "idx_folder" if holds_idx(path) else "cifar" if holds_batches(path) else "image_folder"
    if name == "image_folder" and not holds_pictures(path):
        inside = sorted(entry.name for entry in path.iterdir() if entry.is_file()) if os.access(path, os.R_OK) else []
        shown = ", ".join(inside[:5]) + (", …" if len(inside) > 5 else "")
        raise DataError(
            "expected a file or pictures, this is a folder without any.",
            where=str(path),
            remedy=f"Name a file inside it: {shown}." if inside else "Name a file.",
        )
    if query is not None:
        raise DataError("a query needs SQLite or Excel, this is a folder.", where=str(path), remedy="Leave query out.")
    return Place(path=str(path), source=find("source", name)(), reading=dict(reading or {}))


def _format(path: Path, head: bytes, compression: str, said: Mapping[str, Any], where: str) -> str:
    name = "cifar" if is_batch(path.name) or (is_tar(head) and holds_batches(path)) else format_of(head)
    if name:
        if compression and name in ("sqlite", "excel"):
            raise DataError(f"compressed {name} files are not read.", where=where, remedy="Decompress it first.")
        return name
    if head.startswith(b"PK\x03\x04") and not compression and (holds_arrays(path) or holds_pictures(path)):
        return "npz" if holds_arrays(path) else "image_folder"
    refuse_other(head, where)
    suffix = _suffix(path)
    by_suffix = {ending: name for name in names("source") for ending in find("source", name).suffixes}
    claimed = by_suffix.get(suffix, "csv")
    if claimed in _BINARY:
        raise DataError(
            f"the name ends in {suffix}, but the content is not {claimed} (it begins with {head[:8]!r}).",
            where=where,
            remedy="Write the file again, or give it the ending of what it holds.",
        )
    if claimed == "plain_text" and "passage" not in said and ("delimiter" in said or is_table(head, where)):
        return "csv"
    if claimed == "csv" and suffix not in by_suffix and head.lstrip()[:1] == b"{":
        return "json_lines"
    return claimed


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in (".gz", ".gzip", ".zst", ".zstd"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _checked(source: Any) -> Path:
    if not isinstance(source, (str, os.PathLike)):
        raise DataError(
            f"expected a path, a name, a frame or arrays, got {type(source).__name__}.",
            remedy="Give a path as text, a polars or pandas frame, a dict of arrays, or a NumPy array.",
        )
    text = os.fspath(source)
    if not text:
        raise DataError("expected a path or a name, got nothing.", remedy="Name a file, a folder or a bundled set.")
    if isinstance(text, str) and text in bundled() and not Path(text).exists():
        return bundled_path(text)
    if "://" in str(text):
        raise DataError("addresses are not fetched.", where=str(text), remedy="Download the file and give its path.")
    try:
        path = Path(text).expanduser()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise _missing(Path(text)) from None
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"the path cannot be opened ({reason}).", where=repr(text)[:200], remedy="Check the path and permissions."
        ) from error
    _check_regular(path, mode)
    return path


def _check_regular(path: Path, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(
            "expected a file, this is a device, pipe or socket.", where=str(path), remedy="Save the data to a file."
        )


def _missing(path: Path) -> NotFoundError:
    """The nearest file name of that folder, or of the bundled sets where only a name was given."""
    folder = path.expanduser().parent
    try:
        here = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return NotFoundError(
            f"there is no folder '{folder}'.",
            where=str(path),
            remedy="Check the path, and quote it where it has spaces.",
        )
    named = [*bundled(), *published()]
    choices = here + (named if path.name == str(path) else [])
    close = difflib.get_close_matches(path.name, choices, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0] if close[0] in named else folder / close[0]}'? " if close else ""
    return NotFoundError(
        "there is no such file.",
        where=str(path),
        remedy=f"{guess}Bundled sets go by name: {', '.join(bundled())}; so do {', '.join(published())}.",
    )
