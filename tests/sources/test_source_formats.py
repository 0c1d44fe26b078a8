"""Formats: JSON lines, Parquet, Arrow, SQLite, Excel and frames; streaming equals reading whole."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from deepwright.core.errors import DataError, DeepwrightError, NotFoundError
from deepwright.sources import open_table, stream_table

_FRAME = pl.DataFrame(
    {
        "n": [1, None, 3, 4, 5],
        "x": [0.5, 1.5, None, 2.5, 1e300],
        "t": ["a", "ü,\n", None, '"', "NA"],
        "b": [True, False, None, True, True],
        "l": [["a", "b"], [], None, ["c"], ["a"]],
    }
)


def _streamed(path: Path, rows: int, **more: Any) -> pl.DataFrame:
    frames = list(stream_table(path, rows=rows, **more))
    assert all(frame.height <= rows for frame in frames)
    return pl.concat(frames)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".stream.arrow", ".jsonl", ".jsonl.gz", ".parquet.gz"])
def test_what_polars_wrote_is_what_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    plain = path.with_suffix("") if suffix.endswith(".gz") else path
    write = {".parquet": _FRAME.write_parquet, ".arrow": _FRAME.write_ipc, ".jsonl": _FRAME.write_ndjson}[plain.suffix]
    (_FRAME.write_ipc_stream if "stream" in suffix else write)(plain)
    if suffix.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    assert_frame_equal(open_table(path).frame, _FRAME)
    assert_frame_equal(_streamed(path, 2), _FRAME)


def test_zstd_is_undone(tmp_path: Path) -> None:
    codec = pytest.importorskip("pyarrow").Codec("zstd")
    text = "".join(f'{i},"text {i}, and\nmore"\n' for i in range(3000))
    path = tmp_path / "t.csv.zst"
    path.write_bytes(codec.compress(f"id,t\n{text}".encode(), asbytes=True))
    frame = open_table(path).frame
    assert frame.height == 3000 and frame["t"][7] == "text 7, and\nmore"
    assert _streamed(path, 100).equals(frame)


def test_rare_types_become_known_ones_and_it_is_said(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "dec": pl.Series([Decimal("1.50"), None]),
            "cat": pl.Series(["u", "v"], dtype=pl.Categorical),
            "dur": [timedelta(seconds=90), None],
            "obj": [{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y"}}],
            "raw": [b"1", b"2"],
            "arr": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
            "nan": [float("nan"), 1.0],
            "none": pl.Series([None, None]),
            "day": [date(2024, 1, 2), None],
            "when": [datetime(2024, 1, 2, 3), None],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert table.columns == ["dec", "cat", "dur", "obj.a", "obj.b.c", "arr", "nan", "none", "day", "when"]
    assert table.frame.row(0)[:5] == (1.5, "u", 90.0, 1, "x") and table.frame["nan"].null_count() == 1
    notes = " ".join(table.origin.notes)
    assert all(word in notes for word in ("'raw' is left out", "'dur' holds durations", "'obj' holds objects"))


def test_json_lines_with_gaps_objects_and_mixed_columns(tmp_path: Path) -> None:
    rows = [{"a": 1, "o": {"x": 1}}, {"b": "t", "a": 2.5}, {}, {"mixed": 1}, {"mixed": "x"}, {"mixed": True}]
    path = tmp_path / "t.jsonl"
    path.write_text("\ufeff" + "\n\n".join(json.dumps(row) for row in rows) + "\n")
    frame = open_table(path).frame
    assert frame["a"].to_list() == [1.0, 2.5, None, None, None, None] and frame["b"][1] == "t"
    assert frame["o.x"][0] == 1 and frame["mixed"].to_list()[3:] == ["1", "x", "true"]
    assert _streamed(path, 2).equals(frame)


def test_json_lines_of_different_types_in_different_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepwright.sources import _blocks

    path = tmp_path / "t.jsonl"
    path.write_text(
        "".join(json.dumps({"a": i, "n": i if i < 500 else i + 0.5, "w": None}) + "\n" for i in range(1000))
        + '{"w": "x"}\n'
    )
    monkeypatch.setattr(_blocks, "BLOCK", 1000)
    frame = open_table(path).frame
    assert frame["n"].dtype == pl.Float64 and frame["a"].dtype == pl.Int64 and frame["w"][-1] == "x"
    assert _streamed(path, 300).equals(frame)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "my houses" (id INTEGER, price REAL, town TEXT, mixed, raw BLOB)')
    rows = [(1, 2, "Ulm", 1, b"x"), (2, 3.5, None, "two", None), (3, None, "Bern", 2.5, None)]
    connection.executemany('INSERT INTO "my houses" VALUES (?,?,?,?,?)', rows)
    connection.execute("CREATE TABLE empty (x)")
    connection.commit()
    connection.close()
    return path


def test_sqlite_tables_and_queries(database: Path) -> None:
    table = open_table(database, query="my houses")
    assert table.frame.rows() == [(1, 2.0, "Ulm", "1"), (2, 3.5, None, "two"), (3, None, "Bern", "2.5")]
    assert _streamed(database, 1, query="my houses").equals(table.frame)
    assert open_table(database, query='SELECT count(*) AS n FROM "my houses"').frame.rows() == [(3,)]
    assert open_table(database, reading=table.origin.reading).frame.equals(table.frame)
    with pytest.raises(DataError, match=r"has 2.*my houses"):
        open_table(database)
    with pytest.raises(NotFoundError, match="Did you mean 'my houses'"):
        open_table(database, query="my house")
    with pytest.raises(DataError, match="no rows"):
        open_table(database, query="empty")


@pytest.mark.parametrize(
    "query",
    [
        'DELETE FROM "my houses"',
        "SELECT 1; DROP TABLE empty",
        "ATTACH DATABASE 'other.db' AS o",
        "WITH q AS (SELECT 1) INSERT INTO empty SELECT * FROM q",
        "PRAGMA journal_mode=WAL",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
        "SELECT * FROM nowhere",
        "VACUUM INTO 'copy.db'",
    ],
)
def test_sqlite_writes_nothing(database: Path, query: str) -> None:
    before, names = database.read_bytes(), sorted(database.parent.iterdir())
    with pytest.raises(DeepwrightError):
        open_table(database, query=query)
    assert database.read_bytes() == before and sorted(database.parent.iterdir()) == names


def test_a_damaged_database_is_one_error(database: Path) -> None:
    data = database.read_bytes()
    database.write_bytes(data[:100] + b"\xff" * 2000 + data[2100:])
    with pytest.raises(DataError, match="damaged"):
        open_table(database, query="my houses")


def test_excel(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    import xlsxwriter

    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        pl.DataFrame({"n": [1, 2], "x": [0.5, None], "t": ["a", "b"]}).write_excel(book, "first")
        pl.DataFrame({"z": [9]}).write_excel(book, "second")
    table = open_table(path)
    assert table.frame.rows() == [(1, 0.5, "a"), (2, None, "b")] and table.frame["n"].dtype == pl.Int64
    assert "second" in table.origin.notes[0]
    assert open_table(path, query="second").frame.rows() == [(9,)]
    with pytest.raises(NotFoundError, match="Did you mean 'second'"):
        open_table(path, query="secnd")


def test_frames_of_every_sort() -> None:
    structured = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")])
    assert open_table(structured).frame.rows() == [(1, 2.5), (3, 4.5)]
    assert open_table(np.arange(6.0).reshape(2, 3)).columns == ["column_1", "column_2", "column_3"]
    mixed = {
        "a": np.array([1.0, np.nan]),
        "b": ["x", None],
        "c": np.array(["u", "v"]),
        "d": np.array(["x", 1], dtype=object),
    }
    table = open_table(mixed)
    assert table.frame.row(1) == (None, None, "v", "1") and table.origin.source == "frame"
    assert open_table(_FRAME).frame.equals(_FRAME) and open_table(_FRAME.lazy()).frame.equals(_FRAME)
    assert [frame.height for frame in stream_table(_FRAME, rows=2)] == [2, 2, 1]


def test_pandas_frames_come_back_as_they_were() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "n": pandas.array([1, None, 3], dtype="Int64"),
            "x": [1.5, float("nan"), 2.5],
            "t": ["a", None, "c"],
            "c": pandas.Categorical(["u", "v", None]),
            "when": pandas.to_datetime(["2024-01-02", None, "2024-01-04"]),
            "b": [True, False, True],
            7: [1, 2, 3],
        },
        index=[10, 20, 30],
    )
    table = open_table(frame).frame
    assert table.rows()[0] == (1, 1.5, "a", "u", datetime(2024, 1, 2), True, 1)
    assert table.rows()[1] == (None, None, None, "v", None, False, 2) and table.columns[-1] == "7"


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2], "b": [1]},
        {},
        {"a": []},
        pl.DataFrame(),
        np.zeros(3),
        np.zeros((2, 2, 2)),
        {"a": np.zeros((2, 2))},
        {"a": [object()]},
        np.array([[b"x"]], dtype="V4"),
    ],
)
def test_frames_that_are_no_tables(data: Any) -> None:
    with pytest.raises(DeepwrightError) as caught:
        open_table(data)
    assert caught.value.remedy and "\n" not in str(caught.value)
