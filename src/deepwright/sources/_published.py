"""Published: data sets that go by a name and do not ship: found in a folder of the user's, in the cache, or downloaded.

A set is one file in data/published: what `bundled` says of a set, and `files`, each with its name, its size in bytes, a
checksum (sha256, or md5 where publishers give no other) and addresses; `classes` where labels are numbers and have
names; `folders` where its unpacked folder has another name.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepwright.core.errors import DataError
from deepwright.sources._download import Progress, download

FOLDER = Path(__file__).resolve().parent.parent / "data" / "published"
VARIABLE = "DEEPWRIGHT_DATA"
"""Names a folder that holds data sets, each in a folder of its name."""
_PIECE = 1 << 20


@functools.cache
def published() -> dict[str, dict[str, Any]]:
    """Name → what is known of it, as `bundled` says it, with `files`; opens none of them."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def cache_folder(name: str) -> Path:
    """Where a set is kept that was downloaded: below XDG_CACHE_HOME, or ~/.cache."""
    said = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(said) if said and Path(said).is_absolute() else Path.home() / ".cache"
    return base / "deepwright" / "data" / name


def published_path(name: str, readable: Callable[[Path], bool], progress: Progress) -> tuple[Path, list[str]]:
    """The file or folder of a set of `published()`, and notes; downloads what is nowhere yet.

    readable: whether a folder holds data that some source reads.
    Raises DataError saying both ways where it can neither be found nor downloaded.
    """
    about = published()[name]
    found = _users(name, about, readable)
    if found is not None:
        return found, [f"Found in {found} ({VARIABLE})."]
    home = cache_folder(name)
    missing = [file for file in about["files"] if not _sound(home / file["name"], file)]
    for file in missing:
        try:
            download(file["urls"], home / file["name"], file["bytes"], *_checksum(file), progress=progress)
        except DataError as error:
            raise _nowhere(name, about, home, error) from error
    taken = sum(file["bytes"] for file in missing)
    notes = [f"Downloaded {taken / 1e6:,.1f} MB to {home}, checksums right."] if missing else []
    return _place(home, about), notes


def is_here(name: str) -> bool:
    """Whether the cache has all files of a set, by their names and sizes."""
    files = ((cache_folder(name) / file["name"], file["bytes"]) for file in published()[name]["files"])
    return all(path.is_file() and path.stat().st_size == size for path, size in files)


def _users(name: str, about: dict[str, Any], readable: Callable[[Path], bool]) -> Path | None:
    """Where the folder that the environment names holds the set: in a folder of its name, or the very files."""
    said = os.environ.get(VARIABLE, "")
    if not said:
        return None
    root = Path(said).expanduser()
    if not root.is_dir():
        raise DataError(f"{VARIABLE} names no folder.", where=said, remedy="Correct it, or unset it.")
    wanted = {_plain(known) for known in (name, *about.get("folders", ()))}
    inner = sorted(entry for entry in root.iterdir() if entry.is_dir() and _plain(entry.name) in wanted)
    for folder in (*inner, *([root] if _plain(root.resolve().name) in wanted else [])):
        if all((folder / file["name"]).is_file() for file in about["files"]):
            return _place(folder, about)
        if readable(folder):
            return folder
    here = all(_sound(root / file["name"], file) for file in about["files"])
    return _place(root, about) if here else None


def _place(folder: Path, about: dict[str, Any]) -> Path:
    """What is read: the one file, or the folder of several."""
    files = about["files"]
    return folder / files[0]["name"] if len(files) == 1 else folder


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _checksum(file: dict[str, Any]) -> tuple[str, str]:
    """The way of reckoning, and what it gives."""
    return ("sha256", file["sha256"]) if "sha256" in file else ("md5", file["md5"])


def _sound(path: Path, file: dict[str, Any]) -> bool:
    if not path.is_file():
        return False
    way, right = _checksum(file)
    reckoned = hashlib.new(way, usedforsecurity=False)
    try:
        with path.open("rb") as content:
            while piece := content.read(_PIECE):
                reckoned.update(piece)
    except OSError:
        return False
    return reckoned.hexdigest() == right


def _nowhere(name: str, about: dict[str, Any], home: Path, error: DataError) -> DataError:
    folders = sorted({url.rpartition("/")[0] for file in about["files"] for url in file["urls"][:1]})
    files = ", ".join(file["name"] for file in about["files"])
    return DataError(
        f"'{name}' is not on this machine and cannot be downloaded: {error.message}",
        where=error.where,
        remedy=f"Where there is a network, download {files} from {' or '.join(folders)}/ into {home}. "
        f"Or give a folder that holds them in place of the name, or set {VARIABLE}=FOLDER with {name}/ in it.",
    )
