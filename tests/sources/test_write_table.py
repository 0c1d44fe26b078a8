"""Tables out: what is written is read again as it was, safely for spreadsheets, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from deepwright.core.errors import DataError, UserError
from deepwright.shipping.tables import csv_text, write_table
from deepwright.sources import open_table


def _frames(count: int = 4, fail: bool = False) -> Iterator[pl.DataFrame]:
    for i in range(count):
        yield pl.DataFrame({"row": [2 * i, 2 * i + 1], "x": [i / 3, -i / 7], "t": ["a, b", 'say "x"\nü']})
    if fail:
        raise RuntimeError("no more")


@pytest.mark.parametrize(
    "name", ["o.csv", "o.tsv", "o.jsonl", "o.ndjson", "o.parquet", "o.csv.gz", "o.jsonl.gz", "O.CSV"]
)
def test_what_is_written_is_read_again_in_order(tmp_path: Path, name: str) -> None:
    write_table(_frames(), tmp_path / name)
    assert open_table(tmp_path / name).frame.equals(pl.concat(_frames()))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl.gz", "o.parquet"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        write_table(_frames(fail=True), tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_nothing_runs_in_a_spreadsheet() -> None:
    cells = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "-5", "+1.5e3", "x=1", "", None]
    frame = pl.DataFrame({"=t": cells, "n": [-1.5] * len(cells)})
    lines = open_csv(csv_text(frame))
    assert lines[0] == ["'=t", "n"]
    assert [line[0] for line in lines[1:]] == [
        "'=1+1",
        "'+x",
        "'-x",
        "'@x",
        "'\tx",
        "'\rx",
        "-5",
        "+1.5e3",
        "x=1",
        "",
        "",
    ]
    assert {line[1] for line in lines[1:]} == {"-1.5"}
    assert csv_text(frame, header=False) + csv_text(frame.clear(), header=False) == "".join(
        csv_text(frame).partition("\n")[2:]
    )


def open_csv(text: str) -> list[list[str]]:
    import csv
    import io

    return list(csv.reader(io.StringIO(text, newline="")))


def test_lists_and_objects_become_json() -> None:
    text = csv_text(pl.DataFrame({"l": [["a", "b,c"], None], "o": [{"x": 1}, {"x": None}]}))
    assert open_csv(text) == [["l", "o"], ['["a", "b,c"]', '{"x": 1}'], ["", '{"x": null}']]


@pytest.mark.parametrize(
    ("name", "word"),
    [("o.cvs", r"'\.csv'"), ("o", "no ending"), ("o.xlsx", r"\.parquet"), ("o.parquet.gz", "text formats")],
)
def test_an_unknown_ending_names_the_known_ones(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        write_table(_frames(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_input_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(path)
    for out in (path, tmp_path / "link.csv", tmp_path / "." / "in.csv"):
        with pytest.raises(UserError, match="input itself"):
            write_table(_frames(), out, inputs=[str(path), pl.DataFrame()])
    assert path.read_text() == "a\n1\n"


def test_nothing_to_write_and_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing"):
        write_table(iter(()), tmp_path / "o.csv")
    with pytest.raises(UserError, match="cannot be written"):
        write_table(_frames(), tmp_path / "nowhere" / "o.csv")


def test_frames_that_differ_in_type_follow_the_first(tmp_path: Path) -> None:
    frames = [pl.DataFrame({"a": [1.5], "b": ["x"]}), pl.DataFrame({"b": ["y"], "a": [2]})]
    write_table(frames, tmp_path / "o.parquet")
    assert open_table(tmp_path / "o.parquet").frame.rows() == [(1.5, "x"), (2.0, "y")]
