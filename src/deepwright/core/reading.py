"""Reading: files of a run folder, which a stranger may have made; damage is a RunError, never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import DeepwrightError, RunError
from deepwright.core.paths import open_regular

if TYPE_CHECKING:
    import polars as pl

MEBIBYTE = 1 << 20
_DEEPEST = 64


_STUMBLES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a reader trips over when a file is not what it should be (RecursionError is a RuntimeError)."""


@contextlib.contextmanager
def boundary(where: Path | str) -> Iterator[None]:
    """The one error boundary of a reader: whatever trips over a file's content becomes a RunError naming the file."""
    try:
        yield
    except DeepwrightError:
        raise
    except MemoryError as error:
        raise RunError("it asks for more memory than there is.", where=str(where)) from error
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        text = str(error).strip().partition("\n")[0][:200]
        raise RunError(
            f"it is damaged or not what it should be ({type(error).__name__}: {text}).",
            where=str(where),
            remedy="Take the run from a backup, or run its recipe.yaml again.",
        ) from error


def read_bytes(path: Path | str, *, limit_bytes: int = 4096 * MEBIBYTE) -> bytes:
    """The content of a plain file of at most `limit_bytes`; raises RunError."""
    with os.fdopen(open_regular(path), "rb") as file, boundary(path):
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise RunError(f"expected at most {limit_bytes:,} bytes, it has {size:,}.", where=str(path))
        return file.read(size)


def read_text(path: Path | str, *, limit_bytes: int = 64 * MEBIBYTE) -> str:
    """The content as UTF-8; raises RunError."""
    data = read_bytes(path, limit_bytes=limit_bytes)
    with boundary(path):
        return data.decode("utf-8")


def read_json(path: Path | str, *, limit_bytes: int = 64 * MEBIBYTE) -> Any:
    """A JSON value; refuses duplicate keys, NaN and infinity, more than 64 levels; raises RunError."""
    data = read_bytes(path, limit_bytes=limit_bytes)
    with boundary(path):
        return parse_json(data)


def read_json_lines(path: Path | str, *, limit_bytes: int = 1024 * MEBIBYTE) -> list[dict[str, Any]]:
    """Objects, one a line; one torn last line (a crash while appending) is left out; raises RunError elsewhere.

    No file is no lines.
    """
    if not Path(path).exists() and not Path(path).is_symlink():
        return []
    lines = read_bytes(path, limit_bytes=limit_bytes).split(b"\n")[:-1]
    found = []
    for number, line in enumerate(lines, start=1):
        with boundary(f"{path}, line {number}"):
            value = parse_json(line)
            if not isinstance(value, dict):
                raise ValueError("expected an object")
            found.append(value)
    return found


def read_parquet(
    path: Path | str, *, limit_bytes: int = 4096 * MEBIBYTE, limit_rows: int = 100_000_000
) -> pl.DataFrame:
    """A Parquet file of at most `limit_rows` rows; raises RunError. The path is no pattern and no address."""
    import polars as pl

    data = read_bytes(path, limit_bytes=limit_bytes)
    with boundary(path):
        try:
            rows = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()
            if rows > limit_rows:
                raise RunError(f"expected at most {limit_rows:,} rows, it says it has {rows:,}.", where=str(path))
            return pl.read_parquet(io.BytesIO(data))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise ValueError(str(error)) from error


def parse_json(data: bytes) -> Any:
    """`read_json` of bytes; raises ValueError, or RecursionError (a RuntimeError)."""
    value = json.loads(
        data.decode("utf-8"), object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant
    )
    if data.count(b"[") + data.count(b"{") > _DEEPEST:
        _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is out of range")
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
