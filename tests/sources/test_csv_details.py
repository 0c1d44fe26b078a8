"""CSV: what is detected, what is said about it, and what an earlier table fixes for a later one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from deepwright.core.errors import DataError, NotFoundError
from deepwright.core.table import Table
from deepwright.sources import open_table


def _open(folder: Path, data: str | bytes, name: str = "t.csv", **reading: object) -> Table:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_table(path, reading=reading or None)


def _notes(table: Table) -> str:
    return " ".join(table.origin.notes)


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        ("id,age,city\n1,30,Paris\n2,40,Rome\n", ["id", "age", "city"], 2),
        ("1,30,Paris\n2,40,Rome\n", ["column_1", "column_2", "column_3"], 2),
        ("ham\thello you\nspam\tcall 5\nham\tbye\n", ["column_1", "column_2"], 3),
        ("name,city\nAnn,Paris\nBob,Rome\n", ["name", "city"], 2),
        (",Time,Class\n0,1.5,0\n1,2.5,1\n", ["column_1", "Time", "Class"], 2),
        (" id, age\n1, 30\n2, 40\n", ["id", "age"], 2),
        ("id,age\r1,30\r2,40\r", ["id", "age"], 2),
        ("id,age\r\r\n1,30\r\r\n2,40\r\n", ["id", "age"], 2),
        ("\n\nid,age\n\n1,30\n\n2,40\n\n\n", ["id", "age"], 2),
        ("1 2.5 3\n4 5.5 6\n", ["column_1", "column_2", "column_3"], 2),
        ("  1   2.5  3 \n 14  5.5  6\n", ["column_1", "column_2", "column_3"], 2),
        ("a,a,a_2,\n1,2,3,4\n5,6,7,8\n", ["a", "a_3", "a_2", "column_4"], 2),
    ],
)
def test_header_names_and_rows(tmp_path: Path, data: str, columns: list[str], rows: int) -> None:
    table = _open(tmp_path, data)
    assert table.columns == columns and len(table) == rows


def test_carriage_returns_in_any_number_leave_no_trace(tmp_path: Path) -> None:
    table = _open(tmp_path, "id,city\r\r\n1,Paris\r\r\n2,Rome\r\n3,Bern\n")
    assert table.frame.rows() == [(1, "Paris"), (2, "Rome"), (3, "Bern")]


def test_a_stray_quote_inside_a_cell_is_text(tmp_path: Path) -> None:
    table = _open(tmp_path, 'id,what\n1,5" pipe\n2,"a, b"\n3,6" pipe\n')
    assert table.frame["what"].to_list() == ['5" pipe', "a, b", '6" pipe']


def test_quotes_as_ordinary_text_when_lines_would_run_into_each_other(tmp_path: Path) -> None:
    texts = ['"Hello you', 'he said "go" now', 'so "what" then', 'it is "x" or "y"', 'bye"'] * 4
    table = _open(tmp_path, "".join(f"{'ham' if i % 2 else 'spam'}\t{text}\n" for i, text in enumerate(texts)), "t.tsv")
    assert table.frame["column_2"].to_list() == texts
    assert table.origin.reading["quote"] == "" and "quotes are ordinary text" in _notes(table)


def test_missing_words_are_said_and_stay_values_where_they_are_one(tmp_path: Path) -> None:
    codes = ["NA", "DE", "FR", "IT", "ES", "PT", "AT", "CH", "PL", "NL"]
    rows = "".join(f"{code},{'?' if i == 2 else i},{' ' if i == 3 else 'x'},None\n" for i, code in enumerate(codes))
    table = _open(tmp_path, "country,n,t,none\n" + rows)
    assert table.frame["country"].to_list() == codes
    assert table.frame["n"].dtype == pl.Int64 and table.frame["n"].null_count() == 1
    assert table.frame["t"].null_count() == 1 and table.frame["none"].null_count() in (0, 10)
    assert "two-letter codes" in _notes(table) and "'?' (n: 1)" in _notes(table)


def test_a_blank_among_numbers_is_missing_and_said(tmp_path: Path) -> None:
    rows = [f"{i},{' ' if i in (5, 9) else i + 0.5}\n" for i in range(50)]
    table = _open(tmp_path, "id,charges\n" + "".join(rows))
    assert table.frame["charges"].dtype == pl.Float64 and table.frame["charges"].null_count() == 2
    assert "blanks (charges: 2)" in _notes(table)


@pytest.mark.parametrize(
    ("cells", "dtype", "last"),
    [
        (["007", "0042"], pl.String, "0042"),
        (["12345678901234567890", "1"], pl.String, "1"),
        (["9007199254740993", "1"], pl.Int64, 1),
        (["1e3", "2.5"], pl.Float64, 2.5),
        (["true", "False"], pl.Boolean, False),
        (["yes", "no"], pl.String, "no"),
        (["1", "inf"], pl.Float64, float("inf")),
        (["1_000", "2"], pl.String, "2"),
        (["12:30", "13:45"], pl.String, "13:45"),
    ],
)
def test_types_of_cells(tmp_path: Path, cells: list[str], dtype: type[pl.DataType], last: object) -> None:
    frame = _open(tmp_path, "k,x\n" + "".join(f"a,{cell}\n" for cell in cells)).frame
    assert frame["x"].dtype == dtype and frame["x"][-1] == last


def test_dates_are_read_only_where_there_is_one_way(tmp_path: Path) -> None:
    either = "d,n\n" + "".join(f"{i:02}/{i + 1:02}/2024,1\n" for i in range(1, 11))
    assert _open(tmp_path, either).frame["d"].dtype == pl.String
    assert _open(tmp_path, either + "25/12/2024,1\n").frame["d"].dtype == pl.Date
    times = "d,n\n2024-01-02T10:30:00Z,1\n2024-01-03T11:00:00Z,2\n"
    assert isinstance(_open(tmp_path, times).frame["d"].dtype, pl.Datetime)


def test_marks_between_thousands_follow_the_other_columns(tmp_path: Path) -> None:
    german = _open(tmp_path, "a;b\n1.234;3,5\n5.678;4,25\n")
    assert german.frame.rows() == [(1234.0, 3.5), (5678.0, 4.25)]
    english = _open(tmp_path, 'a,b\n"1,234",3.5\n"5,678",4.25\n')
    assert english.frame.rows() == [(1234.0, 3.5), (5678.0, 4.25)]
    nobody = _open(tmp_path, "a;b\n1,234;x\n5,678;y\n")
    assert nobody.frame["a"].to_list() == [1.234, 5.678] and "decimal" in _notes(nobody)
    assert _open(tmp_path, "a;b\n1,234;x\n5,678;y\n", decimal=".").frame["a"].to_list() == [1234.0, 5678.0]


@pytest.mark.parametrize("columns", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_very_many_columns(tmp_path: Path, columns: int) -> None:
    names = ",".join(f"c{i}" for i in range(columns))
    row = ",".join("1.5" if i % 2 else "x" for i in range(columns))
    table = _open(tmp_path, f"{names}\n{row}\n{row}\n{row}\n")
    assert table.frame.shape == (3, columns) and table.frame[f"c{columns - 1}"].dtype == pl.Float64


def test_what_the_user_says_is_taken_as_said(tmp_path: Path) -> None:
    table = _open(tmp_path, "a;b\n1;-9\n2;5\n", missing=["-9"])
    assert table.frame["b"].to_list() == [None, 5]
    assert _open(tmp_path, "a;b\n1;2\n", header=False).frame.height == 2
    assert _open(tmp_path, "a;b\n1;2\n", delimiter=",").columns == ["a;b"]
    assert _open(tmp_path, "a\n\u0416\n".encode("koi8-r"), encoding="koi8-r").frame["a"].to_list() == ["\u0416"]
    with pytest.raises(NotFoundError, match="delimiter"):
        _open(tmp_path, "a;b\n1;2\n", delimeter=",")
    with pytest.raises(DataError, match="no encoding"):
        _open(tmp_path, "a;b\n1;2\n", encoding="utf-88")


def test_an_earlier_reading_fixes_the_types(tmp_path: Path) -> None:
    reading = _open(tmp_path, "id;x;t\n1;2,5;u\n2;3,5;v\n").origin.reading
    later = _open(tmp_path, "id;x;t\n007;2;1\n", **reading)
    assert later.frame.rows() == [(7, 2.0, "1")]
    with pytest.raises(DataError, match=r"row 2, column 'x'.*expected a number"):
        _open(tmp_path, "id;x;t\n1;2;u\n2;many;v\n", **reading)
    with pytest.raises(DataError, match="written with ','"):
        _open(tmp_path, "id,x,t\n1,2,u\n2,3,v\n", **reading)


def test_text_files_are_one_cell_a_line(tmp_path: Path) -> None:
    lines = ["One line, with a comma.", "Another; with more, and more, and more.", "Third"]
    table = _open(tmp_path, "\n".join(lines), "t.txt", passage=0)
    assert table.frame["text"].to_list() == lines
