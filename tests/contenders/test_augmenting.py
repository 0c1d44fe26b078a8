"""Augmentation in a training: what is done by default and why, what is asked for, and what is never touched by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from contender_cases import Case
from torch import Tensor, nn

from deepwright.blocks.augmentation import Augmented
from deepwright.blocks.network import Batch
from deepwright.contenders._augmenting import augmentations, augmented
from deepwright.contenders._network_model import NetworkModel
from deepwright.contenders.network import NetworkContender
from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.fields import Signature
from deepwright.core.mirroring import changed_by_mirroring
from deepwright.core.plan import Plan, Step
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train


def photos(labels: list[str] | None = None, side: int = 24, rows: int = 48) -> Case:
    """Bright and dark pictures as bytes of PPM."""
    rng = np.random.default_rng(0)
    dark = np.arange(rows) % 2
    pixels = (
        rng.integers(0, 120, (rows, side, side, 3), dtype=np.uint8) + (dark * 100).astype(np.uint8)[:, None, None, None]
    )
    content = [f"P6 {side} {side} 255\n".encode() + picture.tobytes() for picture in pixels]
    named = np.array(labels or ["night", "day"])[dark]
    frame = pl.DataFrame({"photo": pl.Series(content, dtype=pl.Binary), "label": named})
    return Case(frame, "label", "classification", {"photo": "image"})


def fitted(case: Case, **training: Any) -> NetworkModel:
    options = {"network": "lenet5", "training": {"epochs": 2, "batch": 16, **training}}
    return case.fit("network", **options)


def test_by_default_what_is_harmless_is_done_and_said() -> None:
    model = fitted(photos())
    assert model.history()["plan"]["augment"] == [{"crop": {"padding": 3}}, "flip"]
    assert "Augmented: crop 3, flip; no label names a side or a sign." in model.explain()


@pytest.mark.parametrize(("labels", "why"), [(["6", "9"], "'6' is a number"), (["b", "d"], "'b' is a sign")])
def test_digits_and_letters_are_not_mirrored(labels: list[str], why: str) -> None:
    model = fitted(photos(labels))
    assert model.history()["plan"]["augment"] == [{"crop": {"padding": 3}}]
    assert f"not mirrored: {why}" in model.explain()


def test_small_pictures_are_not_shifted() -> None:
    assert fitted(photos(side=16)).history()["plan"]["augment"] == ["flip"]


@pytest.mark.parametrize("nothing", ["none", [], ["none"]])
def test_it_can_be_switched_off(nothing: Any) -> None:
    model = fitted(photos(), augment=nothing)
    assert model.history()["plan"]["augment"] == []
    assert "Augmented" not in model.explain()


def test_what_is_asked_for_is_done_and_said() -> None:
    model = fitted(photos(), augment=["flip", {"rotation": {"degrees": 5}}, "light"], cutmix=1.0, mixup=0.2)
    assert model.history()["plan"]["augment"] == ["flip", {"rotation": {"degrees": 5}}, "light"]
    assert "Augmented: flip, rotation 5°, light policy, mixup 0.2, cutmix 1." in model.explain()


@pytest.mark.parametrize(
    ("augment", "error", "says"),
    [
        (["flipp"], NotFoundError, "Did you mean 'flip'?"),
        ([{"crop": {"paddin": 4}}], RecipeError, "Did you mean 'padding'?"),
        ([{"crop": {"padding": 0}}], RecipeError, "training.augment.0.crop.padding"),
        ([{"crop": 4}], RecipeError, "names with options"),
        (["flip", "none"], RecipeError, "stands alone"),
        (7, RecipeError, "training.augment"),
    ],
)
def test_what_is_wrong_says_so_before_anything_is_learned(augment: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says.replace("?", r"\?")):
        NetworkContender(NetworkContender.Options(network="lenet5", training={"augment": augment}))


def test_without_pictures_there_is_nothing_to_change() -> None:
    frame = pl.DataFrame({"x": np.arange(40.0), "y": ["a", "b"] * 20})
    case = Case(frame, "y", "classification")
    with pytest.raises(RecipeError, match="no column of pictures"):
        case.fit("network", network="mlp", training={"epochs": 1, "augment": ["flip"]})
    with pytest.raises(RecipeError, match="no column of pictures"):
        case.fit("network", network="mlp", training={"epochs": 1, "cutmix": 1.0})


def test_training_rows_alone_are_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Validation after each epoch, prediction and the model that was saved never come near it."""
    seen: list[int] = []

    def counting(plan: Plan, signature: Signature) -> Callable[[Batch], Batch]:
        change = augmented(plan, signature)
        assert change is not None

        def counted(batch: Batch) -> Batch:
            seen.append(len(batch["row"]))
            return change(batch)

        return counted

    monkeypatch.setattr("deepwright.contenders._network_fitting.augmented", counting)
    case = photos()
    model = fitted(case, epochs=3)
    assert sum(seen) == 3 * case.frame.height
    first = model.predict(case.frame)
    assert first.equals(model.predict(case.frame))
    assert case.reload(model, "network", tmp_path / "saved").predict(case.frame).equals(first)
    assert sum(seen) == 3 * case.frame.height


def test_harm_done_in_training_never_reaches_validation() -> None:
    """With pictures blotted out while learning, the net sees them whole when it is judged."""
    judged: list[float] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, batch: Batch) -> Tensor:
            pixels = batch["image:p"].float()
            if not self.training:
                judged.append(float(pixels.mean()))
            return self.layer(pixels.mean((2, 3)))

    rows = {"image:p": torch.full((20, 3, 8, 8), 0.5), "target": torch.arange(20) % 2}
    dark = Augmented(augmentations([{"colour_jitter": {"brightness": 1.0}}]), ["p"], seed=0)
    net = Spy()
    for _ in train(Supervised(net, nn.functional.cross_entropy, augment=dark), Rows(rows, batch=5), Plan(epochs=2)):
        net.eval()(rows)
    assert judged and all(mean == 0.5 for mean in judged)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_stopped_and_resumed_it_is_the_same_bit_for_bit(compiled: bool) -> None:
    listed: list[Step] = ["flip", {"crop": {"padding": 2}}]
    steps = augmentations(listed if compiled else [*listed, "light", "colour_jitter", "noise"])
    pixels = torch.randint(0, 256, (40, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = {"image:p": pixels, "target": torch.arange(40) % 2}
    plan = Plan(epochs=3, batch=16, lr=0.01, report_every=1, compile=compiled, seed=1)

    def learner() -> Supervised:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(432, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        return Supervised(
            _Named(net), nn.functional.cross_entropy, augment=Augmented(steps, ["p"], 1), mixup=0.2, cutmix=1.0, seed=1
        )

    whole, first, second = learner(), learner(), learner()
    for _ in train(whole, Rows(rows, batch=16, seed=1), plan):
        pass
    state = None
    for report in train(first, Rows(rows, batch=16, seed=1), plan):
        if report.step == 4:
            state = report.state()
            break
    for _ in train(second, Rows(rows, batch=16, seed=1), plan, state=state):
        pass
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), second.state_dict().values(), strict=True)
    )


class _Named(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> Tensor:
        return self.net(batch["image:p"])


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (["cat", "dog"], None),
        (["rose", "tulip", "daisy"], None),
        (["0", "1", "2"], "'0' is a number"),
        (["-3.5", "x1y"], "'-3.5' is a number"),
        (["cat", "Seven"], "'Seven' is a number"),
        (["A", "B"], "'A' is a sign"),
        (["letter_b", "letter_d"], "'letter_b' is a sign"),
        (["turnLeft", "stay"], "'turnLeft' says left"),
        (["arrow-right"], "'arrow-right' says right"),
        (["brightness", "uprooted", "leftover"], None),
        (["Straßenbahn", "猫咪"], None),
        (["猫"], "'猫' is a sign"),
        ([], None),
    ],
)
def test_labels_that_a_mirror_changes(labels: list[str], why: str | None) -> None:
    assert changed_by_mirroring(labels) == why


@pytest.mark.parametrize(
    ("training", "batch", "lr"),
    [
        ({}, 16, 0.1 * 16 / 128),
        ({"batch": 128}, 128, 0.1),
        ({"lr": 0.1}, 16, 0.1),
        ({"optimizer": "adagrad", "momentum": 0.0}, 16, 0.1),
    ],
)
def test_where_batches_are_made_smaller_the_rate_of_sgd_goes_with_them(
    training: dict[str, Any], batch: int, lr: float
) -> None:
    case = photos(rows=60)
    config = {"depth": 8, "width": 2}
    model = case.fit("network", network="resnet20", config=config, training={"epochs": 1, **training})
    plan = model.history()["plan"]
    assert (plan["batch"], plan["lr"]) == (batch, pytest.approx(lr))
