"""Tensors: NumPy arrays in safetensors files, checked before a byte is allocated.

The format (huggingface/safetensors): 8 bytes little-endian length of the header, a JSON header
{name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, then the arrays' bytes without gap or overlap.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deepwright.core.errors import InternalError, RunError
from deepwright.core.paths import open_regular
from deepwright.core.reading import boundary, parse_json
from deepwright.core.writing import json_bytes, replacing

if TYPE_CHECKING:
    import numpy as np

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_LONGEST_HEADER = 100_000_000


def write_tensors(path: Path | str, tensors: Mapping[str, np.ndarray]) -> None:
    """Replace the file in one step by these arrays (floats, integers, bool; any shape); reading gives equal ones.

    Raises InternalError for other types (objects, text), UserError as `write_bytes` does.
    """
    import numpy as np

    arrays = {name: np.asarray(tensors[name]) for name in sorted(tensors)}
    header: dict[str, Any] = {}
    start = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": _name_of(name, array),
            "shape": list(array.shape),
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    text = json_bytes(header)
    text += b" " * (-len(text) % 8)
    with replacing(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.write(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def read_tensors(path: Path | str, *, limit_bytes: int = 1 << 36) -> dict[str, np.ndarray]:
    """Name → array. Header and file length must agree to the byte before anything is allocated; raises RunError."""
    import numpy as np

    with os.fdopen(open_regular(path), "rb") as file, boundary(path):
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise RunError(f"expected at most {limit_bytes:,} bytes, it has {size:,}.", where=str(path))
        header, length = _header(file, size)
        _check(header, length)
        found = {}
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            raw = np.empty(entry["data_offsets"][1] - entry["data_offsets"][0], np.uint8)
            if file.readinto(raw.data) != raw.nbytes:
                raise ValueError("it ends early")
            if entry["dtype"] == "BOOL" and raw.size and raw.max() > 1:
                raise ValueError(f"tensor {name[:80]!r} holds a truth value that is neither 0 nor 1")
            found[name] = raw.view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        return found


def _name_of(name: str, array: np.ndarray) -> str:
    wanted = array.dtype.newbyteorder("<").str
    for known, code in _DTYPES.items():
        if code == wanted:
            return known
    raise InternalError(f"tensor '{name}' is of type {array.dtype}, which safetensors does not hold.")


def _header(file: IO[bytes], size: int) -> tuple[dict[str, Any], int]:
    """The header without its metadata, and how many bytes of data follow it."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(_LONGEST_HEADER, size - 8):
        raise ValueError(f"a header of {length:,} bytes does not fit in a file of {size:,}")
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    header.pop("__metadata__", None)
    return header, size - 8 - length


def _check(header: dict[str, Any], length: int) -> None:
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(item[1])):
        start, stop = _offsets(entry)
        shape, dtype = entry["shape"], entry["dtype"]
        if dtype not in _DTYPES or not isinstance(shape, list) or len(shape) > 32:
            raise ValueError(f"tensor {name[:80]!r} has an unknown type or shape")
        if not all(type(axis) is int and 0 <= axis < 1 << 48 for axis in shape):
            raise ValueError(f"tensor {name[:80]!r} has an impossible shape")
        if start != end or stop - start != math.prod(shape) * int(_DTYPES[dtype][2]):
            raise ValueError(f"tensor {name[:80]!r} has a shape that does not fit its place in the file")
        end = stop
    if end != length:
        raise ValueError(f"the tensors take {end:,} bytes, the file holds {length:,}")


def _offsets(entry: Any) -> tuple[int, int]:
    start, stop = entry["data_offsets"]
    if type(start) is not int or type(stop) is not int or not 0 <= start <= stop:
        raise ValueError("impossible offsets")
    return start, stop
