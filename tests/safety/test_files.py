"""The door to the disk: what is written comes back equal, what is damaged or too large is a RunError."""

from __future__ import annotations

import datetime
import json
import math
import string
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepwright.core.errors import InternalError, RunError
from deepwright.core.files import (
    json_bytes,
    parse_json,
    plain,
    read_bytes,
    read_json,
    read_json_lines,
    read_parquet,
    read_tensors,
    read_text,
    write_json,
    write_parquet,
    write_tensors,
    write_text,
)

quick = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
types = st.sampled_from(["<f8", "<f4", "<f2", ">f8", "<i8", "<i4", "<i2", "i1", "<u8", "<u4", "<u2", "u1", "?"])
arrays = types.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))


class TestJson:
    @quick
    @given(values)
    def test_comes_back_equal(self, value: Any) -> None:
        assert parse_json(json_bytes(value)) == value

    def test_numbers_of_every_origin(self) -> None:
        value = {
            "nan": math.nan, "inf": -math.inf, "f4": np.float32(0.5), "f8nan": np.float64("nan"), "i": np.int16(3),
            "b": np.bool_(True), "a": np.array([[1.0, np.nan]]), "t": (1, 2), "s": {"b", "a"}, 3: "key",
            "d": datetime.date(2026, 11, 21), "p": Path("a") / "b",
        }  # fmt: skip
        assert plain(value) == {
            "nan": None, "inf": None, "f4": 0.5, "f8nan": None, "i": 3, "b": True, "a": [[1.0, None]], "t": [1, 2],
            "s": ["a", "b"], "3": "key", "d": "2026-11-21", "p": "a/b",
        }  # fmt: skip
        assert json.loads(json_bytes(value)) == plain(value)

    def test_lone_surrogates_survive(self) -> None:
        assert parse_json(json_bytes({"a": "\ud800"})) == {"a": "\ud800"}

    def test_what_json_cannot_hold_is_ours_to_mend(self) -> None:
        with pytest.raises(InternalError, match="object"):
            plain({"a": object()})

    @pytest.mark.parametrize(
        "text",
        [b"", b"{", b"nul", b"[NaN]", b"[Infinity]", b"[1e999]", b"[-1e999]", b'{"a": 1, "a": 2}', b"\xff\xfe",
         b"[1] x", b"[" * 100 + b"]" * 100, b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70,
         b"[" + b"9" * 5000 + b"]", b"\x00"],
    )  # fmt: skip
    def test_damage_is_a_run_error_in_a_line(self, text: bytes, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_bytes(text)
        with pytest.raises(RunError) as caught:
            read_json(tmp_path / "x.json")
        assert "x.json" in str(caught.value) and "\n" not in str(caught.value)

    def test_too_large_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        write_json(tmp_path / "x.json", "y" * 100)
        assert read_json(tmp_path / "x.json", limit_bytes=200)
        for read in (read_json, read_text, read_bytes, read_json_lines, read_parquet, read_tensors):
            with pytest.raises(RunError, match="at most 50 bytes"):
                read(tmp_path / "x.json", limit_bytes=50)


class TestLines:
    def test_damage_in_the_middle_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "m.jsonl").write_bytes(b'{"a": 1}\n{"a"\n{"a": 3}\n')
        with pytest.raises(RunError, match="line 2"):
            read_json_lines(tmp_path / "m.jsonl")
        (tmp_path / "m.jsonl").write_bytes(b'{"a": 1}\n3\n')
        with pytest.raises(RunError, match=r"line 2.*an object"):
            read_json_lines(tmp_path / "m.jsonl")

    def test_no_file_is_no_lines(self, tmp_path: Path) -> None:
        assert read_json_lines(tmp_path / "m.jsonl") == []


class TestTensors:
    @quick
    @given(tensors=st.dictionaries(st.text(string.printable, max_size=5), arrays, max_size=4))
    def test_come_back_equal_and_as_the_library_reads_them(
        self, tensors: dict[str, np.ndarray], tmp_path: Path
    ) -> None:
        from safetensors.numpy import load_file

        tensors.pop("__metadata__", None)
        write_tensors(tmp_path / "t.safetensors", tensors)
        for back in (read_tensors(tmp_path / "t.safetensors"), load_file(tmp_path / "t.safetensors")):
            assert back.keys() == tensors.keys()
            for name, array in tensors.items():
                assert back[name].shape == array.shape and back[name].dtype == array.dtype.newbyteorder("<")
                np.testing.assert_array_equal(back[name], array)

    @quick
    @given(tensors=st.dictionaries(st.sampled_from("abc"), hnp.arrays("<f4", (2, 3)), min_size=1, max_size=3))
    def test_reads_what_the_library_writes(self, tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
        from safetensors.numpy import save_file

        save_file(tensors, tmp_path / "t.safetensors", metadata={"format": "np"})
        for name, array in read_tensors(tmp_path / "t.safetensors").items():
            np.testing.assert_array_equal(array, tensors[name])

    def test_rows_in_any_order_in_memory(self, tmp_path: Path) -> None:
        array = np.arange(24.0).reshape(2, 3, 4)
        write_tensors(tmp_path / "t", {"t": array.T, "s": array[:, ::2], "r": array[::-1]})
        back = read_tensors(tmp_path / "t")
        for name, expected in (("t", array.T), ("s", array[:, ::2]), ("r", array[::-1])):
            np.testing.assert_array_equal(back[name], expected)
        back["t"][:] = 0  # and can be written to

    def test_objects_and_texts_are_refused(self, tmp_path: Path) -> None:
        for array in (np.array([object()]), np.array(["a"]), np.array(["2026"], dtype="M8[D]"), np.array([1j])):
            with pytest.raises(InternalError, match="does not hold"):
                write_tensors(tmp_path / "t", {"x": array})

    @pytest.mark.parametrize(
        "header",
        [
            {"x": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
            {"x": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}},
            {"x": {"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}},
            {"x": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}},
            {"x": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
            {"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
            {"x": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
            {"x": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
            {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 16]}},
            {n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "xy"},
            {"x": {"dtype": "BOOL", "shape": [8], "data_offsets": [0, 8]}},
            {"x": {"dtype": "F32", "shape": [1] * 40 + [2], "data_offsets": [0, 8]}},
            {"x": None},
            {"x": {}},
            [],
            None,
        ],
        ids=str,
    )
    def test_a_lying_header_costs_nothing(self, header: Any, tmp_path: Path) -> None:
        import tracemalloc

        text = json.dumps(header).encode()
        (tmp_path / "t").write_bytes(len(text).to_bytes(8, "little") + text + b"\x07" * 8)
        tracemalloc.start()
        with pytest.raises(RunError) as caught:
            read_tensors(tmp_path / "t")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("data", [b"", b"\x01", (2**63).to_bytes(8, "little"), (9).to_bytes(8, "little") + b"{}"])
    def test_a_lying_length(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(data)
        with pytest.raises(RunError):
            read_tensors(tmp_path / "t")

    def test_every_cut_and_every_header_byte(self, tmp_path: Path) -> None:
        whole = {"a": np.arange(3.0), "b": np.array([True, False])}
        write_tensors(tmp_path / "t", whole)
        data = (tmp_path / "t").read_bytes()
        for size in range(len(data)):
            (tmp_path / "t").write_bytes(data[:size])
            with pytest.raises(RunError):
                read_tensors(tmp_path / "t")
        for place in range(8 + int.from_bytes(data[:8], "little")):
            harmed = bytearray(data)
            harmed[place] ^= 0x11
            (tmp_path / "t").write_bytes(harmed)
            try:
                read_tensors(tmp_path / "t")  # another name or type of the same size is for the reader to refuse
            except RunError as error:
                assert "\n" not in str(error)


class TestParquet:
    def test_comes_back_equal(self, tmp_path: Path) -> None:
        frame = pl.DataFrame({"a": [1, None], "b": ["x", "ü"], "c": [[1.0], []], "d": [True, None]})
        write_parquet(tmp_path / "x*.parquet", frame)
        write_parquet(tmp_path / "xy.parquet", frame.reverse())
        assert read_parquet(tmp_path / "x*.parquet").equals(frame)  # a name, no pattern

    def test_too_many_rows_are_refused_before_they_are_read(self, tmp_path: Path) -> None:
        write_parquet(tmp_path / "x.parquet", pl.DataFrame({"a": [0] * 5000}))
        with pytest.raises(RunError, match="says it has 5,000"):
            read_parquet(tmp_path / "x.parquet", limit_rows=4999)

    def test_damage_is_a_run_error_in_a_line(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        write_parquet(tmp_path / "x.parquet", pl.DataFrame({"a": range(50), "b": ["text"] * 50}))
        data = (tmp_path / "x.parquet").read_bytes()
        rng = np.random.default_rng(0)
        refused = 0
        for _ in range(300):
            harmed = bytearray(data)
            for place in rng.integers(0, len(data), rng.integers(1, 6)):
                harmed[place] = rng.integers(0, 256)
            (tmp_path / "x.parquet").write_bytes(harmed[: rng.integers(1, len(data) + 1)])
            try:
                read_parquet(tmp_path / "x.parquet")
            except RunError as error:
                refused += 1
                assert "\n" not in str(error)
        assert refused > 200


def test_text_that_is_none(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", "grün\n")
    assert read_text(tmp_path / "x.txt") == "grün\n"
    (tmp_path / "x.txt").write_bytes(b"\xff")
    with pytest.raises(RunError):
        read_text(tmp_path / "x.txt")
    with pytest.raises(RunError, match="No such file"):
        read_text(tmp_path / "none.txt")
