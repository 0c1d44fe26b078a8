"""Pictures looked at: sizes, formats, damage, copies and near copies, classes that contradict, the contact sheet."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageEnhance

from deepwright.api.looking import look
from deepwright.cli import main
from deepwright.core.recipe import SplitRecipe
from deepwright.core.table import Origin, Split, Table
from deepwright.kinds._examined import examine, near
from deepwright.prepare.checks import check
from deepwright.prepare.facts import facts
from deepwright.prepare.splits import split

RNG = np.random.default_rng(3)


def scene(seed: int, side: int = 128) -> Image.Image:
    """Something like a photograph: smooth, in colour, different for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side + 16, side), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, form: str = "PNG", **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def fact_of(table: Table) -> tuple[dict[str, object], dict[str, str]]:
    """What is told of the column `image`, and what is suspicious about it."""
    found = facts(table, {name: "image" if name == "image" else "category" for name in table.columns})
    fact = next(column for column in found["columns"] if column["name"] == "image")["pictures"]
    return fact, {one["what"]: one["evidence"] for one in found["suspicious"] if one["column"] == "image"}


def table_of(pictures: list[bytes | None], **others: list[object]) -> Table:
    frame = pl.DataFrame({"image": pl.Series(pictures, dtype=pl.Binary), **others})
    return Table(frame=frame, origin=Origin(source="frame", format="frame"))


SAVED_AGAIN = {
    "as JPEG": lambda picture: encoded(picture, "JPEG", quality=75),
    "smaller": lambda picture: encoded(picture.resize((picture.width // 2, picture.height // 2))),
    "brighter": lambda picture: encoded(ImageEnhance.Brightness(picture).enhance(1.1)),
    "paler": lambda picture: encoded(ImageEnhance.Contrast(picture).enhance(0.7)),
}


@pytest.mark.parametrize("again", SAVED_AGAIN.values(), ids=SAVED_AGAIN)
def test_saved_again_is_nearly_the_same_and_others_are_not(again: object) -> None:
    scenes = [scene(seed) for seed in range(60)]
    one = examine(pl.Series([encoded(picture) for picture in scenes], dtype=pl.Binary))
    other = examine(pl.Series([again(picture) for picture in scenes], dtype=pl.Binary))  # type: ignore[operator]
    assert near(one, one) == []
    pairs = near(one, other)
    assert all(i == j for i, j in pairs) and len(pairs) >= 54


def test_mirrored_is_another_picture() -> None:
    scenes = [scene(seed) for seed in range(20)]
    mirrored = [encoded(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) for picture in scenes]
    one = examine(pl.Series([encoded(picture) for picture in scenes], dtype=pl.Binary))
    assert near(one, examine(pl.Series(mirrored, dtype=pl.Binary))) == []


def test_sizes_formats_and_modes() -> None:
    pictures = [encoded(scene(i, 20 + i)) for i in range(9)] + [encoded(scene(20, 90).convert("L"), "JPEG"), None]
    fact, odd = fact_of(table_of(pictures))
    assert (fact["smallest"], fact["largest"], fact["sizes"]) == ([20, 36], [90, 106], 10)
    assert fact["formats"] == {"PNG": 9, "JPEG": 1} and fact["modes"] == {"colour": 9, "grey": 1}
    assert (fact["looked_at"], fact["unreadable"], fact["copies"], fact["near_copies"]) == (10, 0, 0, 0) and not odd


def test_damage_is_counted_and_named(tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"{i}.png").write_bytes(encoded(scene(i)))
    (tmp_path / "cut.png").write_bytes(encoded(scene(9))[:200])
    (tmp_path / "text.jpg").write_text("a letter")
    (tmp_path / "none.gif").write_bytes(b"")
    names = [*sorted(str(path) for path in tmp_path.iterdir()), str(tmp_path / "gone.png")]
    frame = pl.DataFrame({"image": names})
    fact, odd = fact_of(Table(frame=frame, origin=Origin(source="t", format="csv")))
    assert (fact["looked_at"], fact["unreadable"]) == (10, 4)
    told = odd["unreadable pictures"]
    assert told.startswith("4 of 10 pictures looked at") and f"{tmp_path.name}/cut.png (" in told and "1 more" in told


def test_copies_and_contradictions() -> None:
    pictures = [encoded(scene(i)) for i in range(10)]
    pictures += [pictures[3], SAVED_AGAIN["as JPEG"](scene(4)), pictures[5]]
    labels = ["a", "b"] * 5 + ["b", "a", "a"]  # row 4 is a b as its copy; row 5 is an a; row 6 is a b, its copy an a
    fact, odd = fact_of(table_of(pictures, label=labels))  # type: ignore[arg-type]
    assert (fact["copies"], fact["near_copies"], fact["contradictions"]) == (2, 1, 1)
    assert odd["copies"] == "2 of 13 looked at repeat another: row 4 = row 11; row 6 = row 13"
    assert "row 5 ≈ row 12" in odd["near-duplicates"]
    assert odd["one picture, two classes"] == "1 pair: row 6 ≈ row 13 (b, a)"


def test_many_are_sampled_and_it_says_so() -> None:
    table = table_of([encoded(scene(i, 16)) for i in range(80)])
    found = facts(table, {"image": "image"}, pictures=30)
    assert found["columns"][0]["pictures"]["looked_at"] == 30
    found = facts(table, {"image": "image"}, picture_bytes=1)
    assert found["columns"][0]["pictures"]["looked_at"] == 50


def test_blank_pictures_are_no_reason_to_fail() -> None:
    table = table_of([b"P5 4 4 255\n" + bytes(16)] * 3 + [None])
    fact, odd = fact_of(table)
    assert fact["copies"] == 2 and "copies" in odd
    nothing = facts(table_of([None, b"no picture"]), {"image": "image"})
    assert nothing["columns"][0]["pictures"]["unreadable"] == 1
    assert str(look(pl.DataFrame({"image": [b"P5 4 4 255\n" + bytes(16)] * 30})))


# ---------------------------------------------------------------- training and test
def dealt(table: Table) -> Split:
    return split(table, None, SplitRecipe(by="order", test=0.2, valid=0.2))


def test_twins_across_the_split_are_found() -> None:
    scenes = [encoded(scene(i)) for i in range(100)]
    labels: list[object] = ["a", "b"] * 50
    clean = table_of(scenes, label=labels)  # type: ignore[arg-type]
    kinds = {"image": "image", "label": "category"}
    assert not [c for c in check(clean, dealt(clean), kinds, "label", "classification") if "twins" in c.id]
    leaky = [*scenes[:97], SAVED_AGAIN["as JPEG"](scene(0)), scenes[1], SAVED_AGAIN["paler"](scene(3))]
    table = table_of(leaky, label=labels)  # type: ignore[arg-type]
    found = {c.id: c for c in check(table, dealt(table), kinds, "label", "classification")}["picture_twins:image"]
    assert found.severity == "warn" and found.numbers["pictures"] == 3 and found.numbers["copies"] == 1
    assert found.numbers["other_target"] == 2 and "2 with another 'label'" in found.message
    assert "row 98 and row 1; row 99 and row 2; row 100 and row 4" in found.message
    assert [c.id for c in check(table, dealt(table), {"image": "image"}, None, "clustering", inputs=["image"])] == [
        "picture_twins:image"
    ]


def test_rows_that_differ_in_their_pictures_are_not_repeated() -> None:
    table = table_of([encoded(scene(i)) for i in range(60)], size=[1, 2] * 30, label=["a", "b"] * 30)  # type: ignore[arg-type]
    kinds = {"image": "image", "size": "category", "label": "category"}
    found = {c.id for c in check(table, dealt(table), kinds, "label", "classification")}
    assert "duplicates_across_splits" not in found


# ---------------------------------------------------------------- the contact sheet
def test_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [encoded(scene(i)) for i in range(30)] + [encoded(scene(30))[:150]]
    labels = ["cats", "собаки и очень длинное имя класса, которое не помещается"] * 15 + ["cats"]
    frame = pl.DataFrame({"image": pictures, "class": labels})
    frame.write_parquet(tmp_path / "t.parquet")
    for ending in ("png", "jpg", "webp"):
        assert main(["look", str(tmp_path / "t.parquet"), "--sheet", str(tmp_path / f"s.{ending}")]) == 0
        assert f"s.{ending}" in re.sub(r"\s", "", capsys.readouterr().out)
        with Image.open(tmp_path / f"s.{ending}") as sheet:
            assert sheet.size == (170 + 10 * 102, 6 + 2 * 102)
            assert len(np.unique(np.asarray(sheet)[6:60, 180:260].reshape(-1, 3), axis=0)) > 50
    assert main(["look", str(tmp_path / "t.parquet"), "--sheet", str(tmp_path / "a.gif"), "--json"]) == 2
    assert "ends in .png" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert main(["look", "iris", "--sheet", str(tmp_path / "a.png")]) == 2
    assert "no column of them" in capsys.readouterr().err


def test_a_sheet_without_classes_and_what_look_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.DataFrame({"image": [encoded(scene(i)) for i in range(25)]}).write_parquet(tmp_path / "t.parquet")
    assert main(["look", str(tmp_path / "t.parquet"), "--sheet", str(tmp_path / "s.png")]) == 0
    assert "128 × 144; colour" in capsys.readouterr().out
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (6 + 10 * 102, 6 + 3 * 102)
    assert main(["look", str(tmp_path / "t.parquet")]) == 0
    assert "--sheet pictures.png writes one" in capsys.readouterr().out
