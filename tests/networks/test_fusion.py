"""Fusion of pictures with columns: where only both together tell the answer, it beats either alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transfer_cases import SIDE, bars, brief, encoding_of

from deepwright.contenders.network import NetworkContender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find

SMALL: dict[str, Any] = {"tower_config": {"depth": 8, "width": 8}, "table_widths": [16], "widths": [32]}


def both(rows: int, seed: int) -> pl.DataFrame:
    """Whether a bar lies or stands says nothing about the label, nor does the number; both together say all."""
    frame, rng = bars(rows, seed, labels="ab"), np.random.default_rng(seed + 100)
    size, colour = rng.normal(size=rows), rng.choice(["red", "blue", "green"], rows)
    same = (frame["label"].to_numpy() == "a") == (size > 0)
    return frame.with_columns(
        size=pl.Series(size), colour=pl.Series(colour), label=pl.Series(np.where(same, "one", "other"))
    )


TRAIN, VALID, TEST = both(320, 0), both(100, 1), both(200, 2)


def right(folder: Path, network: str, encoding: Encoding, epochs: int, **config: Any) -> float:
    """Share of the test rows that a network names rightly, having read these columns."""
    training = {"epochs": epochs, "batch": 32, "lr": 5e-3, "optimizer": "adamw", "momentum": 0.0, "augment": []}
    options = NetworkContender.Options(network=network, config=config, training=training)
    model = NetworkContender(options).fit(TRAIN, VALID, brief(folder, TRAIN, encoding))
    return float((model.predict(TEST)["prediction"] == TEST["label"]).mean())  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_beats_the_picture_alone_and_the_columns_alone(tmp_path: Path) -> None:
    whole = encoding_of(TRAIN, size="number", colour="category")
    alone = right(tmp_path / "picture", "resnet20", Encoding(whole.encoders[:1]), 4, depth=8, width=4)
    columns = right(tmp_path / "columns", "mlp", Encoding(whole.encoders[1:]), 10, widths=[16])
    fused = right(tmp_path / "both", "fusion", whole, 16, **SMALL)
    assert max(alone, columns) < 0.65 and fused > 0.85, (alone, columns, fused)


def built(fields: tuple[Field, ...], **config: Any) -> Any:
    cls = find("network", "fusion")
    return cls(cls.Config(**{**SMALL, **config}), Signature(fields), 3)


PICTURE = Field(form="image", name="photo", shape=(3, SIDE, SIDE))
NUMBER = Field(form="number", name="size")


def test_several_pictures_have_a_tower_each() -> None:
    other = Field(form="image", name="back", shape=(1, 32, 32))
    net = built((PICTURE, NUMBER, other)).eval()
    batch = {
        "image:photo": torch.rand(2, 3, SIDE, SIDE),
        "image:back": torch.rand(2, 1, 32, 32),
        "number": torch.rand(2, 1),
    }
    net.prepare(batch)
    assert net(batch).shape == (2, 3) and len(net.towers) == 2
    changed = net({**batch, "image:back": torch.zeros(2, 1, 32, 32)})
    assert not torch.allclose(changed, net(batch))
    assert torch.allclose(net.towers[0].mean.flatten(), batch["image:photo"].mean((0, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("tower", ["lenet5", "vit_p4", "resnet18", "alexnet"])
def test_any_network_for_pictures_is_a_tower(tower: str) -> None:
    small: dict[str, Any] = {
        "vit_p4": {"width": 8, "layers": 1, "heads": 1}, "resnet18": {"width": 4},
        "alexnet": dict(find("network", "alexnet").trial),
    }  # fmt: skip
    net = built(
        (Field(form="image", name="photo", shape=(3, 64, 64)), NUMBER), tower=tower, tower_config=small.get(tower, {})
    )
    batch = {"image:photo": torch.zeros(2, 3, 64, 64, dtype=torch.uint8), "number": torch.zeros(2, 1)}
    assert net.eval()(batch).shape == (2, 3)


@pytest.mark.parametrize(
    ("fields", "config", "error", "says"),
    [
        ((PICTURE,), {}, RecipeError, "no columns beside the pictures.*resnet20"),
        ((NUMBER,), {}, RecipeError, "no column of pictures.*tabm"),
        ((PICTURE, NUMBER), {"tower": "lenet"}, NotFoundError, "Did you mean 'lenet5'"),
        ((PICTURE, NUMBER), {"tower": "antigravity:Net"}, NotFoundError, "there is no network 'antigravity:Net'"),
        ((PICTURE, NUMBER), {"tower": "mlp", "tower_config": {}}, RecipeError, "'mlp' reads no pictures"),
        ((PICTURE, NUMBER), {"tower_config": {"deep": 8}}, RecipeError, r"config\.tower_config\.deep.*depth, width"),
        (
            (Field(form="image", name="photo", shape=(1, 32, 32)), NUMBER),
            {"tower": "lenet5_1998", "tower_config": {}},
            RecipeError,
            "is not linear",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    fields: tuple[Field, ...], config: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        built(fields, **config)
