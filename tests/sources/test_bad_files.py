"""Bad files: two thousand broken tables give one clear error or a stated treatment, and never a traceback."""

from __future__ import annotations

import gzip
import os
import random
import time
from pathlib import Path

import polars as pl
import pytest
from bad_files import KINDS, Bad

from deepwright.core.errors import DataError, DeepwrightError
from deepwright.sources import _content, _typed, open_table, stream_table


def _check(bad: Bad, folder: Path) -> None:
    path = folder / bad.name
    path.write_bytes(bad.data)
    if bad.note:
        notes = " ".join(open_table(path).origin.notes)
        assert bad.note in notes, (bad, notes)
        return
    with pytest.raises(DataError) as caught:
        open_table(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 700, text
    assert bad.name in text, text
    assert caught.value.remedy, text
    assert bad.error in text, (bad, text)
    if bad.row is not None:
        assert f"row {bad.row} " in text or f"row {bad.row}:" in text, (bad, text)
    with pytest.raises(DeepwrightError):
        list(stream_table(path))


@pytest.mark.parametrize("kind", KINDS)
def test_every_bad_file_gives_one_line_naming_file_row_and_remedy_or_a_note(kind: str, tmp_path: Path) -> None:
    for seed in range(10):
        _check(KINDS[kind](random.Random(f"{kind} {seed}")), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_of_each_kind(kind: str, tmp_path: Path) -> None:
    for seed in range(100):
        _check(KINDS[kind](random.Random(f"soak {kind} {seed}")), tmp_path)


def test_four_sparse_gigabytes_are_refused_at_once(tmp_path: Path) -> None:
    for head in (b"", b"a,b\n1,2\n" * 200_000):
        path = tmp_path / "sparse.csv"
        with path.open("wb") as file:
            file.write(head)
            file.truncate(4 << 30)
        started = time.process_time()
        with pytest.raises(DataError, match="NUL"):
            open_table(path)
        assert time.process_time() - started < 5


@pytest.mark.parametrize("format", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused_before_it_unfolds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr(_content, "_BOMB_BYTES", 4 << 20)
    path = tmp_path / "bomb.csv"
    pack = gzip.compress if format == "gzip" else pytest.importorskip("pyarrow").Codec("zstd").compress
    path.write_bytes(pack(b"a,b\n" + b"1,2\n" * (3 << 20)))
    with pytest.raises(DataError, match="times its size"):
        list(stream_table(path))


def test_a_damaged_file_leaves_nothing_on_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for seed in range(20):
        for kind in ("Parquet, cut", "Parquet, damaged"):
            _check(KINDS[kind](random.Random(seed)), tmp_path)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_parquet_file_that_unfolds_to_a_giant_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_typed, "_GIANT", 1 << 20)
    path = tmp_path / "giant.parquet"
    pl.select(pl.repeat(1, 3_000_000, dtype=pl.Int8).alias("a")).write_parquet(path)
    with pytest.raises(DataError, match="unfold"):
        open_table(path)
    with pytest.raises(DataError, match="unfold"):
        list(stream_table(path))
