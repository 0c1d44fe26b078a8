"""Encoding: block by block equals column by column, survives disk, names what is missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.core import encoding as module
from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError, RunError
from deepwright.core.find import find


def frame_of(rows: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array(["river", "boat", "heron", "mill", "bridge"])
    return pl.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "note": [" ".join(rng.choice(words, 1 + i % 5)) for i in range(rows)],
            "when": pl.Series([1_700_000_000 + 5000 * i for i in range(rows)]).cast(pl.Datetime("ms")),
            "tags": rng.choice(["a;b", "b", "c;a"], rows),
            "count": rng.integers(0, 50, rows),
        }
    )


def dense(block: Any) -> np.ndarray:
    return block if isinstance(block, np.ndarray) else block.toarray()


KINDS = {"size": "number", "colour": "category", "note": "text", "when": "time", "tags": "tags", "count": "number"}


def encoding_of(frame: pl.DataFrame) -> Encoding:
    return Encoding(tuple(find("kind", kind)().fit(frame.get_column(name)) for name, kind in KINDS.items()))


def column_by_column(encoding: Encoding, frame: pl.DataFrame) -> dict[str, np.ndarray]:
    fields = [
        (field, encoder.encode(frame.get_column(encoder.column))[field.name])
        for encoder in encoding.encoders
        for field in encoder.fields
    ]
    plain = {f"{f.form}:{f.name}": array for f, array in fields if f.form not in ("number", "category")}
    for form in ("number", "category"):
        plain[form] = np.stack([array for field, array in fields if field.form == form], axis=1)
    return plain


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 50])
def test_blocks_equal_the_whole(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 8)
    encoding, frame = encoding_of(frame_of(60)), frame_of(rows, seed=1)
    batch, expected = encoding.tensors(frame), column_by_column(encoding, frame)
    assert batch.keys() == expected.keys() == {"number", "category", "tokens:note"}
    for name, array in batch.items():
        assert array.flags.c_contiguous and array.dtype == (np.float32 if name == "number" else np.int64)
        np.testing.assert_array_equal(array, expected[name])
    assert batch["number"].shape == (rows, encoding.signature.numbers)


def test_no_rows_give_empty_arrays_of_the_right_width() -> None:
    encoding = encoding_of(frame_of(40))
    batch = encoding.tensors(frame_of(40).clear())
    assert batch["number"].shape == (0, encoding.signature.numbers)
    assert batch["tokens:note"].shape[0] == 0 and batch["tokens:note"].shape[1] > 0


def test_survives_json_and_arrays() -> None:
    encoding, frame = encoding_of(frame_of(60)), frame_of(30, seed=2)
    again = Encoding.load(json.loads(json.dumps(encoding.state(), allow_nan=False)), encoding.arrays())
    for name, array in encoding.tensors(frame).items():
        np.testing.assert_array_equal(again.tensors(frame)[name], array)
    (one, names), (two, other_names) = encoding.matrix(frame), again.matrix(frame)
    assert names == other_names
    np.testing.assert_array_equal(dense(one), dense(two))


def test_a_stored_kind_is_never_imported() -> None:
    state = encoding_of(frame_of(40)).state()
    state[0]["kind"] = "antigravity:Kind"
    with pytest.raises(RunError):
        Encoding.load(state, {})


@pytest.mark.parametrize("entry", [None, 3, {}, {"kind": 3, "column": "a", "state": {}}, {"kind": "id", "column": "a"}])
def test_damaged_entries_are_refused(entry: object) -> None:
    with pytest.raises(RunError):
        Encoding.load([entry], {})  # type: ignore[list-item]


def test_missing_columns_are_named_with_the_nearest() -> None:
    encoding = encoding_of(frame_of(40))
    with pytest.raises(DataError, match=r"missing: colour.*'color' looks like 'colour'"):
        encoding.check(frame_of(5).rename({"colour": "color"}), "new.csv")
    assert encoding.check(frame_of(5).with_columns(extra=1), "new.csv") == ["extra"]


def test_unseen_values_are_counted_by_column() -> None:
    encoding = encoding_of(frame_of(60))
    strange = frame_of(20, seed=3).with_columns(colour=pl.lit("mauve"))
    assert encoding.unseen(strange)["colour"] == 20
    assert "tags" not in encoding.unseen(strange)


def test_no_columns_at_all() -> None:
    assert Encoding(()).tensors(frame_of(5)) == {}
    block, names = Encoding(()).matrix(frame_of(5))
    assert block.shape == (5, 0) and names == []
