"""Ways out of a folder: a dozen kinds against every function that takes a path; none gets out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import watch

from deepwright.core.errors import DeepwrightError, RunError
from deepwright.core.files import (
    append_line,
    check_manifest,
    inside,
    new_folder,
    read_bytes,
    read_json,
    read_json_lines,
    read_parquet,
    read_tensors,
    read_text,
    truncate_lines,
    write_bytes,
    write_json,
    write_manifest,
    write_parquet,
    write_tensors,
    write_text,
)


@contextlib.contextmanager
def opening_nothing_outside(root: Path) -> Iterator[None]:
    """Fails when anything outside `root` is opened, Python's own files left aside."""
    opened: list[Path] = []

    def watcher(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            target = Path(os.fsdecode(arguments[0])).resolve()
            if target.suffix not in (".py", ".pyc", ".so") and not target.is_relative_to(root.resolve()):
                opened.append(target)

    with watch.watching(watcher):
        yield
    assert opened == []


SECRET = b'{"secret": 42}\n'

NAMES = {
    "parent": "../outside.json",
    "parent deep inside": "contenders/../../outside.json",
    "here": "./run.json",
    "doubled slash": "contenders//scores.json",
    "absolute": "/etc/passwd",
    "absolute windows": "C:\\Windows\\win.ini",
    "drive": "C:run.json",
    "backslash": "..\\outside.json",
    "network share": "\\\\host\\share",
    "stream": "run.json::$DATA",
    "nul": "run.json\0.png",
    "newline": "run.json\n",
    "device": "NUL",
    "device with an ending": "contenders/com1.json",
    "trailing dot": "run.json.",
    "trailing blank": "run.json ",
    "home": "~/run.json",
    "wildcard": "*.json",
    "invisible": "run\u200b.json",
    "right to left": "run\u202enosj.exe",
    "not normalised": "caf\u0065\u0301.json",
    "lone surrogate": "run\ud800.json",
    "empty": "",
    "folder only": "/",
    "too long": "a" * 300,
    "too deep": "/".join("a" * 40),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_that_is_no_plain_one_is_refused(name: str, tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    (tmp_path / "outside.json").write_bytes(SECRET)
    with pytest.raises(RunError) as caught:
        inside(root, name)
    assert "\n" not in str(caught.value)
    with pytest.raises(RunError), new_folder(root, name):
        pass
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("name", [None, 3, b"run.json", ["run.json"]])
def test_a_name_is_text(name: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError):
        inside(tmp_path, name)


@pytest.mark.parametrize(
    "name", ["run.json", "contenders/tabm/scores.json", "été.json", "模型/w.safetensors", "a-b_c.1.json"]
)
def test_plain_names_pass(name: str, tmp_path: Path) -> None:
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    ("there", "asked"),
    [("run.json", "RUN.json"), ("Straße.json", "STRASSE.json"), ("file.json", "ﬁle.json"), ("K.json", "\u212a.json")],
)
def test_twins_in_case_or_unicode_are_refused(there: str, asked: str, tmp_path: Path) -> None:
    (tmp_path / there).write_bytes(b"{}")
    assert inside(tmp_path, there).exists()
    with pytest.raises(RunError):
        inside(tmp_path, asked)


def symbolic(root: Path, outside: Path) -> str:
    (root / "way.json").symlink_to(outside)
    return "way.json"


def symbolic_relative(root: Path, outside: Path) -> str:
    (root / "way.json").symlink_to("../outside.json")
    return "way.json"


def symbolic_chain(root: Path, outside: Path) -> str:
    (root / "first").symlink_to(outside)
    (root / "way.json").symlink_to("first")
    return "way.json"


def hard(root: Path, outside: Path) -> str:
    (root / "way.json").hardlink_to(outside)
    return "way.json"


def pipe(root: Path, outside: Path) -> str:
    os.mkfifo(root / "way.json")
    return "way.json"


def device(root: Path, outside: Path) -> str:
    (root / "way.json").symlink_to("/dev/zero")
    return "way.json"


def folder(root: Path, outside: Path) -> str:
    (root / "way.json").mkdir()
    return "way.json"


WAYS = (symbolic, symbolic_relative, symbolic_chain, hard, pipe, device, folder)
READERS: tuple[Callable[[Path], Any], ...] = (
    read_bytes, read_text, read_json, read_json_lines, read_parquet, read_tensors,
)  # fmt: skip
WRITERS: dict[str, Callable[[Path], Any]] = {
    "append_line": lambda path: append_line(path, {"a": 1}),
    "truncate_lines": lambda path: truncate_lines(path, 0),
    "write_bytes": lambda path: write_bytes(path, b"x"),
    "write_text": lambda path: write_text(path, "x"),
    "write_json": lambda path: write_json(path, 1),
    "write_tensors": lambda path: write_tensors(path, {"w": np.zeros(2)}),
    "write_parquet": lambda path: write_parquet(path, __import__("polars").DataFrame({"a": [1]})),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_no_reader_follows(way: Callable[[Path, Path], str], read: Callable[[Path], Any], tmp_path: Path) -> None:
    root, outside = tmp_path / "run", tmp_path / "outside.json"
    root.mkdir()
    outside.write_bytes(SECRET)
    name = way(root, outside)
    with opening_nothing_outside(root), pytest.raises(DeepwrightError):
        read(root / name)
    if way is not folder:
        with pytest.raises(RunError):
            inside(root, name)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_no_writer_writes_through(
    way: Callable[[Path, Path], str], write: Callable[[Path], Any], tmp_path: Path
) -> None:
    root, outside = tmp_path / "run", tmp_path / "outside.json"
    root.mkdir()
    outside.write_bytes(SECRET)
    name = way(root, outside)
    try:
        write(root / name)
    except DeepwrightError:
        pass
    else:  # a link may be replaced by a file of one's own, and is then a link no more
        assert not (root / name).is_symlink() and (root / name).stat().st_nlink == 1
    assert outside.read_bytes() == SECRET
    assert not list(root.glob(".*.tmp"))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_manifests_cover_no_links(way: Callable[[Path, Path], str], tmp_path: Path) -> None:
    root, outside = tmp_path / "run", tmp_path / "outside.json"
    root.mkdir()
    outside.write_bytes(SECRET)
    write_text(root / "a.txt", "a")
    write_manifest(root)
    way(root, outside)
    if way is folder:  # an empty folder holds nothing that a manifest could name
        assert check_manifest(root)
        return
    with opening_nothing_outside(root), pytest.raises(RunError):
        check_manifest(root)
    with opening_nothing_outside(root), pytest.raises(RunError):
        write_manifest(root)


def test_a_linked_folder_is_no_way_either(tmp_path: Path) -> None:
    root, outside = tmp_path / "run", tmp_path / "elsewhere"
    root.mkdir()
    outside.mkdir()
    (outside / "scores.json").write_bytes(SECRET)
    write_manifest(root)
    (root / "contenders").symlink_to(outside, target_is_directory=True)
    with pytest.raises(RunError, match="symbolic link"):
        inside(root, "contenders/scores.json")
    with pytest.raises(RunError, match="symbolic link"), new_folder(root, "contenders/tabm"):
        pass
    with opening_nothing_outside(root), pytest.raises(RunError):
        check_manifest(root)
    assert [path.name for path in outside.iterdir()] == ["scores.json"]


def test_a_run_may_itself_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    with new_folder(tmp_path / "runs", "run") as made:
        write_text(made / "a.txt", "a")
    assert check_manifest(tmp_path / "runs" / "run")
    assert read_text(inside(tmp_path / "runs" / "run", "a.txt")) == "a"
