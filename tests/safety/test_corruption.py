"""Accidents to a run folder's files: every flipped bit, cut and stray file is noticed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import RunError
from deepwright.core.files import (
    MANIFEST,
    check_manifest,
    read_json,
    write_json,
    write_manifest,
    write_parquet,
    write_tensors,
    write_text,
)
from deepwright.diagnosis import healthy_run

KINDS = ("flip", "cut", "grow", "zero", "swap", "remove", "add")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every kind of file that one holds, and its manifest."""
    folder = healthy_run().write(tmp_path_factory.mktemp("runs") / "run")
    rng = np.random.default_rng(0)
    write_tensors(folder / "encoders.safetensors", {"0/grid": rng.normal(size=(4, 30))})
    write_tensors(folder / "contenders" / "tabm" / "weights.safetensors", {"w": rng.normal(size=500)})
    write_text(folder / "contenders" / "linear" / "model.txt", "tree\n" * 40)
    write_parquet(folder / "split.parquet", pl.DataFrame({"row": range(900), "part": ["train"] * 900}))
    write_json(folder / "findings.json", [])
    write_text(folder / "report.html", "<!doctype html><p>Use tabm.")
    write_manifest(folder)
    return folder


def harm(folder: Path, rng: random.Random) -> str:
    """One accident to one file below the folder; says which."""
    file = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    data = bytearray(file.read_bytes())
    kind = rng.choices(KINDS, weights=(12, 4, 2, 2, 1, 1, 1))[0]
    place = rng.randrange(len(data)) if data else 0
    if kind == "remove" or not data:
        file.unlink()
        return f"remove {file.name}"
    if kind == "add":
        (file.parent / f"stray{rng.randrange(99)}.json").write_bytes(b"{}")
        return "add"
    if kind == "flip":
        data[place] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[place:]
    elif kind == "grow":
        data += rng.randbytes(rng.randrange(1, 20))
    elif kind == "zero":
        size = len(data[place : place + 16])
        data[place : place + 16] = bytes(size) if any(data[place : place + 16]) else b"\x01" * size
    else:
        other = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path != file))
        data = bytearray(other.read_bytes())
    file.write_bytes(data)
    return f"{kind} {file.name} at {place}"


def undetected(run: Path, room: Path, rounds: int, seed: int) -> list[str]:
    rng, missed = random.Random(seed), []
    for number in range(rounds):
        folder = room / str(number)
        shutil.copytree(run, folder)
        what = harm(folder, rng)
        try:
            check_manifest(folder)
            missed.append(what)
        except RunError as error:
            assert "\n" not in str(error)
        shutil.rmtree(folder)
    return missed


def test_sixty_accidents_are_noticed(run: Path, tmp_path: Path) -> None:
    assert undetected(run, tmp_path, 60, seed=1) == []


@pytest.mark.soak
def test_two_thousand_accidents_are_noticed(run: Path, tmp_path: Path) -> None:
    assert undetected(run, tmp_path, 2000, seed=2) == []


def test_every_single_bit_of_the_manifest_counts(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    whole = (folder / MANIFEST).read_bytes()
    places = random.Random(3).sample(range(8 * len(whole)), 300)
    for place in places:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        (folder / MANIFEST).write_bytes(data)
        with pytest.raises(RunError):
            check_manifest(folder)


def test_the_undamaged_run_passes_and_says_what_it_holds(run: Path) -> None:
    files = check_manifest(run)
    assert files["run.json"]["bytes"] == (run / "run.json").stat().st_size
    assert "contenders/tabm/weights.safetensors" in files


def test_damage_is_named(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / "facts.json").unlink()
    (folder / "notes.txt").write_text("mine")
    (folder / "report.html").write_text("<p>")
    with pytest.raises(RunError) as caught:
        check_manifest(folder)
    for said in ("'facts.json' is missing", "'notes.txt' is not in the manifest", "'report.html' has 3 bytes"):
        assert said in str(caught.value)


def test_files_of_one_s_own_may_lie_in_a_run(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / "notes.txt").write_text("mine")
    assert "run.json" in check_manifest(folder, only=("run.json", "schema.json", "never.json"))
    (folder / "schema.json").write_text("{}")
    with pytest.raises(RunError, match=r"schema\.json"):
        check_manifest(folder, only=("run.json", "schema.json"))
    assert check_manifest(folder, only=("run.json",))
    (folder / "schema.json").unlink()
    with pytest.raises(RunError, match="missing"):
        check_manifest(folder, only=("run.json", "schema.json"))


def test_a_manifest_of_a_later_format_says_so(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    content = read_json(folder / MANIFEST)
    write_json(folder / MANIFEST, {**content, "format": 2})
    with pytest.raises(RunError, match="expected manifest format 1, got 2"):
        check_manifest(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b'{"format": 1}', b'{"format": 1, "files": 3}',
        b'{"format": 1, "files": {"run.json": 1}}', b'{"format": 1, "format": 1, "files": {}}',
        b'{"format": 1, "files": {"../../x": {"bytes": 1, "sha256": ""}}}',
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(content: bytes, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(RunError):
        check_manifest(folder)
