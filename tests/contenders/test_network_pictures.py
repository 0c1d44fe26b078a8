"""What networks on pictures have to show: the same each time, small, right about what they claim, and kept when the
pictures are gone."""

import base64
import json

import numpy as np
import polars as pl
import pytest

from deepwright import fit
from deepwright.core.encoding import Encoding
from deepwright.core.find import find
from deepwright.evaluation.drawing import draw
from deepwright.evaluation.page import page
from deepwright.evaluation.record import Record
from deepwright.explanation.contact_sheet import contact_sheet
from deepwright.kinds._pictures import header, picture
from deepwright.kinds._thumbnails import as_bytes, png, shrunk, thumbnails
from deepwright.tasks.classification import Classification

PICTURES = (
    *("network_anatomy", "first_layer_filters", "class_activation", "feature_maps"),
    *("contact_sheet", "augmentation_preview", "picture_mistakes"),
)


def spots(rows: int, size: int = 12, seed: int = 0) -> pl.DataFrame:
    """Noise with a bright spot on the left or on the right, as PNG bytes."""
    rng = np.random.default_rng(seed)
    sides = rng.integers(0, 2, rows)
    pictures = rng.integers(0, 60, (rows, 1, size, size), dtype=np.uint8)
    for pixels, side in zip(pictures, sides, strict=True):
        top, left = rng.integers(1, size - 5), rng.integers(0, size // 2 - 3) + side * size // 2
        pixels[0, top : top + 3, left : left + 3] = 255
    return pl.DataFrame({"photo": [png(one) for one in pictures], "half": ["east" if s else "west" for s in sides]})


@pytest.fixture(scope="module")
def run(without_figures, tmp_path_factory):
    """Files that are taken away after the fit, a small convolutional network and a small ViT."""
    room = tmp_path_factory.mktemp("spots")
    frame = spots(300)
    for number, content in enumerate(frame["photo"]):
        (room / f"{number}.png").write_bytes(content)
    table = frame.with_columns(photo=pl.Series([str(room / f"{n}.png") for n in range(frame.height)]))
    training = {"epochs": 12, "augment": [{"crop": {"padding": 1}}, "noise"]}
    contenders = [
        "majority",
        {"network": "lenet5", "training": training},
        {
            "as": "vit",
            "network": "vit_p4",
            "config": {"width": 24, "layers": 2, "heads": 2},
            "training": {**training, "epochs": 2},
        },
    ]
    made = fit(table, "half", contenders=contenders, time=None, folder=room / "run", quiet=True)
    for file in room.glob("*.png"):
        file.unlink()
    return made


@pytest.mark.parametrize("contender", ["lenet5", "vit"])
def test_exhibits_are_whole_and_small(run, contender):
    shown = run.record.exhibits[contender]
    assert len(json.dumps(shown)) < 300_000
    pictures = shown["pictures"]
    assert {one["how"] for one in pictures["looked_at"]} >= {"right", "unsure"}
    for one in pictures["looked_at"]:
        assert (one["truth"] == one["prediction"]) or one["how"] != "right"
        assert 0 <= one["probability"] <= 1
        assert header(base64.b64decode(one["picture"]), "it")[1:] == (24, 24)  # few pixels are doubled
        assert np.shape(one["occlusion"]) == (24, 24)
        assert min(np.shape(one["activation"])) >= 2 and np.max(one["activation"]) <= 1.001
    filters = pictures["filters"]
    assert len(filters["pictures"]) == min(32, filters["count"])
    assert all(layer["shown"] >= 1 for layer in pictures["maps"]["layers"])


def test_occlusion_finds_what_decides(run):
    """The spot is all there is to see: without the place that the map marks the class is lost, elsewhere it stays."""
    sure = [one for one in run.record.exhibits["lenet5"]["pictures"]["looked_at"] if one["how"] == "right"]
    drops = [one["deletion"]["occlusion"] for one in sure]
    assert np.mean([drop["marked"] for drop in drops]) > np.mean([drop["elsewhere"] for drop in drops]) + 0.1
    told = max(sure, key=lambda one: one["deletion"]["occlusion"]["marked"])
    pixels = picture(base64.b64decode(told["picture"]), "it")[0]
    place = np.unravel_index(np.argmax(told["occlusion"]), (24, 24))
    spot = np.argwhere(pixels > 250).mean(axis=0)
    assert np.abs(np.array(place) - spot).max() <= 6


def test_a_model_shows_the_same_each_time(run):
    frame = spots(80, seed=3)
    model = run.model("lenet5")
    first, again = model.exhibits(frame), model.exhibits(frame)
    assert first == again
    assert model.predict(frame).equals(run.model("lenet5").predict(frame)), "looking leaves the weights as they are"


def test_the_page_needs_the_folder_alone(run):
    record = Record(run.folder)
    drawn = {name: draw(find("figure", name)(), record) for name in PICTURES if find("figure", name)().suits(record)}
    assert {*PICTURES} - {*drawn} <= {"picture_mistakes"}  # where everything was right
    assert sum(len(picture.inline) for picture in drawn.values()) < 2_000_000
    assert {table.title for table in page(record).layers} == {"lenet5", "vit"}


def test_augmentation_is_shown_as_it_was_done(run):
    shown = run.record.exhibits["lenet5"]["augmented"]
    assert shown["steps"][0] == "crop 1" and len(shown["steps"]) == 2
    assert len(shown["pictures"]) == 6 and all(len(set(one["after"])) == 5 for one in shown["pictures"])


def test_mistakes_keep_their_pictures_and_bytes_are_not_copied(without_figures, tmp_path):
    frame = spots(150)
    made = fit(frame, "half", contenders=["majority"], time=None, folder=tmp_path / "run", quiet=True)
    wrong = made.record.mistakes
    assert wrong is not None and wrong.height
    assert "input:photo" not in wrong.columns and wrong["picture:photo"].null_count() == 0
    picture = draw(find("figure", "picture_mistakes")(), made.record)
    assert picture.svg.count("<image") == min(12, wrong.height) and "taken for" in picture.alt


def test_contact_sheet_is_even_seeded_and_survives_what_cannot_be_read():
    frame = spots(90).with_columns(
        photo=pl.Series([b"no picture" if i % 9 == 0 else p for i, p in enumerate(spots(90)["photo"])])
    )
    encoding = Encoding((find("kind", "image")().fit(frame["photo"]),))
    task = Classification.fit(frame["half"], {})
    first, again = (contact_sheet(task, frame, np.arange(90), encoding, seed=1) for _ in range(2))
    other = contact_sheet(task, frame, np.arange(90), encoding, seed=2)
    assert first is not None and first.equals(again) and not first.equals(other)
    assert first["label"].to_list() == ["east"] * 8 + ["west"] * 8
    lost = [row % 9 == 0 for row in first["row"]]
    assert first["picture"].is_null().to_list() == lost


def test_many_classes_stay_on_one_sheet():
    frame = pl.DataFrame({"photo": [spots(1)["photo"][0]] * 408, "kind": [f"class {i % 102}" for i in range(408)]})
    encoding = Encoding((find("kind", "image")().fit(frame["photo"]),))
    sheet = contact_sheet(Classification.fit(frame["kind"], {}), frame, np.arange(408), encoding, seed=0)
    assert sheet is not None and sheet["label"].n_unique() == 48 and sheet.height == 48


def test_thumbnails_keep_proportions_and_never_enlarge():
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (3, 50, 200), dtype=np.uint8)
    small = rng.integers(0, 256, (1, 5, 4), dtype=np.uint8)
    made = thumbnails(pl.Series("photo", [png(wide), png(small), b"", None]), 64)
    assert header(made[0], "it") == (3, 16, 64)
    assert np.array_equal(picture(made[1], "it"), small)
    assert made.to_list()[2:] == [None, None]
    assert shrunk(wide, 20).shape == (3, 5, 20) and shrunk(small, 20) is small
    assert np.array_equal(as_bytes(small.astype(np.float32) / 255), small)
