"""Names of pictures in a table are meant from the table's folder, in every format; what is not there is counted."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.cli import main
from deepwright.prepare.infer import infer_kinds
from deepwright.sources import open_table, stream_table

PGM = b"P5 2 2 255\nabcd"
NAMES = [
    "pics/a b.png",
    "pics/café.JPG",
    "pics/ねこ.png",
    "./pics/кот.gif",
    "../out.png",
    "pics\\win.bmp",
    " pics/c.webp ",
]


def made(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name.strip().replace("\\", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PGM)


def as_csv(frame: pl.DataFrame, path: Path) -> None:
    frame.write_csv(path)


def as_parquet(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path)


def as_lines(frame: pl.DataFrame, path: Path) -> None:
    frame.write_ndjson(path)


def as_arrow(frame: pl.DataFrame, path: Path) -> None:
    frame.write_ipc(path)


def as_sqlite(frame: pl.DataFrame, path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE pictures (photo TEXT, y INTEGER)")
        base.executemany("INSERT INTO pictures VALUES (?, ?)", frame.rows())


@pytest.mark.parametrize(
    ("write", "name"),
    [(as_csv, "t.csv"), (as_parquet, "t.parquet"), (as_lines, "t.jsonl"), (as_arrow, "t.arrow"),
     (as_sqlite, "t.sqlite")],
)  # fmt: skip
def test_every_format(write: Callable[[pl.DataFrame, Path], None], name: str, tmp_path: Path) -> None:
    home = tmp_path / "my data"
    home.mkdir()
    made(home, NAMES)
    write(pl.DataFrame({"photo": NAMES, "y": range(len(NAMES))}), home / name)
    table = open_table(home / name)
    assert all(Path(value).is_absolute() and Path(value).read_bytes() == PGM for value in table.frame["photo"])
    assert f"Column 'photo' names 7 pictures, found from {home}." in table.origin.notes
    assert infer_kinds(table.frame)["photo"].kind == "image"
    assert pl.concat(list(stream_table(home / name, rows=3))).equals(table.frame)


def test_the_files_folder_comes_before_the_one_worked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "home", ["both.png"])
    made(tmp_path, ["both.png", "here.png"])
    pl.DataFrame({"photo": ["both.png", "here.png", str(tmp_path / "here.png")]}).write_csv("home/t.csv")
    found = open_table("home/t.csv").frame["photo"].to_list()
    assert found == [str(tmp_path / "home" / "both.png"), *[str(tmp_path / "here.png")] * 2]


def test_half_of_them_missing_is_counted_and_named(tmp_path: Path) -> None:
    made(tmp_path, [f"{i}.png" for i in range(0, 24, 2)])
    pl.DataFrame({"photo": [f"{i}.png" for i in range(24)] + [None], "y": [0, 1] * 12 + [0]}).write_csv(
        tmp_path / "t.csv"
    )
    table = open_table(tmp_path / "t.csv")
    note = table.origin.notes[-1]
    assert "names 24 pictures, 12 of which are not there" in note and "1.png, 3.png, 5.png and 9 more" in note
    assert table.frame["photo"][1] == str(tmp_path / "1.png") and table.frame["photo"][24] is None
    assert infer_kinds(table.frame)["photo"].kind == "image"


def test_none_there_is_said_and_nothing_changes(tmp_path: Path) -> None:
    names = ["a.png", "https://example.org/b.png", "/nowhere/c.png"]
    pl.DataFrame({"photo": names}).write_csv(tmp_path / "t.csv")
    table = open_table(tmp_path / "t.csv")
    assert table.frame["photo"].to_list() == names
    assert "names 3 pictures, of which none is there" in table.origin.notes[-1]


def test_other_texts_are_left_alone(tmp_path: Path) -> None:
    made(tmp_path, ["a.png"])
    pl.DataFrame({"said": ["see a.png for it", "a word", "png"], "n": [1, 2, 3]}).write_csv(tmp_path / "t.csv")
    table = open_table(tmp_path / "t.csv")
    assert table.frame["said"][0] == "see a.png for it" and "Column" not in " ".join(table.origin.notes)


def test_members_of_a_zip_and_other_forms_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(b"PK")
    made(tmp_path, [unicodedata.normalize("NFD", "é.png")])
    names = ["p.zip!/cats/1.png", unicodedata.normalize("NFC", "é.png"), "nul\0.png", "x" * 5000 + ".png"]
    pl.DataFrame({"photo": names}).write_parquet(tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert table.frame["photo"][0] == f"{tmp_path}/p.zip!/cats/1.png"
    assert Path(table.frame["photo"][1]).read_bytes() == PGM
    assert "2 of which are not there" in table.origin.notes[-1]


@pytest.mark.slow
def test_fit_and_predict_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table's folder counts, not the one the command runs in; the table moves together with its pictures."""
    draw = np.random.default_rng(0)
    for place in ("one", "two"):
        home = tmp_path / place
        made(home, ["pics/0.png"])
        for i in range(40):
            grey = draw.integers(0, 100, 64, dtype=np.uint8) + (i % 2) * 150
            (home / f"pics/{i}.png").write_bytes(b"P5 8 8 255\n" + grey.astype(np.uint8).tobytes())
        table = pl.DataFrame({"photo": [f"pics/{i}.png" for i in range(40)], "y": ["dark", "light"] * 20})
        table.write_csv(home / "t.csv")
    monkeypatch.chdir(tmp_path)
    words = ["fit", "one/t.csv", "--target", "y", "--contenders", "majority,linear", "--folder", "RUN", "-q", "--json"]
    assert main(words) == 0
    scores = {c["name"]: c["score"] for c in json.loads(capsys.readouterr().out)["contenders"]}
    assert scores["linear"] == 1.0
    (tmp_path / "one").rename(tmp_path / "gone")
    assert main(["predict", "RUN", "two/t.csv", "-o", "out.csv", "--contender", "linear"]) == 0
    made_of = pl.read_csv("out.csv")
    assert made_of["prediction"].to_list() == ["dark", "light"] * 20 and set(made_of["unseen"]) == {""}
    capsys.readouterr()
    assert main(["look", "two/t.csv", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["columns"][0]["kind"] == "image" and "names 40 pictures" in content["notes"][-1]
