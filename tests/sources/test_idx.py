"""IDX files, as MNIST comes: images become pixel columns, labels are found beside them, damage is said plainly."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError
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


@pytest.mark.parametrize("packed", [False, True])
def test_images_with_the_labels_beside_them(tmp_path: Path, packed: bool) -> None:
    table = open_table(written(tmp_path, packed))
    assert table.columns == [f"pixel_{r}_{c}" for r in range(3) for c in range(2)] + ["label"]
    assert (table.frame.drop("label").to_numpy().reshape(IMAGES.shape) == IMAGES).all()
    assert table.frame["label"].to_list() == LABELS.tolist()
    assert table.origin.format == "idx" and "train-labels-idx1-ubyte" in table.origin.notes[0]
    assert pl.concat(list(stream_table(written(tmp_path, packed), rows=2))).equals(table.frame)


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
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 2**20, 28) + bytes(100), "too wide"),
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
