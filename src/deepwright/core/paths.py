"""Paths: the guard between a name that came from a file and the file it may open."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from pathlib import Path

from deepwright.core.errors import RunError

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, with any ending; refused everywhere so that a run folder can travel."""

_FORBIDDEN = set('\\:*?"<>|')
"""Separators, drives, alternate streams and wildcards of one system or another."""

_LONGEST_NAME = 255
_DEEPEST = 32


def inside(root: Path | str, relative: str) -> Path:
    """The path of `relative` below `root`, certain to be no way out; the file itself need not exist yet.

    Refused with a RunError: absolute paths, `..` and `.`, backslashes, drive letters and streams, NUL and other
    control characters, invisible and non-normalised Unicode, device names, symbolic and hard links, devices, pipes
    and sockets, and a name that another name in the folder differs from in case or Unicode form only.
    `root` is trusted, and may itself lie behind a link.
    """
    parts = relative.split("/") if isinstance(relative, str) else []
    reason = _bad_shape(parts)
    if reason is not None:
        raise _refused(root, relative, reason)
    path = Path(root)
    for place, part in enumerate(parts):
        reason = _twin(path, part)
        path = path / part
        reason = reason or _bad_file(path, last=place == len(parts) - 1)
        if reason is not None:
            raise _refused(root, relative, reason)
    return path


def open_regular(path: Path | str) -> int:
    """A descriptor for reading `path` where it is a plain file with one name; the caller closes it.

    Never follows a link at the last step, never waits on a pipe. Raises RunError.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    reason = _bad_file(Path(path), last=True)
    if reason is not None:
        raise RunError(f"expected a plain file, it {reason}.", where=str(path), remedy="Copy the run with its content.")
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RunError(f"the file cannot be read: {why}.", where=str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RunError("expected a plain file, it is none.", where=str(path))
    return descriptor


def twin_key(name: str) -> str:
    """Equal for names that some file system takes for the same: case, Unicode form and width ignored."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _refused(root: Path | str, relative: object, reason: str) -> RunError:
    return RunError(
        f"the name {relative!r} is refused: it {reason}.",
        where=str(root),
        remedy="Names inside a run folder are plain and relative; do not open a folder that you do not trust further.",
    )


def _bad_shape(parts: list[str]) -> str | None:
    if not parts or parts == [""]:
        return "is empty or no text"
    if parts[0] == "":
        return "is absolute"
    if len(parts) > _DEEPEST:
        return f"has more than {_DEEPEST} levels"
    return next((reason for part in parts if (reason := _bad_part(part)) is not None), None)


def _bad_part(part: str) -> str | None:
    if part in ("", ".", ".."):
        return "steps out of the folder or in place"
    if set(part) & _FORBIDDEN:
        return "holds a separator, drive or wildcard character"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in part):
        return "holds an invisible or control character"
    if unicodedata.normalize("NFC", part) != part:
        return "is not in Unicode normal form C"
    if part.endswith((" ", ".")) or part.startswith((" ", "~")):
        return "begins with a blank or tilde, or ends in a blank or dot"
    if _RESERVED.fullmatch(part):
        return "is the name of a device"
    if len(part.encode("utf-8")) > _LONGEST_NAME:
        return f"is longer than {_LONGEST_NAME} bytes"
    return None


def _twin(folder: Path, part: str) -> str | None:
    try:
        present = os.listdir(folder)  # noqa: PTH208 — names only, no Path objects
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return f"cannot be looked at ({error})"
    key = twin_key(part)
    twin = next((name for name in present if name != part and twin_key(name) == key), None)
    return None if twin is None else f"differs from {twin!r} in case or Unicode form only"


def _bad_file(path: Path, *, last: bool) -> str | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return f"cannot be looked at ({error})"
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        return "is a device, pipe or socket"
    if not last:
        return "goes through a file as if it were a folder"
    return "is a hard link: the same file has another name elsewhere" if found.st_nlink > 1 else None
