"""CSV: what is read is what Python's csv module wrote, over random dialects, encodings and notations of numbers."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deepwright.sources import open_table, stream_table

_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LETTERS = st.characters(codec="cp1252", exclude_categories=("Cc", "Cs"), exclude_characters="\xa0")
_TEXT = st.text(_LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)


def _numbers(rng: random.Random, decimal: str, thousands: str, rows: int) -> tuple[list[str], list[float | None]]:
    values = [None if rng.random() < 0.1 else round(rng.uniform(-5000, 5000), 3) for _ in range(rows)]
    values[0] = 1234567.25
    swap = str.maketrans({",": thousands or None, ".": decimal})
    texts = ["" if value is None else f"{value:,.3f}".translate(swap) for value in values]
    return texts, values


def _table(rng: random.Random, rows: int, decimal: str, thousands: str, words: list[str]) -> tuple[Any, pl.DataFrame]:
    """The cells as texts, and the frame that they must become."""
    texts, numbers = _numbers(rng, decimal, thousands, rows)
    integers = [rng.randint(-1000, 1000) for _ in range(rows)]
    days = [date(2020, 1, 1) + timedelta(days=rng.randrange(1000)) for _ in range(rows)]
    said = [rng.choice(words) for _ in range(rows)]
    flags = [rng.random() < 0.5 for _ in range(rows)]
    columns = {
        "x": (texts, pl.Series(numbers, dtype=pl.Float64)),
        "n": ([str(i) for i in integers], pl.Series(integers, dtype=pl.Int64)),
        "day": ([f"{d:%Y-%m-%d}" for d in days], pl.Series(days)),
        "said": (said, pl.Series(said, dtype=pl.String)),
        "flag": (["True" if flag else "False" for flag in flags], pl.Series(flags)),
    }
    names = list(columns)
    rng.shuffle(names)
    expected = pl.DataFrame({name: columns[name][1] for name in names})
    return [names, *zip(*(columns[name][0] for name in names), strict=True)], expected


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**9),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    notation=st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'")]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    words=st.lists(
        _TEXT | st.sampled_from(['a "b" c', "x, y; z|w", "two\nlines", '"', "tab\there"]), min_size=2, max_size=6
    ),
)
def test_what_is_read_is_what_was_written(
    tmp_path: Path,
    seed: int,
    delimiter: str,
    notation: tuple[str, str],
    encoding: str,
    line_end: str,
    quoting: Any,
    words: list[str],
) -> None:
    words = [f"w{word}w" for word in words]  # so that no word is a number, a date or a missing word
    cells, expected = _table(random.Random(seed), 30, *notation, words)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(cells)
    data = text.getvalue().encode(encoding)
    if encoding == "cp1252":
        assume(not _UTF8.search(data))  # such bytes are UTF-8 as well, and nobody can tell
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    table = open_table(path)
    assert table.frame.equals(expected), (table.frame, expected, table.origin)
    again = open_table(path, reading=table.origin.reading)
    assert again.frame.equals(expected)
    streamed = list(stream_table(path, reading=table.origin.reading, rows=7))
    assert pl.concat(streamed).equals(expected) and all(frame.height <= 7 for frame in streamed)


def _prototype_cells(rng: random.Random) -> dict[str, Any]:
    words = [
        "the",
        "of",
        "Paris,",
        "München;",
        "a|b",
        "12:30",
        "2021-05-04",
        "it's",
        '"quoted"',
        "www.x.org",
        "3,14",
        "1.5",
        "N/A",
    ]
    return {
        "integer": lambda: str(rng.randint(0, 999)),
        "number": lambda: f"{rng.random():.3f}",
        "comma": lambda: f"{rng.random():.3f}".replace(".", ","),
        "time": lambda: f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}:00",
        "text": lambda: " ".join(rng.choice(words) for _ in range(rng.randint(1, 6))),
        "category": lambda: rng.choice(["red", "green", "blue"]),
        "empty": lambda: "",
    }


def _wrong_delimiters(cases: int, path: Path) -> list[Any]:
    rng = random.Random(0)
    make = _prototype_cells(rng)
    wrong = []
    for case in range(cases):
        delimiter, width = rng.choice(",;\t|"), rng.randint(2, 8)
        kinds = ["integer", *(rng.choice(list(make)) for _ in range(width - 1))]
        rng.shuffle(kinds)
        rows = [[make[kind]() for kind in kinds] for _ in range(30)]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([[f"col{i}" for i in range(width)], *rows])
        table = open_table(path)
        if table.origin.reading["delimiter"] != delimiter or table.frame.shape != (30, width):
            wrong.append((case, delimiter, kinds, table.origin.reading))
    return wrong


@pytest.mark.slow
def test_the_delimiter_is_right_with_free_text(tmp_path: Path) -> None:
    wrong = _wrong_delimiters(120, tmp_path / "t.csv")
    assert not wrong, wrong


@pytest.mark.soak
def test_the_delimiter_is_right_on_two_thousand_files_with_free_text(tmp_path: Path) -> None:
    wrong = _wrong_delimiters(2000, tmp_path / "t.csv")
    assert not wrong, wrong


@pytest.mark.slow
def test_one_column_of_free_text(tmp_path: Path) -> None:
    texts = ["a, b and c", "plain", "x; y", 'he said "no", twice', "1,5 or so"] * 10
    path = tmp_path / "one.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    assert open_table(path).frame["text"].to_list() == texts


def test_blocks_meet_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepwright.sources import _blocks

    rng = random.Random(3)
    cells, expected = _table(rng, 600, ".", "", ["plain", "two\nlines", 'a "b"', "x,y", "ümlaut €"])
    text = io.StringIO(newline="")
    csv.writer(text).writerows(cells)
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    for size in (257, 1024, 9999):
        monkeypatch.setattr(_blocks, "BLOCK", size)
        assert open_table(path).frame.equals(expected)
        assert pl.concat(stream_table(path, rows=100)).equals(expected)


def test_types_are_settled_over_the_whole_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepwright.sources import _blocks

    rows = 20_000
    columns = {
        "late_word": [*map(str, range(rows - 1)), "word"],
        "late_fraction": [*map(str, range(rows - 1)), "0.5"],
        "late_number": [*([""] * (rows - 1)), "7"],
        "late_zero": [*map(str, range(10, rows + 9)), "007"],
        "late_comma": [*(["12"] * (rows - 1)), "1,5"],
        "late_missing": [*(["1.5"] * (rows - 2)), "NA", "?"],
        "late_text": [*([""] * (rows - 1)), "x"],
    }
    path = tmp_path / "late.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([columns, *zip(*columns.values(), strict=True)])
    for size in (8 << 20, 64 << 10):
        monkeypatch.setattr(_blocks, "BLOCK", size)
        frame = open_table(path).frame
        kinds = {name: frame.schema[name] for name in frame.columns}
        assert kinds["late_word"] == kinds["late_zero"] == kinds["late_text"] == pl.String
        assert kinds["late_fraction"] == kinds["late_comma"] == kinds["late_missing"] == pl.Float64
        assert kinds["late_number"] == pl.Int64
        assert frame["late_word"].to_list() == columns["late_word"]
        assert frame["late_comma"][-1] == 1.5 and frame["late_missing"].null_count() == 2
        assert pl.concat(stream_table(path)).equals(frame)
