"""Class folders: the pictures below a folder, or in a zip, found without following links or unpacking anything."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from deepwright.core.errors import DataError
from deepwright.kinds._picture_files import IN_ZIP, LARGEST
from deepwright.kinds._pictures import SUFFIXES, format_of

_HEAD = 4_096
"""Bytes of a file that say what it is, and go into the fingerprint."""
_DEEPEST = 32
_MOST = 10_000_000
"""Files that are looked through at most."""
_CLUTTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What file managers leave behind; as names that begin with a dot, no file of the user's."""
_SHOWN = 3


@dataclass
class Found:
    """Pictures in natural order, as (parts of the path below the root, value for the column); what else there was."""

    pictures: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Why → names of the files that are not read."""
    marks: list[str] = field(default_factory=list)
    """Of each picture what goes into the fingerprint."""

    def leave(self, why: str, name: str) -> None:
        self.left_out.setdefault(why, []).append(name)

    def add(self, parts: tuple[str, ...], value: str, head: bytes, mark: str) -> None:
        """A file: taken where its content is a picture's, else left out by name."""
        name = "/".join(parts)
        if format_of(head) is not None:
            self.pictures.append((parts, value))
            self.marks.append(f"{name}\0{mark}")
        elif name.lower().endswith(SUFFIXES):
            self.leave("named like a picture, but empty" if not head else "named like a picture, but none", name)
        else:
            self.leave("no picture", name)

    @property
    def fingerprint(self) -> str:
        return "pictures:" + hashlib.sha256("\n".join(sorted(self.marks)).encode()).hexdigest()

    def notes(self) -> list[str]:
        """ "Left out: 2 files (no picture): readme.txt, sizes.csv." """
        said = []
        for why, names in sorted(self.left_out.items()):
            names = sorted(names, key=natural)
            shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
            said.append(f"Left out: {len(names):,} {'file' if len(names) == 1 else 'files'} ({why}): {shown}.")
        return said


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A key to sort by as people do: a2 before a10, case ignored unless all else is equal."""
    pieces = re.split(r"([0-9]+)", name.casefold())
    # A number compares by its length, then digit by digit: names in a zip may have more digits than int() takes.
    return [(0, len(n := p.lstrip("0")), n) if p[0] in "0123456789" else (1, 0, p) for p in pieces if p], name


def in_folder(root: Path) -> Found:
    """The pictures below a folder; raises DataError where it cannot be read or is endless."""
    found = Found()
    home = root.absolute()
    for count, (path, parts, why) in enumerate(_files(home, ())):
        name = "/".join(parts)
        if count >= _MOST:
            raise _endless(str(root))
        if not why and not _is_text(name):
            found.leave("a name that is not UTF-8", name.encode("utf-8", "replace").decode())
        elif why:
            found.leave(why, name.encode("utf-8", "replace").decode())
        else:
            _take(found, path, parts)
    found.pictures.sort(key=lambda picture: [natural(part) for part in picture[0]])
    return found


def _take(found: Found, path: Path, parts: tuple[str, ...]) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        found.leave(f"cannot be read, {error.strerror or error}", "/".join(parts))
        return
    if size > LARGEST:
        found.leave(f"above {LARGEST >> 20} MiB", "/".join(parts))
        return
    found.add(parts, str(path), head, f"{size}\0{hashlib.sha256(head).hexdigest()}")


def _files(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...], str]]:
    """(path, its parts below the root, why it is not read or "") of all files; links are never followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if not above:
            raise DataError(
                f"the folder cannot be read ({error.strerror or error}).",
                where=str(folder),
                remedy="Check its permissions.",
            ) from error
        yield folder, above, f"a folder that cannot be read, {error.strerror or error}"
        return
    for entry in entries:
        parts = (*above, entry.name)
        path = folder / entry.name
        if _is_clutter(entry.name):
            continue
        if entry.is_symlink():
            yield path, parts, "a link, which is not followed"
        elif entry.is_dir(follow_symlinks=False):
            if len(parts) > _DEEPEST:
                yield path, parts, f"a folder more than {_DEEPEST} levels down"
            else:
                yield from _files(path, parts)
        else:
            plain = entry.is_file(follow_symlinks=False)
            yield path, parts, "" if plain else "a device, pipe or socket"


def in_zip(path: Path) -> Found:
    """The pictures in a zip, which stays packed; raises DataError where it is damaged."""
    found = Found()
    seen: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MOST:
                raise _endless(str(path))
            for info in archive.infolist():
                if not info.is_dir() and not any(_is_clutter(part) for part in info.filename.split("/")):
                    why = "a name that is there twice" if info.filename in seen else _refused(info)
                    seen.add(info.filename)
                    _member(found, archive, info, why, str(path.absolute()))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"the zip is cut off or damaged ({str(error).rstrip('.')}).", where=str(path), remedy="Download it again."
        ) from error
    found.pictures.sort(key=lambda picture: [natural(part) for part in picture[0]])
    return found


def _member(found: Found, archive: zipfile.ZipFile, info: zipfile.ZipInfo, why: str, home: str) -> None:
    name = info.filename
    if why:
        found.leave(why, name.encode("utf-8", "replace").decode())
        return
    try:
        with archive.open(info) as file:
            head = file.read(_HEAD)
    except Exception as error:  # a damaged member raises what its packing raises: zlib, lzma, EOF …
        found.leave(f"cannot be unpacked, {type(error).__name__}", name)
        return
    found.add(tuple(name.split("/")), f"{home}{IN_ZIP}{name}", head, f"{info.file_size}\0{info.CRC}")


def _refused(info: zipfile.ZipInfo) -> str:
    """Why a member is not read, or "": no file is ever written, but a name that climbs is no name of a class."""
    parts = info.filename.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts) or re.match(
        r"[A-Za-z]:", parts[0]
    ):
        return "a name that leads out of the zip"
    if len(parts) > _DEEPEST:
        return f"more than {_DEEPEST} levels down"
    if not _is_text(info.filename):
        return "a name that is not UTF-8"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, which is not followed"
    if info.flag_bits & 1:
        return "encrypted"
    return f"above {LARGEST >> 20} MiB" if info.file_size > LARGEST else ""


def holds_pictures(path: Path) -> bool:
    """Whether a folder or zip has a file that is named like a picture; looks at names only, at 100,000 at most."""
    names = _names_below(path) if path.is_dir() else _names_within(path)
    return any(name.lower().endswith(SUFFIXES) for name in islice(names, 100_000))


def _names_below(folder: Path) -> Iterator[str]:
    return (parts[-1] for _, parts, _ in _files(folder, ()))


def _names_within(packed: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(packed) as archive:
            return (name for name in archive.namelist() if not any(map(_is_clutter, name.split("/"))))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return iter(())


def class_name(folder: str) -> str:
    """The folder's name as a label; composed Unicode, so that one name written in two ways is one class."""
    return unicodedata.normalize("NFC", folder)


def _is_clutter(name: str) -> bool:
    return (name.startswith(".") and name not in (".", "..")) or name in _CLUTTER


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _endless(where: str) -> DataError:
    return DataError(f"there are more than {_MOST:,} files.", where=where, remedy="Name the folder of the pictures.")
