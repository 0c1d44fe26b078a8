"""The recipes of transfer run, and record where weights came from; ResNet-18 goes on from a file of published names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml

import deepwright as dw
from deepwright.core.files import write_tensors

sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
from transfer_cases import bars, built, published

GALLERY = Path(dw.__file__).parent / "gallery"


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the report takes longer than all the rest, and other tests look at it."""
    monkeypatch.setattr("deepwright.evaluation.report.write_report", lambda folder: folder)


def shortened(entry: Any) -> Any:
    """The same with one epoch in the place of many, and stages to match."""
    if isinstance(entry, dict):
        made = {key: 2 if key == "epochs" else shortened(value) for key, value in entry.items()}
        return made | ({"until": made["until"] // 5} if "until" in made else {})
    return [shortened(value) for value in entry] if isinstance(entry, list) else entry


def deep(run: dw.Run, name: str) -> dict[str, Any]:
    return json.loads((run.folder / f"contenders/{name}/scores.json").read_text())["deep"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transfer-features", "transfer-finetune"])
def test_the_recipes_run(tmp_path: Path, name: str) -> None:
    recipe = shortened(yaml.safe_load((GALLERY / f"{name}.yaml").read_text()))
    made = dw.run(recipe, folder=tmp_path / "run", quiet=True)
    assert {scores.state for scores in made.record.scores.values()} == {"done"}
    if name == "transfer-features":
        assert "pretraining on digit_pictures" in made.record.scores["features-linear"].explain
    else:
        started = {label: deep(made, label)["start"] for label in ("frozen-body", "thawed", "small-rates")}
        assert len({start["sha256"] for start in started.values()}) == 1  # the same training gave the same weights
        assert started["thawed"]["freeze"] == [{"until": 1, "freeze": "body"}, {"until": 2, "freeze": "stages.0"}]
        assert deep(made, "frozen-body")["frozen"] > 0 == deep(made, "thawed")["frozen"]


@pytest.mark.slow
def test_resnet18_goes_on_from_published_weights(tmp_path: Path) -> None:
    """Batch 64, SGD at 0.001 with momentum 0.9, as in a course's exercise; the weights are random, their names real."""
    source = built("resnet18", (3, 32, 32), outputs=1000)
    weights = {name: tensor.numpy(force=True) for name, tensor in published(source).items()}
    write_tensors(tmp_path / "resnet18.safetensors", weights)
    assert {"conv1.weight", "layer4.1.bn2.running_var", "fc.bias"} <= weights.keys()
    training = {"epochs": 1, "batch": 64, "optimizer": "sgd", "lr": 0.001, "momentum": 0.9, "augment": []}
    entry = {"network": "resnet18", "weights": str(tmp_path / "resnet18.safetensors"), "training": training}
    rows = bars(180).with_columns(pl.Series("label", np.tile(["cat", "dog", "owl"], 60)))
    made = dw.run(
        {"data": {"source": "frame"}, "task": {"target": "label"}, "contenders": ["majority", entry], "time": None},
        data=rows, folder=tmp_path / "run", quiet=True,
    )  # fmt: skip
    told = deep(made, "resnet18")
    assert told["start"]["names"] == "torchvision or timm" and told["start"]["output_layer"] == "new"
    assert told["plan"]["momentum"] == 0.9 and told["epochs"] == 1
    net = made.model("resnet18").net  # type: ignore[attr-defined]
    moved = (net.first.weight - source.first.weight).abs().max().item()
    assert 0 < moved < 0.05 and torch.allclose(net.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
