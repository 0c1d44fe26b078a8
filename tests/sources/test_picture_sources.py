"""Pictures that come as arrays: NPZ, the batches of CIFAR-10 and Parquet; nothing is lost, bad files are one line."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.cli import main
from deepwright.core.errors import DataError
from deepwright.kinds._pictures import picture
from deepwright.sources import open_table, stream_table

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
BATCH = RNG.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
LABELS = np.array([3, 0, 9, 3, 1, 2, 5, 9])
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def pixels(frame: pl.DataFrame) -> np.ndarray:
    """(N, H, W, C)."""
    return np.stack([picture(content, "").transpose(1, 2, 0) for content in frame["image"]])


# ---------------------------------------------------------------- NPZ
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("array", [COLOUR, COLOUR[..., 0], COLOUR.transpose(0, 3, 1, 2), np.asfortranarray(COLOUR)])
def test_arrays_are_pictures(tmp_path: Path, save: object, array: np.ndarray) -> None:
    save(tmp_path / "a.npz", images=array, labels=np.arange(6))  # type: ignore[operator]
    table = open_table(tmp_path / "a.npz")
    assert table.columns == ["image", "label"] and table.origin.part is None
    assert (pixels(table.frame) == (COLOUR if array.ndim == 4 else COLOUR[..., :1])).all()
    assert table.frame["label"].to_list() == list(range(6))
    assert pl.concat(list(stream_table(tmp_path / "a.npz", rows=4))).equals(table.frame)


def test_names_of_arrays_say_the_part(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "k.npz", x_test=COLOUR[4:], y_test=np.array(["b", "a"]), x_train=COLOUR[:4], y_train=list("abab")
    )
    table = open_table(tmp_path / "k.npz")
    assert table.frame["part"].to_list() == ["train"] * 4 + ["test"] * 2 and table.origin.part == "part"
    assert table.frame["label"].to_list() == list("ababba") and (pixels(table.frame) == COLOUR).all()


def test_several_columns_beside_the_pictures(tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", images=COLOUR, age=np.arange(6.0), kind=np.array([[1], [0], [1], [0], [1], [0]]))
    assert open_table(tmp_path / "c.npz").columns == ["image", "age", "kind"]


def npy(array: np.ndarray, shape: str | None = None) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    content = file.getvalue()
    if shape is None:
        return content
    text = str(array.shape).encode()
    return content.replace(text, shape.encode() + b" " * (len(text) - len(shape)))


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


BAD_ARRAYS = [
    ({"images": npy(COLOUR), "labels": npy(np.array(["a", 1], dtype=object))}, "array of objects, a pickle"),
    ({"images": npy(COLOUR, "(9, 5, 4, 3)")}, "it says that it holds 9 × 5 × 4 × 3 values"),
    ({"images": npy(COLOUR, "(-1, 5, 4, 3)")}, "it says that it holds -1"),
    ({"images": npy(COLOUR[:, :, :, :2])}, "with 1 or 3 channels, got 6 × 5 × 4 × 2"),
    ({"images": npy(COLOUR[:0])}, "no rows"),
    ({"images": npy(COLOUR[:, :0])}, "of 1 to 80,000,000 pixels"),
    (
        {"images": npy(COLOUR.astype(np.float32))},
        r"expected an array of pictures .*got images \(float32, 6 × 5 × 4 × 3\)",
    ),
    ({"images": npy(COLOUR), "labels": npy(np.arange(5))}, "expected 6 labels for images, labels has 5"),
    ({"a": npy(COLOUR), "b": npy(COLOUR)}, "one array of pictures for each part, got a and b"),
    ({"x_train": npy(COLOUR), "y_train": npy(np.arange(6)), "x_test": npy(COLOUR)}, "same columns: train: label; test"),
    ({"images": b"\x93NUMPY\x01\x00\x10\x00{'descr': __impo"}, "header is damaged"),
    ({"images": b"not an array"}, "header is damaged"),
]


@pytest.mark.parametrize(("members", "said"), BAD_ARRAYS, ids=[said[:30] for _, said in BAD_ARRAYS])
def test_bad_arrays_are_one_line(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    with pytest.raises(DataError, match=said):
        open_table(zipped(tmp_path / "bad.npz", **members))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.sources.npz._BOMB_BYTES", 1 << 20)
    with pytest.raises(DataError, match="bytes unfold to"):
        open_table(zipped(tmp_path / "bomb.npz", images=npy(np.zeros((3, 1024, 1024), np.uint8))))


def test_cut_and_damaged_npz(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", images=npy(COLOUR))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError):
        open_table(path)
    broken = bytearray(whole)
    broken[150:170] = b"\xff" * 20
    path.write_bytes(bytes(broken))
    with pytest.raises(DataError, match=r"cut off or damaged|header is damaged"):
        open_table(path)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="content is not npz"):
        open_table(path)


# ---------------------------------------------------------------- CIFAR-10
def batch(start: int, end: int) -> bytes:
    planes = BATCH[start:end].transpose(0, 3, 1, 2).reshape(end - start, -1)
    return np.concatenate([LABELS[start:end, None].astype(np.uint8), planes], axis=1).tobytes()


def cifar(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "data_batch_1.bin").write_bytes(batch(0, 3))
    (folder / "data_batch_10.bin").write_bytes(batch(3, 5))
    (folder / "data_batch_2.bin").write_bytes(batch(5, 6))
    (folder / "test_batch.bin").write_bytes(batch(6, 8))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    (folder / "readme.html").write_text("a page")
    return folder


def test_batches_of_a_folder_and_of_a_tar(tmp_path: Path) -> None:
    folder = cifar(tmp_path / "data" / "cifar-10-batches-bin")
    table = open_table(folder)
    order = [0, 1, 2, 5, 3, 4, 6, 7]
    assert (pixels(table.frame) == BATCH[order]).all() and table.origin.part == "part"
    assert table.frame["label"].to_list() == [NAMES[LABELS[i]] for i in order]
    assert table.frame["part"].to_list() == ["train"] * 6 + ["test"] * 2
    assert open_table(folder.parent).frame.equals(table.frame)
    assert pl.concat(list(stream_table(folder, rows=2))).equals(table.frame)
    for name in ("c.tar.gz", "c.tar"):
        with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(folder, arcname="cifar-10-batches-bin")
        assert open_table(tmp_path / name).frame.equals(table.frame)
    alone = open_table(folder / "test_batch.bin")
    assert alone.frame["label"].to_list() == ["frog" if n == 6 else NAMES[n] for n in LABELS[6:]]
    assert alone.origin.part is None


def test_a_class_of_zeros_is_still_a_batch(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073 * 2))
    table = open_table(tmp_path / "data_batch_1.bin")
    assert table.frame["label"].to_list() == [0, 0] and "labels are numbers" in " ".join(table.origin.notes)


def test_bad_batches_are_one_line(tmp_path: Path) -> None:
    folder = cifar(tmp_path / "c")
    (folder / "data_batch_2.bin").write_bytes(batch(5, 6)[:-1])
    with pytest.raises(DataError, match=r"rows of 3,073 bytes, data_batch_2.bin has 3,072 bytes: 1.00 rows"):
        open_table(folder)
    (folder / "data_batch_2.bin").write_bytes(b"\x63" + batch(5, 6)[1:])
    with pytest.raises(DataError, match=r"classes from 0 to 9, data_batch_2\.bin has class 99"):
        open_table(folder)
    with pytest.raises(DataError, match="one way only"):
        open_table(folder, reading={"delimiter": ","})


def member(archive: tarfile.TarFile, name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, "/etc/passwd"
    archive.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)


def test_a_hostile_tar_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "c.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member(archive, "b/data_batch_1.bin", batch(0, 3))
        member(archive, "../../data_batch_2.bin", batch(3, 5))
        member(archive, "/tmp/test_batch.bin", batch(5, 6))
        member(archive, "b/data_batch_3.bin", b"", tarfile.SYMTYPE)
    before = set(tmp_path.parent.rglob("*"))
    table = open_table(path)
    assert len(table) == 3 and set(tmp_path.parent.rglob("*")) == before
    assert (
        "Left out of the tar: ../../data_batch_2.bin, /tmp/test_batch.bin, b/data_batch_3.bin" in table.origin.notes[-1]
    )
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:4000] + bytes(200) + whole[4200:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cut off or damaged"):
            open_table(path)


def test_other_tars_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "o.tar", "w") as archive:
        member(archive, "photos/1.png", b"content")
    with pytest.raises(DataError, match="tar archive"):
        open_table(tmp_path / "o.tar")


# ---------------------------------------------------------------- Parquet
def png(i: int) -> bytes:
    return b"P6 4 5 255\n" + COLOUR[i].tobytes()


def test_pictures_in_parquet_as_bytes_and_as_objects(tmp_path: Path) -> None:
    bare = pl.Series("image", [png(i) for i in range(6)], dtype=pl.Binary)
    held = pl.Series("image", [{"bytes": png(i), "path": f"{i}.png"} for i in range(6)])
    empty = pl.Series("image", [None, *({"bytes": png(i), "path": None} for i in range(1, 6))], dtype=held.dtype)
    for column in (bare, held, empty):
        frame = pl.DataFrame([column, pl.Series("label", range(6))])
        frame.write_parquet(tmp_path / "p.parquet")
        table = open_table(tmp_path / "p.parquet")
        assert table.columns == ["image", "label"] and table.frame["image"].dtype == pl.Binary
        assert table.frame["image"].to_list()[1:] == bare.to_list()[1:]
        assert pl.concat(list(stream_table(tmp_path / "p.parquet", rows=4))).equals(table.frame)
    other = pl.Series("sound", [{"bytes": struct.pack("I", i), "path": f"{i}.wav"} for i in range(6)])
    pl.DataFrame([other]).write_parquet(tmp_path / "p.parquet")
    assert open_table(tmp_path / "p.parquet").columns == ["sound.path"]


# ---------------------------------------------------------------- the published split
def test_the_published_split_is_kept_unless_told_otherwise(tmp_path: Path, without_figures: None) -> None:
    x, y = RNG.integers(0, 256, (80, 6, 6), dtype=np.uint8), np.arange(80) % 2
    np.savez(tmp_path / "a.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    words = ["fit", str(tmp_path / "a.npz"), "--target", "label", "--contenders", "majority", "-q"]
    for place, override in (("kept", []), ("drawn", ["data.split.by=random"])):
        assert main([*words, *override, "--folder", str(tmp_path / place)]) == 0
    kept, drawn = (pl.read_parquet(tmp_path / place / "split.parquet") for place in ("kept", "drawn"))
    assert kept.filter(pl.col("part") == "test")["row"].to_list() == list(range(60, 80))
    assert drawn.filter(pl.col("part") == "test")["row"].to_list() != list(range(60, 80))
    for place in ("kept", "drawn"):
        columns = json.loads((tmp_path / place / "schema.json").read_text())["columns"]
        assert {c["name"]: c["role"] for c in columns} == {"image": "input", "label": "target", "part": "ignored"}


# ---------------------------------------------------------------- what ships
def test_the_digits_are_those_of_the_table() -> None:
    pictured, table = open_table("digit_pictures").frame, open_table("digits").frame
    assert pictured["digit"].equals(table["digit"])
    grey = table.drop("digit").to_numpy().reshape(-1, 8, 8, 1)
    assert (pixels(pictured) == np.round(grey * (255 / 16))).all()


@pytest.mark.parametrize(("name", "target", "classes"), [("shapes", "shape", 6), ("parts", "part", 12)])
def test_made_pictures_are_even_and_in_colour(name: str, target: str, classes: int) -> None:
    frame = open_table(name).frame
    assert set(frame[target].value_counts()["count"]) == {1200 // classes}
    assert pixels(frame).shape == (1200, 32, 32, 3) and frame["image"].n_unique() == 1200
