"""Paths: every kind of thing a path can lead to is opened or refused with one clear error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepwright.core.errors import DataError, DeepwrightError, NotFoundError
from deepwright.sources import bundled, open_table, stream_table

_DATA = b"id,price\n1,2.5\n2,3.5\n"


def test_a_missing_file_offers_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_bytes(_DATA)
    with pytest.raises(NotFoundError, match=r"Did you mean '.*houses\.csv'"):
        open_table(tmp_path / "house.csv")
    with pytest.raises(NotFoundError, match="no folder"):
        open_table(tmp_path / "nowhere" / "houses.csv")
    with pytest.raises(NotFoundError, match="Did you mean 'penguins'"):
        open_table("pengiuns")


def test_folders_devices_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(_DATA)
    with pytest.raises(DataError, match=r"folder.*a\.csv"):
        open_table(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", "/dev/zero", "/dev/null"):
        with pytest.raises(DataError, match="device, pipe or socket"):
            open_table(path)


def test_links_are_followed_and_dead_ones_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(_DATA)
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "dead.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    assert len(open_table(tmp_path / "link.csv")) == 2
    for name in ("dead.csv", "loop.csv"):
        with pytest.raises(DeepwrightError):
            open_table(tmp_path / name)


@pytest.mark.parametrize(
    "given", ["a\0b.csv", "x" * 5000, "", "https://example.org/a.csv", "~nobody-here/a.csv", 3, None]
)
def test_what_is_no_path_is_refused(given: object) -> None:
    with pytest.raises(DeepwrightError) as caught:
        open_table(given)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(_DATA)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        open_table(path)


@pytest.mark.parametrize(
    "name", ["a b.csv", "ünï.csv", "[x]*?.csv", "a=1.csv", "100%.csv", "#.csv", "noending", "a.CSV", "a.dat"]
)
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_DATA)
    assert open_table(tmp_path / name).frame["price"].to_list() == [2.5, 3.5]
    assert sum(frame.height for frame in stream_table(str(tmp_path / name))) == 2


def test_content_beats_the_suffix(tmp_path: Path) -> None:
    frame = open_table("penguins").frame
    for name, write in (
        ("a.csv", frame.write_parquet),
        ("b.parquet", frame.write_ipc),
        ("[c].txt", frame.write_parquet),
    ):
        write(tmp_path / name)
        assert open_table(tmp_path / name).frame.equals(frame)
    (tmp_path / "d.parquet").write_bytes(_DATA)
    with pytest.raises(DataError, match="content is not parquet"):
        open_table(tmp_path / "d.parquet")


def test_a_query_needs_a_source_that_takes_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="query"):
        open_table("iris", query="x")


def test_bundled_sets_open_with_the_rows_and_target_they_announce() -> None:
    for name, facts in bundled().items():
        table = open_table(name)
        assert table.frame.shape == (facts["rows"], facts["columns"]), name
        assert facts["target"] is None or facts["target"] in table.columns
        assert facts["title"] and facts["task"]


def test_listing_bundled_sets_imports_no_polars() -> None:
    import subprocess
    import sys

    code = "import sys; from deepwright.sources import bundled; bundled(); print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_file_of_that_name_comes_before_a_bundled_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("iris").write_bytes(_DATA)
    assert open_table("iris").columns == ["id", "price"]


def test_the_fingerprint_follows_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from deepwright.sources import _content

    path = tmp_path / "a.csv"
    path.write_bytes(_DATA)
    assert open_table(path).origin.fingerprint == hashlib.sha256(_DATA).hexdigest()
    monkeypatch.setattr(_content, "_TREE_BYTES", 10)
    one = open_table(path).origin.fingerprint
    path.write_bytes(_DATA.replace(b"3.5", b"3.6"))
    assert one.startswith("crc32-tree:") and open_table(path).origin.fingerprint != one
