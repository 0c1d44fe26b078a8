"""Killed, out of space or over a limit at every file boundary: what was good before is good after."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import watch

from deepwright.core.errors import DeepwrightError, RunError, UserError
from deepwright.core.files import (
    amend,
    append_line,
    check_manifest,
    new_folder,
    read_json,
    read_json_lines,
    read_tensors,
    sweep,
    truncate_lines,
    write_bytes,
    write_json,
    write_manifest,
    write_tensors,
    write_text,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="faults are injected into forked children")


@dataclass(frozen=True)
class Deed:
    """Something that changes a folder: how it is set up, done, and what must hold whether or not it was done."""

    set_up: Callable[[Path], None]
    do: Callable[[Path], None]
    holds: Callable[[Path], bool]
    """Old or new, and whole; True where it is new. Asserts."""


def old_or_new(path: Path, old: object, new: object) -> bool:
    found = read_json(path)
    assert found in (old, new)
    return found == new


def _folder(root: Path) -> None:
    with new_folder(root, "model") as folder:
        write_json(folder / "scores.json", {"a": 1})
        (folder / "weights").mkdir()
        write_tensors(folder / "weights" / "w.safetensors", {"w": np.arange(10.0)})


def _folder_holds(root: Path) -> bool:
    if not (root / "model").exists():
        return False
    assert set(check_manifest(root / "model")) == {"scores.json", "weights/w.safetensors"}
    assert read_tensors(root / "model" / "weights" / "w.safetensors")["w"].tolist() == list(range(10))
    return True


def _lines(root: Path, count: int) -> None:
    for i in range(count):
        append_line(root / "log.jsonl", {"i": i})


def _lines_hold(root: Path, old: int, new: int) -> bool:
    found = [line["i"] for line in read_json_lines(root / "log.jsonl")]
    assert found in (list(range(old)), list(range(new)))
    return found == list(range(new))


def _manifest_set_up(root: Path) -> None:
    write_text(root / "a.txt", "a")
    write_manifest(root)


DEEDS = {
    "write_json": Deed(
        lambda root: write_json(root / "x.json", [1]),
        lambda root: write_json(root / "x.json", [2] * 5000),
        lambda root: old_or_new(root / "x.json", [1], [2] * 5000),
    ),
    "write_tensors": Deed(
        lambda root: write_tensors(root / "w.safetensors", {"w": np.zeros(3)}),
        lambda root: write_tensors(root / "w.safetensors", {"w": np.ones(5000)}),
        lambda root: len(read_tensors(root / "w.safetensors")["w"]) == 5000,
    ),
    "append_line": Deed(
        lambda root: _lines(root, 3),
        lambda root: append_line(root / "log.jsonl", {"i": 3, "pad": "x" * 9000}, durable=True),
        lambda root: _lines_hold(root, 3, 4),
    ),
    "truncate_lines": Deed(
        lambda root: _lines(root, 9),
        lambda root: truncate_lines(root / "log.jsonl", 4),
        lambda root: _lines_hold(root, 9, 4),
    ),
    "write_manifest": Deed(
        _manifest_set_up, lambda root: write_manifest(root), lambda root: bool(check_manifest(root))
    ),
    "amend": Deed(
        _folder,
        lambda root: amend(root / "model", "scores.json", b'{"a": 2}'),
        lambda root: _folder_holds(root) and old_or_new(root / "model" / "scores.json", {"a": 1}, {"a": 2}),
    ),
    "new_folder": Deed(lambda root: None, _folder, _folder_holds),
}
named = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())


def boundaries(deed: Deed, root: Path) -> int:
    """How many file boundaries the deed crosses."""
    root.mkdir()
    deed.set_up(root)
    count = [0]
    with watch.at_boundary(-1, lambda: None, count):
        deed.do(root)
    assert deed.holds(root)
    return count[0]


@named
def test_killed_at_every_boundary(deed: Deed, tmp_path: Path) -> None:
    total = boundaries(deed, tmp_path / "whole")
    assert total >= 2
    for number in range(1, total + 1):
        root = tmp_path / str(number)
        root.mkdir()
        deed.set_up(root)

        def killed(root: Path = root, number: int = number) -> None:
            with watch.at_boundary(number, lambda: os._exit(137), [0]):
                deed.do(root)

        assert watch.in_child(killed) == 137
        deed.holds(root)
        sweep(root)
        assert not list(root.glob(".*.tmp"))
        if not deed.holds(root):  # life goes on: the same deed, done again, succeeds
            deed.do(root)
        assert deed.holds(root)


@named
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT], ids=errno.errorcode.get)
def test_an_error_at_every_boundary(deed: Deed, number: int, tmp_path: Path) -> None:
    total = boundaries(deed, tmp_path / "whole")

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    said = 0
    for place in range(1, total + 1):
        root = tmp_path / str(place)
        root.mkdir()
        deed.set_up(root)
        try:
            with watch.at_boundary(place, fail, [0]):
                deed.do(root)
        except DeepwrightError as error:
            said += 1
            assert "\n" not in str(error)
            assert str(root) in (error.where or "")
        deed.holds(root)
        assert not list(root.glob(".*.tmp"))
    assert said == total


@named
def test_over_the_file_size_limit(deed: Deed, tmp_path: Path) -> None:
    for limit in (0, 1, 7, 40, 100, 4096):
        root = tmp_path / str(limit)
        root.mkdir()
        deed.set_up(root)

        def limited(root: Path = root, limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            deed.do(root)

        code = watch.in_child(limited)
        assert code in (0, 3)
        assert deed.holds(root) == (code == 0) or deed is DEEDS["write_manifest"]
        assert not list(root.glob(".*.tmp"))


def test_a_failed_block_leaves_no_folder(tmp_path: Path) -> None:
    for trouble in (ValueError("no"), KeyboardInterrupt(), RunError("no")):
        with pytest.raises(type(trouble)), new_folder(tmp_path, "model") as folder:
            write_text(folder / "a.txt", "a")
            raise trouble
    assert not list(tmp_path.iterdir())


def test_a_taken_name_is_refused_and_untouched(tmp_path: Path) -> None:
    _folder(tmp_path)
    with pytest.raises(RunError, match="there already"):
        _folder(tmp_path)
    assert _folder_holds(tmp_path)


def test_a_folder_that_may_not_be_written_says_so_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written") as caught:
        write_bytes(tmp_path / "nowhere" / "x.json", b"")
    assert "nowhere" in str(caught.value) and "\n" not in str(caught.value)
    (tmp_path / "x").mkdir()
    with pytest.raises(UserError):
        write_bytes(tmp_path / "x", b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_an_append_drops_what_a_crash_tore(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    _lines(tmp_path, 2)
    for torn in (b'{"i": 2', b"\0" * 70_000, b'{"i": 2}'):
        with log.open("ab") as file:
            file.write(torn)
        assert [line["i"] for line in read_json_lines(log)] == [0, 1]
        append_line(log, {"i": 2})
        assert [line["i"] for line in read_json_lines(log)] == [0, 1, 2]
        truncate_lines(log, 2)


def test_a_log_shorter_than_its_checkpoint_is_an_error(tmp_path: Path) -> None:
    _lines(tmp_path, 2)
    with pytest.raises(UserError, match="at least 5 whole lines, it has 2"):
        truncate_lines(tmp_path / "log.jsonl", 5)
    truncate_lines(tmp_path / "none.jsonl", 0)
