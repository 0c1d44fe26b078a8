"""Picture files: where the bytes of a picture lie that a value of a column names."""

from __future__ import annotations

import stat
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from deepwright.core.errors import DataError

IN_ZIP = "!/"
"""Stands between a zip file and the member in it: "/data/photos.zip!/cats/1.png"."""
LARGEST = 256 << 20
"""Bytes of an encoded picture at most."""


class PictureFiles:
    """Reads what values name; a zip is opened once for all pictures in it. Use it in a `with`, in one thread."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._zips: dict[str, zipfile.ZipFile] = {}

    def __enter__(self) -> PictureFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def content(self, value: Any) -> tuple[bytes, str]:
        """The bytes that a path, a member of a zip, or bytes themselves stand for, and how to call them for people.

        Raises DataError where there is no such plain file, or it is above LARGEST.
        """
        if isinstance(value, bytes):
            return _checked(value, len(value), "a picture in the column"), "a picture in the column"
        if not isinstance(value, str):
            raise DataError(f"expected the path of a picture or its bytes, got {type(value).__name__}.")
        shown = value if len(value) <= 300 else value[:300] + "…"
        try:
            return self._read(value, shown), shown
        except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError) as error:
            # Of a zip: a damaged, encrypted or oddly packed member. Of a path: too long, or with a NUL.
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"the picture cannot be read ({reason}).", where=shown, remedy=_REMEDY) from error

    def _read(self, value: str, shown: str) -> bytes:
        path = Path(value)
        if IN_ZIP in value and not path.exists():
            outer, _, member = value.partition(IN_ZIP)
            return self._member(outer, member, shown)
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError("expected a picture, this is no plain file.", where=shown, remedy=_REMEDY)
        _checked(b"", found.st_size, shown)
        with path.open("rb") as file:
            return _checked(file.read(LARGEST + 1), found.st_size, shown)

    def _member(self, outer: str, member: str, shown: str) -> bytes:
        if outer not in self._zips:
            self._zips[outer] = self._open.enter_context(zipfile.ZipFile(outer))
        archive = self._zips[outer]
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise DataError("there is no such member in the zip.", where=shown, remedy=_REMEDY) from None
        _checked(b"", info.file_size, shown)
        with archive.open(info) as file:  # what it says of its size does not bind what it unpacks to: read no more
            return _checked(file.read(LARGEST + 1), info.file_size, shown)


_REMEDY = "Check the path; a relative one starts at the folder that the command runs in."


def _checked(content: bytes, size: int, shown: str) -> bytes:
    if max(size, len(content)) > LARGEST:
        raise DataError(
            f"expected a picture of at most {LARGEST >> 20} MiB, this has more.",
            where=shown,
            remedy="Make it smaller, or take it out.",
        )
    return content
