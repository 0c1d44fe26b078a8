"""IDX files, as MNIST comes: images become pictures, labels are found beside them, damage is said plainly."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError, DeepwrightError
from deepwright.core.table import Table
from deepwright.kinds._pictures import picture
from deepwright.sources import open_table, stream_table

IMAGES = np.arange(5 * 3 * 2, dtype=np.uint8).reshape(5, 3, 2) * 7
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def idx(array: np.ndarray, code: int = 0x08) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


def written(folder: Path, packed: bool = False, labels: bytes | None = None) -> Path:
    ending = ".gz" if packed else ""
    pack = gzip.compress if packed else bytes
    (folder / f"train-labels-idx1-ubyte{ending}").write_bytes(pack(labels or idx(LABELS)))
    path = folder / f"train-images-idx3-ubyte{ending}"
    path.write_bytes(pack(idx(IMAGES)))
    return path


def pixels(table: Table) -> np.ndarray:
    return np.stack([picture(content, "")[0] for content in table.frame["image"]])


@pytest.mark.parametrize("packed", [False, True])
def test_images_are_pictures_with_the_labels_beside_them(tmp_path: Path, packed: bool) -> None:
    table = open_table(written(tmp_path, packed))
    assert table.columns == ["image", "label"] and (pixels(table) == IMAGES).all()
    assert table.frame["label"].to_list() == LABELS.tolist()
    note = table.origin.notes[0]
    assert (
        table.origin.format == "idx" and "pictures of 3 × 2 pixels, grey; labels from train-labels-idx1-ubyte" in note
    )
    assert pl.concat(list(stream_table(written(tmp_path, packed), rows=2))).equals(table.frame)


def test_pixels_can_be_columns(tmp_path: Path) -> None:
    table = open_table(written(tmp_path), reading={"pixels": "columns"})
    assert table.columns == [f"pixel_{r}_{c}" for r in range(3) for c in range(2)] + ["label"]
    assert (table.frame.drop("label").to_numpy().reshape(IMAGES.shape) == IMAGES).all()
    assert open_table(written(tmp_path), reading=table.origin.reading).frame.equals(table.frame)
    for reading, said in (({"pixel": "columns"}, "pixels"), ({"pixels": "rows"}, "pictures or columns")):
        with pytest.raises(DeepwrightError, match=said):
            open_table(written(tmp_path), reading=reading)


def test_colour(tmp_path: Path) -> None:
    colour = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    (tmp_path / "last.idx").write_bytes(idx(colour))
    (tmp_path / "first.idx").write_bytes(idx(np.ascontiguousarray(colour.transpose(0, 3, 1, 2))))
    for name in ("last.idx", "first.idx"):
        found = [picture(content, "") for content in open_table(tmp_path / name).frame["image"]]
        assert (np.stack(found) == colour.transpose(0, 3, 1, 2)).all()


def test_a_folder_of_both_parts(tmp_path: Path) -> None:
    written(tmp_path, packed=True)
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx(IMAGES[:2]))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(idx(LABELS[:2]))
    table = open_table(tmp_path)
    assert table.columns == ["image", "label", "part"] and table.origin.part == "part"
    assert table.frame["part"].to_list() == ["train"] * 5 + ["test"] * 2
    assert (pixels(table) == np.concatenate([IMAGES, IMAGES[:2]])).all()
    assert pl.concat(list(stream_table(tmp_path, rows=2))).equals(table.frame)
    written(tmp_path)  # the same, unpacked
    assert open_table(tmp_path).frame.equals(table.frame)
    assert open_table(tmp_path.parent / tmp_path.name).frame.equals(table.frame)
    (tmp_path / "t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(DataError, match="expected the columns of train-images-idx3-ubyte"):
        open_table(tmp_path)


def test_a_folder_within_the_folder_and_one_part(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    written(tmp_path / "raw")
    table = open_table(tmp_path)
    assert table.columns == ["image", "label"] and table.origin.part is None
    (tmp_path / "raw" / "letters-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="does not say whether its rows are for training"):
        open_table(tmp_path)
    (tmp_path / "raw" / "letters-train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="one file of pictures for each part"):
        open_table(tmp_path)


def test_images_alone_and_labels_alone(tmp_path: Path) -> None:
    path = tmp_path / "t10k-images.idx3-ubyte"
    path.write_bytes(idx(IMAGES))
    assert "label" not in open_table(path).columns
    (tmp_path / "some.idx").write_bytes(idx(LABELS))
    assert open_table(tmp_path / "some.idx").frame["label"].to_list() == LABELS.tolist()


def test_other_types_of_numbers(tmp_path: Path) -> None:
    values = np.array([[0.5, -2.0], [1e10, 3.0]], dtype=">f4")
    (tmp_path / "v.idx").write_bytes(idx(values, 0x0D))
    frame = open_table(tmp_path / "v.idx").frame
    assert frame.columns == ["value_0", "value_1"] and (frame.to_numpy() == values).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (idx(IMAGES)[:-3], "ends before its last row"),
        (idx(IMAGES) + b"more", "goes on after its last row"),
        (idx(IMAGES[:0]), "no rows"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 28, 28) + bytes(100), "ends before"),
        (struct.pack(">BBBB3I", 0, 0, 9, 3, 5, 2**20, 28) + bytes(100), "too wide"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 2**20, 2**20) + bytes(100), "of 1 to 80,000,000 pixels"),
        (struct.pack(">BBBBI", 0, 0, 8, 3, 5), "cut off"),
    ],
)
def test_damage_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        open_table(path)


def test_labels_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected 5 labels"):
        open_table(written(tmp_path, labels=idx(LABELS[:3])))
