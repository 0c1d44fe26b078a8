"""Weights that a recipe names: a run, a file, the hub; what is not there is named before anyone learns."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import deepwright as dw
from deepwright.api.starting import named_start
from deepwright.core.errors import DataError, NotFoundError, RecipeError, RunError
from deepwright.core.files import read_tensors, write_manifest

NET: dict[str, Any] = {"network": "mlp", "config": {"widths": [6]}, "training": {"epochs": 3, "batch": 32}, "as": "net"}


def table(rows: int = 160, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    return pl.DataFrame({"a": a, "b": b, "y": np.where(a * b > 0.3, "same", "other")})


@pytest.fixture(scope="module", autouse=True)
def _no_page() -> Iterator[None]:
    """Drawing the report takes longer than all the rest, and other tests look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepwright.evaluation.report.write_report", lambda folder: folder)
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a tree, which wins, and two networks."""
    folder = tmp_path_factory.mktemp("runs") / "source"
    wide = {**NET, "config": {"widths": [12]}, "as": "wide"}
    made = dw.fit(table(), "y", contenders=["decision_tree", NET, wide], folder=folder, quiet=True)
    assert made.winner == "decision_tree"
    return folder


def fitted(folder: Path, weights: Any, **options: Any) -> dw.Run:
    entry = {**NET, "weights": str(weights), **options}
    return dw.fit(table(seed=1), "y", contenders=["majority", entry], folder=folder, quiet=True)


def test_a_run_is_the_source_of_another(source: Path, tmp_path: Path) -> None:
    made = fitted(tmp_path / "then", f"{source}:net", freeze="body")
    kept = json.loads((made.folder / "contenders/net/scores.json").read_text())
    told = kept["deep"]["start"]
    assert told["from"] == f"{source}:net" and told["output_layer"] == "taken over" and told["freeze"] == "body"
    assert (
        told["sha256"]
        == json.loads((source / "contenders/net/MANIFEST.json").read_text())["files"]["weights.safetensors"]["sha256"]
    )
    assert f"It began with the weights of {source}:net (sha256 " in kept["explain"]
    ours, theirs = (read_tensors(run / "contenders/net/weights.safetensors") for run in (made.folder, source))
    assert np.array_equal(ours["body.0.weight"], theirs["body.0.weight"])
    assert dw.load(made.folder).predict(table(seed=2)).height == 160


def test_without_a_name_it_is_the_best_network_where_a_tree_won(source: Path) -> None:
    valid = {name: json.loads((source / f"contenders/{name}/scores.json").read_text())["valid_score"]
             for name in ("net", "wide")}  # fmt: skip
    assert named_start(str(source)).told["from"] == f"{source}:{max(valid, key=lambda name: valid[name])}"


def test_what_is_no_network_is_refused_with_those_that_are(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'decision_tree' of that run is no network.*source:net, .*source:wide"):
        named_start(f"{source}:decision_tree")
    with pytest.raises(NotFoundError, match=r"there is no contender 'nett'\. Did you mean 'net'"):
        named_start(f"{source}:nett")
    only = dw.fit(table(), "y", contenders=["decision_tree"], folder=tmp_path / "only", quiet=True)
    with pytest.raises(RecipeError, match="no network learned, only decision_tree"):
        named_start(str(only.folder))


def test_a_run_that_is_not_there_is_named_before_anyone_learns(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no run .*sourc'\. Did you mean '.*source'"):
        fitted(tmp_path / "never", source.with_name("sourc"))
    assert not (tmp_path / "never").exists()
    with pytest.raises(DataError, match=r"no file of weights here"):
        fitted(tmp_path / "never", tmp_path / "nothing.safetensors")
    with pytest.raises(RecipeError, match="both"):
        fitted(tmp_path / "never", source, pretrain={"source": "iris", "target": "species"})
    with pytest.raises(RecipeError, match="nothing worth freezing"):
        dw.fit(table(), "y", contenders=[{**NET, "freeze": "body"}], folder=tmp_path / "never", quiet=True)


def test_a_changed_run_is_refused(source: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    path = copy / "contenders/net/weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match="not what its manifest says"):
        named_start(f"{copy}:net")


def test_a_strangers_run_imports_nothing(source: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    path = copy / "contenders/net/network.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"network": "antigravity:Net"}))
    write_manifest(copy / "contenders/net")
    with pytest.raises(RunError, match="a network of its maker's own, 'antigravity:Net'"):
        named_start(f"{copy}:net")
    assert "antigravity" not in sys.modules


def test_other_columns_do_not_fit(source: Path, tmp_path: Path) -> None:
    other = table().rename({"a": "c"})
    entry = {**NET, "weights": f"{source}:net"}
    made = dw.fit(other, "y", contenders=["majority", entry], folder=tmp_path / "run", quiet=True)
    why = made.record.scores["net"].why
    assert why is not None and "learned on other columns: a (number 1), b (number 1); here are c (number 1)" in why


def test_a_file_of_a_run_is_a_start_too(source: Path, tmp_path: Path) -> None:
    path = source / "contenders/net/weights.safetensors"
    made = fitted(tmp_path / "run", path)
    deep = json.loads((made.folder / "contenders/net/scores.json").read_text())["deep"]
    assert deep["start"]["from"] == str(path) and deep["start"]["output_layer"] == "new"


# The hub, without a network: a module in its place.


def hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = answer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_the_hubs_file_is_taken_with_its_publishers_colours(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (source / "contenders/net/weights.safetensors").read_bytes()
    (tmp_path / "blob").write_bytes(kept)  # the hub's cache keeps content under a digest, and links to it
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "blob")
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}))
    hub(monkeypatch, lambda name, file: str(tmp_path / file))
    for said in ("hf:timm/some.net", "timm/some.net"):
        start = named_start(said)
        assert start.told["from"] == "hf:timm/some.net" and start.colours == ((0.5,) * 3, (0.25,) * 3)
        assert "body.0.weight" in start.weights


def test_without_a_network_the_hub_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, file: str) -> str:
        raise OSError("no route to host")

    hub(monkeypatch, offline)
    wanted = r"no route to host.*huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors.*weights/resnet18"
    with pytest.raises(DataError, match=wanted):
        named_start("timm/resnet18.a1_in1k")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataError, match=r"'huggingface_hub' is not installed \(pip install 'deepwright\[hub\]'\)"):
        named_start("hf:timm/resnet18.a1_in1k")
    with pytest.raises(DataError, match="expected hf:owner/name, got 'hf:resnet18'"):
        named_start("hf:resnet18")
