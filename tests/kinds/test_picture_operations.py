"""Classic operations, and pictures decoded once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError, NotFoundError
from deepwright.core.find import find
from deepwright.core.kind import Encoder
from deepwright.kinds import _picture_reader
from deepwright.kinds._picture_cache import PictureCache
from deepwright.kinds._picture_operations import operated, operations_asked
from deepwright.kinds._picture_reader import Reader


def png(pixels: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def done(pixels: np.ndarray, *operations: object) -> np.ndarray:
    asked = operations_asked({"operations": operations}, "photo")
    return np.asarray(operated(Image.fromarray(pixels), asked))


STEP = np.repeat(np.array([[10, 10, 10, 60, 60, 60]], np.uint8), 5, axis=0)  # (5, 6), an edge between columns 2 and 3


def test_vertical_edges_are_the_kernel_of_every_course() -> None:
    found = done(STEP, "vertical_edges")
    assert found.tolist() == [[0, 0, 150, 150, 0, 0]] * 5  # 3 rows × 50, where the kernel straddles the edge
    assert not done(STEP, "horizontal_edges").any()
    assert np.array_equal(done(np.ascontiguousarray(STEP.T), "horizontal_edges"), found.T)
    assert done(STEP, "edges").max() == 200  # Sobel: 1 + 2 + 1 times 50


def test_operations_do_what_they_say() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 60, 3), np.uint8)
    assert done(noise, {"crop": [0.25, 0.5, 0.75, 1.0]}).tolist() == noise[10:30, 30:].tolist()
    assert done(noise, {"resize": [20, 90]}).shape == (20, 90, 3)
    assert done(noise, {"blur": 2}).std() < noise.std() / 3
    assert done(noise, {"median": 3}).std() < done(noise, {"sharpen": 1}).std()
    assert np.array_equal(done(noise, "invert"), 255 - noise)
    grey = done(noise, "grey")
    assert grey.shape == noise.shape and np.array_equal(grey[..., 0], grey[..., 2])
    dark = (noise[..., 0] // 8).astype(np.uint8)
    spread = np.sort(done(dark, "equalise").ravel())
    assert spread[0] == 0 and spread[-1] == 255 and abs(spread.mean() - 127) < 12
    seen = np.dstack([noise, np.full((40, 60), 9, np.uint8)])
    assert (done(seen, "invert", "equalise", "edges")[..., 3] == 9).all()  # transparency is no colour


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("blurr", "blur"),
        ({"blur": 0}, "takes a standard deviation"),
        ({"blur": "much"}, "takes a standard deviation"),
        ({"blur": 1, "grey": 2}, "expected an operation"),
        ({"crop": [0.5, 0, 0.5, 1]}, "shares from 0 to 1"),
        ({"median": 4}, "3, 5, 7 or 9"),
        ({"grey": 3}, "takes nothing"),
        ({"resize": [0, 9]}, "pixels"),
    ],
)
def test_what_is_none_is_refused_by_name(operation: object, said: str) -> None:
    with pytest.raises((DataError, NotFoundError), match="photo") as caught:
        operations_asked({"operations": [operation]}, "photo")
    assert said in str(caught.value)


def encoder(column: pl.Series, **options: object) -> Encoder:
    return find("kind", "image")().fit(column, options=options)


def test_operations_are_part_of_the_encoder_and_come_back_with_it() -> None:
    column = pl.Series("photo", [png(np.roll(STEP, n, axis=1)) for n in range(3)])
    plain, edges = encoder(column), encoder(column, operations=["vertical_edges"])
    assert not np.array_equal(plain.encode(column)["photo"], edges.encode(column)["photo"])
    again = find("kind", "image")().load(edges.state(), {})
    assert np.array_equal(again.encode(column)["photo"], edges.encode(column)["photo"])
    assert "after vertical_edges" in edges.describe()


def test_a_picture_is_decoded_once_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    fitted = _picture_reader.fitted
    monkeypatch.setattr(_picture_reader, "fitted", lambda *given: decoded.append(given[1]) or fitted(*given))
    monkeypatch.setattr(_picture_reader, "CACHE", PictureCache())
    rng = np.random.default_rng(1)
    content = [png(rng.integers(0, 256, (9, 9, 3), np.uint8)) for _ in range(4)]
    for number, bytes_ in enumerate([*content, content[0], b"\x89PNG\r\n\x1a\nno"]):
        (tmp_path / f"{number}.png").write_bytes(bytes_)
    column = pl.Series("photo", [str(tmp_path / f"{number}.png") for number in range(6)])
    reader = Reader(shape=(3, 9, 9))
    first, second = list(reader.read(column)), list(reader.read(column))
    assert len(decoded) == 5 and first[5] is second[5] is None
    for a, b in zip(first[:5], second[:5], strict=True):
        assert a is not None and b is not None and np.array_equal(a, b)
    (tmp_path / "0.png").write_bytes(content[1])  # written again: the content counts, not the name
    changed = next(reader.read(column.head(1)))
    assert changed is not None and first[1] is not None and np.array_equal(changed, first[1])
    list(Reader(shape=(3, 9, 9), operations=(("invert", ()),)).read(column))
    assert len(decoded) == 10  # other pixels: decoded for themselves


def test_pictures_of_other_operations_are_other_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_picture_reader, "CACHE", PictureCache())
    column = pl.Series("photo", [png(STEP)])
    longer = [("blur", (1.5,)), ("invert", ())]  # begins as the shorter one does, letter by letter
    blurred, inverted = (next(Reader(shape=(1, 5, 6), operations=tuple(longer[:n])).read(column)) for n in (1, 2))
    assert blurred is not None and inverted is not None and np.array_equal(inverted, 255 - blurred)


def test_a_full_cache_only_costs_time() -> None:
    cache = PictureCache(limit=100)
    made: list[int] = []

    def decode() -> np.ndarray:
        made.append(1)
        return np.full((1, 8, 8), 7, np.uint8)

    for _ in range(2):
        for name in (b"a", b"b"):
            assert (cache.pixels(name, "", (1, 8, 8), decode) == 7).all()
    assert len(made) == 3  # "a" fits, "b" does not
