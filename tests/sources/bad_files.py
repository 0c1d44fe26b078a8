"""Twenty ways for a table to be broken, each made at random; with what must come of it: an error or a note."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Bad:
    """A broken file: its name, bytes, and a word of the error (`error`) or of a note (`note`) that must come."""

    name: str
    data: bytes
    error: str = ""
    note: str = ""
    row: int | None = None


def rows_of(rng: random.Random, rows: int | None = None) -> tuple[list[str], list[list[str]]]:
    width = rng.randint(2, 6)
    names = [f"c{i}_{rng.choice('abc')}" for i in range(width)]
    words = ["red", "a, b", 'say "x"', "Zürich", "two\nlines", "", "plain text here"]
    makers: list[Callable[[], str]] = [
        lambda: str(rng.randint(-50, 999)),
        lambda: f"{rng.gauss(0, 10):.3f}",
        lambda: rng.choice(words),
    ]
    chosen = [makers[0], makers[1], *(rng.choice(makers) for _ in range(width - 2))]
    return names, [[make() for make in chosen] for _ in range(rows or rng.randint(5, 40))]


def text_of(names: list[str], rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _short_row(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    at = rng.randrange(len(rows))
    rows[at] = rows[at][:-1]
    return Bad("short.csv", text_of(names, rows).encode(), "cells" if len(names) > 2 else "cell", row=at + 1)


def _long_row(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    at = rng.randrange(len(rows))
    rows[at] = [*rows[at], "x"]
    return Bad("long.csv", text_of(names, rows).encode(), "cells", row=at + 1)


def _short_and_long(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    rows[1], rows[2] = rows[1][:-1], [*rows[2], "x"]
    return Bad("both.csv", text_of(names, rows).encode(), "cell", row=2)


def _unclosed(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    plain = [[cell.replace('"', "").replace("\n", " ").replace(",", " ") for cell in row] for row in rows]
    at = rng.randrange(len(plain))
    lines = [",".join(names), *(",".join(row) for row in plain)]
    lines[at + 1] = '"' + lines[at + 1]
    return Bad("unclosed.csv", "\n".join(lines).encode(), "does not close it", row=at + 1)


def _behind_quote(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    rows = [["1", *("x" for _ in names[1:])] for _ in rows]
    lines = text_of(names, rows).splitlines()
    at = rng.randrange(len(rows))
    lines[at + 1] = '"1"9' + lines[at + 1][1:]
    return Bad("behind.csv", "\n".join(lines).encode(), "behind the closing quote", row=at + 1)


def _nul(rng: random.Random) -> Bad:
    data = bytearray(text_of(*rows_of(rng)).encode())
    data.insert(rng.randrange(1, len(data)), 0)
    return Bad("nul.csv", bytes(data), "NUL")


def _binary(rng: random.Random) -> Bad:
    return Bad("binary.csv", b"\x01\x02" + rng.randbytes(rng.randint(50, 3000)), "")


def _foreign(rng: random.Random) -> Bad:
    magic, word = rng.choice(
        [
            (b"\x80\x04\x95", "pickle"),
            (b"PK\x03\x04\x14\x00\x00\x00\x00\x00", "zip"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"\x93NUMPY\x01\x00", "NumPy"),
            (b"\xff\xd8\xff\xe0", "JPEG"),
            (b"<!DOCTYPE html><html>", "HTML"),
        ]
    )
    return Bad(f"foreign.{rng.choice(['csv', 'parquet', 'jsonl'])}", magic + rng.randbytes(200), word)


def _empty(rng: random.Random) -> Bad:
    data = rng.choice([b"", b"\n\n\n", b"  \n", b"\xef\xbb\xbf", b"\r\n", b",,,\n"])
    return Bad("empty.csv", data, "")


def _header_only(rng: random.Random) -> Bad:
    names, _ = rows_of(rng)
    return Bad("header.csv", (",".join(names) + rng.choice(["", "\n", "\r\n", "\n\n"])).encode(), "no rows")


def _cut_gzip(rng: random.Random) -> Bad:
    names, rows = rows_of(rng, 300)
    data = gzip.compress(text_of(names, rows).encode())
    return Bad("cut.csv.gz", data[: rng.randint(20, len(data) - 1)], "cut off or damaged")


def _damaged_gzip(rng: random.Random) -> Bad:
    names, rows = rows_of(rng, 300)
    data = bytearray(gzip.compress(text_of(names, rows).encode()))
    for _ in range(20):
        data[rng.randrange(12, len(data))] ^= 0xFF
    return Bad("damaged.csv.gz", bytes(data), "")


def _broken_utf8(rng: random.Random) -> Bad:
    names, rows = rows_of(rng, 20)
    rows = [[*row[:-1], "Zürich Łódź"] for row in rows]
    data = text_of(names, rows).encode()
    at = data.rindex("ź".encode())
    return Bad("broken.csv", data[: at + 1] + b"(" + data[at + 2 :], "UTF-8")


def _latin(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    rows = [[*row[:-1], rng.choice(["München", "Köln", "Gruß"])] for row in rows]
    return Bad("latin.csv", text_of(names, rows).replace("Zürich", "Zurich").encode("cp1252"), note="Windows-1252")


def _twice_named(rng: random.Random) -> Bad:
    names, rows = rows_of(rng)
    names[1] = names[0]
    return Bad("twice.csv", text_of(names, rows).encode(), note="occurs again")


def _word_among_numbers(rng: random.Random) -> Bad:
    rows = [[str(i), str(rng.randint(1, 9))] for i in range(rng.randint(20, 60))]
    rows[rng.randrange(5, len(rows))][1] = "forty"
    return Bad("word.csv", text_of(["id", "age"], rows).encode(), note="forty")


def _broken_json(rng: random.Random) -> Bad:
    lines = [json.dumps({"a": i, "b": "x"}) for i in range(rng.randint(3, 30))]
    at = rng.randrange(len(lines))
    lines[at] = rng.choice([lines[at][:-2], "{a: 1}", "nonsense", lines[at] + ",", '{"a": "\x01"}'])
    return Bad("broken.jsonl", "\n".join(lines).encode(), f"line {at + 1}")


def _no_objects(rng: random.Random) -> Bad:
    whole = rng.choice([[1, 2], [{"a": 1}], "text", 3])
    return Bad(rng.choice(["list.jsonl", "list.json"]), json.dumps(whole).encode() + b"\n", "expected an object")


def _cut_parquet(rng: random.Random) -> Bad:
    data = _parquet(rng)
    return Bad("cut.parquet", data[: rng.randint(4, len(data) - 1)], "")


def _damaged_parquet(rng: random.Random) -> Bad:
    data = bytearray(_parquet(rng))
    data[-8:-4] = rng.randbytes(4)
    data[-40:-8] = rng.randbytes(32)
    return Bad("damaged.parquet", bytes(data), "")


def _parquet(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [rng.random() for _ in range(50)], "b": ["x", "y"] * 25}).write_parquet(buffer)
    return buffer.getvalue()


KINDS: dict[str, Callable[[random.Random], Bad]] = {
    "a row with a cell too few": _short_row,
    "a row with a cell too many": _long_row,
    "a short row and a long one": _short_and_long,
    "a quote that does not close": _unclosed,
    "text behind a closing quote": _behind_quote,
    "a NUL byte": _nul,
    "binary": _binary,
    "foreign content": _foreign,
    "empty": _empty,
    "a header only": _header_only,
    "gzip, cut": _cut_gzip,
    "gzip, damaged": _damaged_gzip,
    "damaged UTF-8": _broken_utf8,
    "Windows-1252": _latin,
    "a name twice": _twice_named,
    "a word among numbers": _word_among_numbers,
    "JSON lines, broken": _broken_json,
    "JSON, no objects": _no_objects,
    "Parquet, cut": _cut_parquet,
    "Parquet, damaged": _damaged_parquet,
}
"""Kind of damage → a function that makes one such file."""
