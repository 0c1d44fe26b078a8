"""Folders and zips of pictures: rows and classes in natural order, everything else left out by name."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError, NotFoundError
from deepwright.core.table import Table
from deepwright.prepare.infer import infer_kinds
from deepwright.sources import open_table, stream_table
from deepwright.sources._class_folders import natural

RNG = np.random.default_rng(0)


def png(shade: int | None = None) -> bytes:
    buffer = io.BytesIO()
    pixels = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8) if shade is None else np.full((6, 8, 3), shade, np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png(7)


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    return root


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def names_in(table: Table, root: Path | str) -> list[str]:
    return [str(value).removeprefix(f"{root}/") for value in table.frame["image"]]


def notes_of(table: Table) -> str:
    return " ".join(table.origin.notes)


def test_a_row_a_picture_with_its_class_in_natural_order(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "photos", "dogs/10.png", "dogs/2.png", "Cats/b.png", "cats2/a.png", "cats10/a.png")
    table = open_table(root)
    assert table.columns == ["image", "class"] and table.origin.format == "image_folder"
    assert names_in(table, root) == ["Cats/b.png", "cats2/a.png", "cats10/a.png", "dogs/2.png", "dogs/10.png"]
    assert table.frame["class"].to_list() == ["Cats", "cats2", "cats10", "dogs", "dogs"]
    assert "5 files in 4 class folders" in notes_of(table)
    assert "single picture: Cats, cats2, cats10" in notes_of(table)
    assert pl.concat(list(stream_table(str(root), rows=2))).equals(table.frame)


def test_columns_read_as_pictures_and_classes(tmp_path: Path) -> None:
    root = folder_of(tmp_path, *(f"{name}/{i}.png" for name in ("cats", "dogs") for i in range(12)))
    assert {name: view.kind for name, view in infer_kinds(open_table(root).frame).items()} == {
        "image": "image",
        "class": "category",
    }


def test_names_in_every_script(tmp_path: Path) -> None:
    names = [
        "猫/子猫 1.png",
        "كلاب/جرو.png",
        "Кошки/кот.png",
        "naïve/é.png",
        "🐕/a b.png",
        "quote's/“x”.png",
        "עברית/א.png",
    ]
    root = folder_of(tmp_path, *names, "nai\u0308ve/2.png")
    table = open_table(root)
    assert sorted(table.frame["class"].unique()) == sorted(name.partition("/")[0] for name in names)
    assert all(Path(value).is_file() for value in table.frame["image"])
    zipped = zip_of(tmp_path / "all.zip", dict.fromkeys(names, PICTURE))
    assert sorted(open_table(zipped).frame["class"]) == sorted(name.partition("/")[0] for name in names)


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder_of(tmp_path, "cats/1.png")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/cats/\xff\xfe.png")).write_bytes(PICTURE)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    table = open_table(tmp_path)
    assert len(table) == 1 and "(a name that is not UTF-8)" in notes_of(table)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    root = folder_of(tmp_path, "cats/1.png", "cats/picture.dat", "cats/really-png.jpg")
    (root / "cats" / "text.jpg").write_text("dear diary")
    (root / "cats" / "zero.jpg").write_bytes(b"")
    (root / "cats" / "notes.txt").write_text("no picture")
    for clutter in (".DS_Store", "Thumbs.db", ".hidden.png"):
        (root / "cats" / clutter).write_bytes(PICTURE)
    table = open_table(root)
    assert names_in(table, root) == ["cats/1.png", "cats/picture.dat", "cats/really-png.jpg"]
    assert "Left out: 1 file (named like a picture, but empty): cats/zero.jpg." in table.origin.notes
    assert "Left out: 1 file (named like a picture, but none): cats/text.jpg." in table.origin.notes
    assert "Left out: 1 file (no picture): cats/notes.txt." in table.origin.notes


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "photos", "cats/1.png")
    folder_of(tmp_path / "elsewhere", "secret.png")
    (root / "cats" / "loop").symlink_to(root)
    (root / "outside").symlink_to(tmp_path / "elsewhere")
    (root / "cats" / "2.png").symlink_to(tmp_path / "elsewhere" / "secret.png")
    (root / "cats" / "dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "cats" / "pipe.png")
    table = open_table(root)
    assert names_in(table, root) == ["cats/1.png"]
    assert "4 files (a link, which is not followed): cats/2.png, cats/dangling.png, cats/loop and 1 more" in notes_of(
        table
    )
    assert "1 file (a device, pipe or socket): cats/pipe.png" in notes_of(table)


def test_folders_around_and_below_class_folders(tmp_path: Path) -> None:
    around = folder_of(tmp_path / "a", "photos/v1/cats/1.png", "photos/v1/dogs/1.png", "photos/v1/dogs/young/2.png")
    assert open_table(around).frame["class"].to_list() == ["cats", "dogs", "dogs"]
    one = folder_of(tmp_path / "b", "cats/1.png", "cats/2.png")
    assert open_table(one).frame["class"].to_list() == ["cats", "cats"]
    some = open_table(folder_of(tmp_path / "c", "1.png", "cats/2.png"))
    assert sorted(some.frame["class"].to_list(), key=str) == [None, "cats"]
    assert "1 of the pictures lie in no class folder" in notes_of(some)
    assert open_table(folder_of(tmp_path / "d", "1.png", "2.png")).columns == ["image"]


def test_folders_that_part_the_pictures_are_no_classes(tmp_path: Path) -> None:
    root = folder_of(tmp_path, "train/cats/1.png", "train/dogs/1.png", "val/cats/2.png")
    table = open_table(root)
    assert table.frame["class"].to_list() == ["cats", "dogs", "cats"]
    assert table.frame["part"].to_list() == ["train", "train", "val"] and table.origin.part == "part"
    assert "Folders say the part: train, val (column part)" in notes_of(table)
    alone = open_table(root / "train")
    assert alone.frame["class"].to_list() == ["cats", "dogs"] and alone.origin.part is None
    unlabelled = open_table(folder_of(tmp_path / "b", "train/cats/1.png", "train/dogs/1.png", "test/1.png"))
    assert unlabelled.frame["class"].to_list() == [None, "cats", "dogs"]
    assert open_table(folder_of(tmp_path / "c", "val/cats/1.png", "test/cats/1.png")).origin.part is None


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"this is a folder without any\. Name a file inside it: table\.csv"):
        open_table(tmp_path)
    (tmp_path / "fake.png").write_text("text")
    with pytest.raises(DataError, match=r"no picture in it .*named like a picture, but none\): fake\.png"):
        open_table(tmp_path)
    with pytest.raises(DataError, match="one way only"):
        open_table(folder_of(tmp_path, "cats/1.png"), reading={"delimiter": ";"})
    with pytest.raises(DataError, match="query"):
        open_table(tmp_path, query="SELECT 1")
    with pytest.raises(NotFoundError):
        open_table(tmp_path / "catz")


def test_a_zip_is_the_same_table(tmp_path: Path) -> None:
    members = {f"photos/{name}/{i}.png": png() for name in ("cats", "dogs") for i in range(3)}
    zipped = zip_of(tmp_path / "photos.zip", {"__MACOSX/photos/cats/._0.png": b"x", "photos/read.me": b"?", **members})
    for name, content in members.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    packed, plain = open_table(zipped), open_table(tmp_path / "photos")
    assert packed.frame["class"].to_list() == plain.frame["class"].to_list()
    assert names_in(packed, f"{zipped}!/photos") == names_in(plain, tmp_path / "photos")
    assert "1 file (no picture): photos/read.me" in notes_of(packed)
    assert infer_kinds(packed.frame)["image"].kind == "image"


def test_members_that_lead_out_are_left_alone(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("cats/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bad = ["../evil.png", "/etc/evil.png", "cats/../../evil.png", "C:/evil.png", "cats\\..\\evil.png"]
    zipped = zip_of(tmp_path / "x.zip", {"cats/1.png": PICTURE, **dict.fromkeys(bad, PICTURE)})
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("cats/1.png", PICTURE)
    table = open_table(zipped)
    assert names_in(table, f"{zipped}!") == ["cats/1.png"]
    assert "5 files (a name that leads out of the zip)" in notes_of(table)
    assert "1 file (a link, which is not followed)" in notes_of(table)
    assert "1 file (a name that is there twice)" in notes_of(table)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_damaged_and_hostile_zips(tmp_path: Path) -> None:
    whole = zip_of(tmp_path / "x.zip", {f"cats/{i}.png": png() for i in range(9)}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        open_table(tmp_path / "cut.zip")
    with pytest.raises(DataError, match="a zip archive"):
        open_table(zip_of(tmp_path / "table.zip", {"table.csv": b"a,b\n1,2\n"}))
    bomb = zip_of(tmp_path / "bomb.zip", {"cats/1.png": PICTURE, "cats/bomb.png": PICTURE + bytes(257 << 20)})
    table = open_table(bomb)
    assert len(table) == 1 and "1 file (above 256 MiB): cats/bomb.png" in notes_of(table)
    damaged = bytearray(whole)
    damaged[60:200] = bytes(140)
    (tmp_path / "damaged.zip").write_bytes(damaged)
    table = open_table(tmp_path / "damaged.zip")
    assert 0 < len(table) < 9 and "cats/0.png" in notes_of(table)


def test_fingerprint_tells_contents_apart(tmp_path: Path) -> None:
    one, two = folder_of(tmp_path / "a", "cats/1.png"), folder_of(tmp_path / "b", "cats/1.png")
    assert open_table(one).origin.fingerprint == open_table(two).origin.fingerprint
    (two / "cats" / "1.png").write_bytes(png(8))
    assert open_table(one).origin.fingerprint != open_table(two).origin.fingerprint


def test_natural_order() -> None:
    assert sorted(["b10", "B9", "a", "b", "b1", "10", "2", "²"], key=natural) == [
        "2",
        "10",
        "a",
        "b",
        "b1",
        "B9",
        "b10",
        "²",
    ]


def test_bytes_in_parquet_are_pictures(tmp_path: Path) -> None:
    content = [png() for _ in range(12)]
    frame = pl.DataFrame({"photo": [None, None, *content], "mark": [b"\x00"] * 14, "kind": ["a", "b"] * 7})
    frame.write_parquet(tmp_path / "photos.parquet")
    table = open_table(tmp_path / "photos.parquet")
    assert table.columns == ["photo", "kind"] and "'mark' is left out: it holds bytes" in notes_of(table)
    assert table.frame["photo"].to_list() == [None, None, *content]
    assert infer_kinds(table.frame)["photo"].kind == "image"
    assert pl.concat(list(stream_table(tmp_path / "photos.parquet", rows=2))).equals(table.frame)
