"""Writing: files that are either the old one or the new one, never half of each."""

from __future__ import annotations

import contextlib
import io
import json
import math
import numbers
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deepwright.core.errors import InternalError, UserError
from deepwright.core.paths import open_regular

if TYPE_CHECKING:
    import polars as pl


def write_bytes(path: Path | str, data: bytes | bytearray | memoryview) -> None:
    """Replace the file in one step: temporary file beside it, fsync, rename, fsync of the folder.

    Raises UserError naming the file when the disk is full, a limit is reached or the folder may not be written;
    the old file is then untouched and the temporary one gone. A link at `path` is replaced, not followed.
    """
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path | str, text: str) -> None:
    """`write_bytes` of UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """`write_bytes` of indented JSON; numbers that are not finite become null, NumPy's become plain."""
    write_bytes(path, json_bytes(value, indent=1) + b"\n")


def write_parquet(path: Path | str, frame: pl.DataFrame) -> None:
    """`write_bytes` of Parquet, zstd-compressed."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    write_bytes(path, buffer.getbuffer())


def append_line(path: Path | str, value: Mapping[str, Any], *, durable: bool = False) -> None:
    """Add one JSON object as a line; a torn line left by a crash is dropped first, a failed write leaves no trace.

    durable: also wait until the line is on the disk.
    """
    line = json_bytes(dict(value)) + b"\n"
    with _writing(path):
        if Path(path).is_symlink() or Path(path).exists():
            os.close(open_regular(path))  # never append through a link
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = _end_of_last_line(file)
            file.truncate(end)
            file.seek(end)
            try:
                if file.write(line) != len(line):
                    raise OSError("only part of the line could be written")
                if durable:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise


def truncate_lines(path: Path | str, count: int) -> None:
    """Keep the first `count` lines, durably; what a resume does with a log that ran ahead of its checkpoint.

    Raises UserError when there are fewer. No file counts as no lines.
    """
    if not Path(path).exists() and count == 0:
        return
    os.close(open_regular(path))
    with _writing(path), Path(path).open("r+b") as file:
        for kept in range(count):
            if not file.readline().endswith(b"\n"):
                raise UserError(
                    f"expected at least {count} whole lines, it has {kept}.",
                    where=str(path),
                    remedy="The log was cut or edited; start the run anew.",
                )
        file.truncate(file.tell())
        file.flush()
        os.fsync(file.fileno())


def json_bytes(value: Any, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON with finite numbers or null only; raises InternalError for what JSON cannot hold."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates in a data file's text
        return json.dumps(plain(value), ensure_ascii=True, allow_nan=False, indent=indent).encode("ascii")


def plain(value: Any) -> Any:
    """The value as dict, list, str, int, float, bool and None; not finite becomes None.

    Takes mappings, sequences, sets (sorted), NumPy scalars and arrays, paths and dates.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, (set, frozenset)):
        return [plain(entry) for entry in sorted(value)]
    return _plain_other(value)


def _plain_other(value: Any) -> Any:
    import datetime

    import numpy as np

    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (Path, datetime.timedelta)):
        return str(value)
    raise InternalError(f"a {type(value).__name__} cannot be written as JSON.")


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends well, and vanishes when it does not."""
    path = Path(path)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
    with _writing(path):
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the folder's list of names is on the disk (where the system can say so)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(path: Path | str) -> Iterator[None]:
    if "\0" in str(path):
        raise UserError("a file's name holds no NUL character.", where=repr(str(path)))
    try:
        yield
    except OSError as error:
        raise UserError(
            f"the file cannot be written: {error.strerror or error}.",
            where=str(path),
            remedy="Free some space or choose a folder that may be written; what was there before is untouched.",
        ) from error


def _end_of_last_line(file: IO[bytes]) -> int:
    """Where the next line begins: after the last newline, whatever a crash left behind it."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
