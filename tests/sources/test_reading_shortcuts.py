"""Shortcuts in reading give what the long way gives: checksums side by side, sums that look for NaN, probed types."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pytest

from deepwright.sources import _content, open_table

_MEBIBYTE = 1 << 20


@pytest.mark.parametrize("size", [1, _MEBIBYTE, 3 * _MEBIBYTE + 17, 9 * _MEBIBYTE])
def test_checksums_side_by_side_are_those_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(_content, "_TREE_BYTES", 0)
    path = tmp_path / "t.bin"
    data = bytes(range(251)) * (size // 251 + 1)
    path.write_bytes(data[:size])
    pieces = [data[start : min(start + _MEBIBYTE, size)] for start in range(0, size, _MEBIBYTE)]
    leaves = b"".join(zlib.crc32(piece).to_bytes(4, "big") for piece in pieces)
    assert _content.fingerprint(path) == f"crc32-tree:{hashlib.sha256(leaves).hexdigest()}"


def test_infinities_that_cancel_are_not_taken_for_nan(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "1.5,2.5\n" * 3000 + "inf,nan\n-inf,3.5\n")
    frame = open_table(path).frame
    assert frame["x"].tail(2).to_list() == [float("inf"), -float("inf")] and frame["x"].null_count() == 0
    assert frame["y"].tail(2).to_list() == [None, 3.5]


def test_types_of_a_short_and_a_long_table_are_guessed(tmp_path: Path) -> None:
    for rows in (1, 1999, 2000, 2001):
        path = tmp_path / f"{rows}.csv"
        path.write_text("a,b,c\n" + "7,0.5,red\n" * rows)
        table = open_table(path)
        assert table.origin.reading["types"] == {"a": "integer", "b": "number", "c": "text"}
        assert table.frame.height == rows
