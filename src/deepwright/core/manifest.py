"""Manifest: size and sha256 of every file of a folder, written last; and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from deepwright.core.errors import RunError, UserError
from deepwright.core.paths import inside, open_regular, twin_key
from deepwright.core.reading import boundary, read_bytes, read_json
from deepwright.core.writing import json_bytes, sync_folder, write_bytes

MANIFEST = "MANIFEST.json"
_NEXT = ".MANIFEST.next"
"""The manifest as it will be once `amend` is done."""
FORMAT = 1
_LARGEST = 1 << 36
"""Bytes of one file; a sparse file may say it has more without taking any room, and would be read for hours."""


def write_manifest(folder: Path | str) -> None:
    """Write MANIFEST.json over every file below `folder`; the last thing that is written there."""
    with _writing(Path(folder)):
        write_bytes(Path(folder) / MANIFEST, _manifest_bytes(_measure(Path(folder))))


def amend(folder: Path | str, name: str, data: bytes) -> None:
    """Replace one file of a folder that has a manifest; killed at any moment, the folder is the old or the new one."""
    folder = Path(folder)
    path = inside(folder, name)
    with _writing(folder):
        files = _measure(folder) | {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
        write_bytes(folder / _NEXT, _manifest_bytes(files))
        write_bytes(path, data)
        (folder / _NEXT).replace(folder / MANIFEST)
        sync_folder(folder)


def check_manifest(folder: Path | str, *, only: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Compare the folder with its manifest: file → {"bytes": …, "sha256": …}.

    only: look at the files of these names alone, there or not (a folder that people put things into); None: at all.
    Raises RunError naming what is changed, missing or extra: any flipped bit of any file, the manifest included.
    Finds accidents, not attackers, who can write a manifest too.
    """
    try:
        return _checked(Path(folder), MANIFEST, only)
    except RunError:
        if not (Path(folder) / _NEXT).exists():
            raise
        return _checked(Path(folder), _NEXT, only)


def _checked(folder: Path, manifest: str, only: Collection[str] | None) -> dict[str, dict[str, Any]]:
    path = inside(folder, manifest)
    recorded = read_json(path)
    with boundary(path):
        if recorded["format"] != FORMAT:
            raise RunError(
                f"expected manifest format {FORMAT}, got {recorded['format']!r}.",
                where=str(path),
                remedy="Open it with the version of Deepwright that wrote it, or with a newer one.",
            )
        files = dict(recorded["files"])
    changed = _differences(folder, files, only)
    if changed:
        shown = "; ".join(changed[:5]) + (f"; … ({len(changed)} in all)" if len(changed) > 5 else "")
        raise RunError(
            f"the folder is not what its manifest says: {shown}.",
            where=str(folder),
            remedy="Take it from a backup, or run its recipe.yaml again.",
        )
    if read_bytes(path) != _manifest_bytes(files):
        raise RunError("the manifest itself was changed.", where=str(path))
    return files


@contextlib.contextmanager
def new_folder(parent: Path | str, name: str) -> Iterator[Path]:
    """A folder `parent/name` that appears with all its files and their manifest, or not at all.

    Yields a hidden folder beside it to write into. When the block ends well: everything to disk, manifest, rename,
    fsync of the parent. When it raises, the hidden folder is removed. Raises RunError when the name is taken.
    """
    target = inside(parent, name)
    if target.exists():
        raise RunError("the folder is there already.", where=str(target), remedy="Choose another name or remove it.")
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        with _writing(target):
            temporary.mkdir(parents=True)
            yield temporary
            for file in _walk(temporary):
                _sync_file(temporary / file)
            write_manifest(temporary)
            temporary.rename(target)
            sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sweep(parent: Path | str) -> None:
    """Remove what a killed process left half-written directly in `parent` (hidden, ending in .tmp)."""
    for entry in Path(parent).iterdir() if Path(parent).is_dir() else ():
        if _is_leftover(entry.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"the folder cannot be written: {error.strerror or error}.",
            where=str(folder),
            remedy="Free some space or choose a place that may be written.",
        ) from error


def _is_leftover(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def _manifest_bytes(files: dict[str, dict[str, Any]]) -> bytes:
    return json_bytes({"format": FORMAT, "files": dict(sorted(files.items()))}, indent=1) + b"\n"


def _measure(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: _entry(inside(folder, name)) for name in _walk(folder)}


def _entry(path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with os.fdopen(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            raise RunError(f"expected at most {_LARGEST:,} bytes.", where=str(path))
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _walk(folder: Path) -> list[str]:
    """Names of all files below the folder, sorted, its own manifest left out; raises RunError on links and twins."""

    def fail(error: OSError) -> None:
        raise error  # a folder that cannot be listed is not an empty one

    found = []
    for place, folders, files in os.walk(folder, onerror=fail):
        base = Path(place).relative_to(folder)
        keys = [twin_key(name) for name in folders + files]
        if len(set(keys)) != len(keys):
            raise RunError("two names differ in case or Unicode form only.", where=place)
        for name in folders:
            inside(folder, (base / name).as_posix())
        found += [(base / name).as_posix() for name in files if not _is_leftover(name)]
    return sorted(name for name in found if name not in (MANIFEST, _NEXT))


def _differences(folder: Path, files: dict[str, Any], only: Collection[str] | None) -> list[str]:
    with boundary(folder):
        present = {n for n in only if inside(folder, n).exists()} if only is not None else set(_walk(folder))
    known = files.keys() if only is None else files.keys() & set(only)
    found = [f"'{name}' is missing" for name in sorted(known - present)]
    found += [f"'{name}' is not in the manifest" for name in sorted(present - known)]
    for name in sorted(present & known):
        path, entry = inside(folder, name), files[name]
        with boundary(folder / MANIFEST):
            if path.stat().st_size != entry["bytes"]:
                found.append(f"'{name}' has {path.stat().st_size:,} bytes where {entry['bytes']:,} were written")
            elif _entry(path) != entry:
                found.append(f"'{name}' has changed")
    return found


def _sync_file(path: Path) -> None:
    descriptor = open_regular(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
