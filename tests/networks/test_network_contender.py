"""The deep contender: it learns, keeps its time, resumes bit for bit, starts from other weights, and loads safely."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.contenders._network_start import Start
from deepwright.contenders.network import NetworkContender
from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.errors import NotFoundError, RecipeError, RunError, TrainingError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.find import find
from deepwright.core.task import Task

SMALL = {"network": "mlp", "config": {"widths": [8], "dropout": 0.2}}


def blobs(rows: int, seed: int = 0) -> pl.DataFrame:
    """Three classes around three centres, a category that helps, a number that does not."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, rows)
    centre = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])[label]
    place = centre + rng.normal(0, 0.8, (rows, 2))
    group = np.where(rng.random(rows) < 0.7, label, rng.integers(0, 3, rows))
    return pl.DataFrame(
        {
            "x": place[:, 0],
            "y": place[:, 1],
            "noise": rng.normal(size=rows),
            "group": [["north", "south", "west"][g] for g in group],
            "label": [["a", "b", "c"][c] for c in label],
            "size": 10 + 4 * place[:, 0] - place[:, 1] + rng.normal(0, 0.1, rows),
        }
    )


def encoding_of(train: pl.DataFrame) -> Encoding:
    kinds = {"x": "number", "y": "number", "noise": "number", "group": "category"}
    return Encoding(tuple(find("kind", kind)().fit(train[column]) for column, kind in kinds.items()))


class Desk:
    """A brief, and what was told to it."""

    def __init__(self, folder: Path, task: Task, encoding: Encoding, seconds: float | None = None, memory: int = 2048):
        folder.mkdir(parents=True, exist_ok=True)
        self.log: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.meddle: Callable[[dict[str, Any]], None] = lambda line: None
        self.brief = Brief(
            task=task, encoding=encoding, metric=task.metrics[0], seconds=seconds, seed=3, folder=folder,
            log=self._log, rewind=self._rewind, progress=lambda part, text: self.told.append(text), memory=memory,
        )  # fmt: skip

    def _log(self, line: dict[str, Any]) -> None:
        self.log.append(json.loads(json.dumps(line)))
        self.meddle(line)

    def _rewind(self, step: int) -> None:
        self.log = [line for line in self.log if line["step"] <= step]


def desk(folder: Path, train: pl.DataFrame, target: str = "label", **settings: Any) -> Desk:
    task = find("task", "classification" if target == "label" else "regression").fit(train[target], {})
    return Desk(folder, task, encoding_of(train), **settings)


def contender(**options: Any) -> NetworkContender:
    return NetworkContender(NetworkContender.Options(**{**SMALL, **options}))


TRAIN, VALID, TEST = blobs(160), blobs(60, 1), blobs(200, 2)
QUICK = {"epochs": 6, "batch": 32}


@pytest.mark.parametrize("network", ["linear", "mlp", pytest.param("residual_mlp", marks=pytest.mark.slow), "tabm"])
def test_learns_classes(tmp_path: Path, network: str) -> None:
    at = desk(tmp_path, TRAIN)
    config = {"width": 16, "members": 4} if network == "tabm" else {"width": 16} if network == "residual_mlp" else {}
    training = {"epochs": 25, "batch": 16, "lr": 1e-2}
    model = contender(network=network, config=config, training=training).fit(TRAIN, VALID, at.brief)
    predictions = model.predict(TEST)
    assert (predictions["prediction"] == TEST["label"]).mean() > 0.85
    assert predictions.columns == ["prediction", "probability", "p(a)", "p(b)", "p(c)"]
    assert model.history()["network"] == network and f"{model.history()['epochs']} epochs" in model.explain()


def test_learns_numbers_in_their_units(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN, "size")
    model = contender(training={"epochs": 60, "batch": 16, "lr": 1e-2}).fit(TRAIN, VALID, at.brief)
    error = (model.predict(TEST)["prediction"] - TEST["size"]).to_numpy()
    assert np.sqrt((error**2).mean()) < 0.35 * TEST["size"].std()


def test_the_log_says_what_the_docs_promise(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    contender(training=QUICK).fit(TRAIN, VALID, at.brief)
    assert [line["epoch"] for line in at.log] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in at.log] == [5 * i for i in range(1, 7)]
    wanted = {
        "step",
        "epoch",
        "train_loss",
        "valid_loss",
        "valid_score",
        "lr",
        "gradient_norm",
        "update_ratio",
        "skipped",
    }
    assert all(set(line) == wanted for line in at.log)
    assert all(isinstance(line["valid_score"], float) for line in at.log)


def test_saved_and_loaded_predicts_the_same(tmp_path: Path) -> None:
    at = desk(tmp_path / "work", TRAIN)
    model = contender(network="tabm", config={"width": 8}, training=QUICK).fit(TRAIN, VALID, at.brief)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded = NetworkContender.load(tmp_path / "model", at.brief.task, at.brief.encoding)
    assert loaded.predict(TEST).equals(model.predict(TEST))
    assert loaded.explain() == model.explain() and loaded.history() == json.loads(json.dumps(model.history()))
    assert {file.name for file in (tmp_path / "model").iterdir()} == {"weights.safetensors", "network.json"}
    assert model.predict(TEST.head(0)).height == 0
    alone = pl.concat([model.predict(TEST[i]) for i in range(5)])
    assert np.allclose(alone["p(a)"], model.predict(TEST)["p(a)"][:5], atol=1e-6)


class Killed(Exception):
    pass


def straight(folder: Path, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    at = desk(folder, TRAIN)
    return contender(**options).fit(TRAIN, VALID, at.brief), at.log


def same_weights(one: Any, two: Any) -> bool:
    a, b = one.net.state_dict(), two.net.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("restarts", [1, 2])
@pytest.mark.parametrize("kill_at", [1, 4, 8])
def test_resumes_bit_for_bit(tmp_path: Path, kill_at: int, restarts: int) -> None:
    options = {"training": {"epochs": 5, "batch": 32, "checkpoint_every": 0, "ema": 0.9}, "restarts": restarts}
    whole, log = straight(tmp_path / "straight", **options)
    at = desk(tmp_path / "killed", TRAIN)

    def kill(line: dict[str, Any]) -> None:
        if len(at.log) == kill_at:  # logged, but not yet in a checkpoint
            raise Killed

    at.meddle = kill
    if kill_at <= len(log):
        with pytest.raises(Killed):
            contender(**options).fit(TRAIN, VALID, at.brief)
        at.meddle = lambda line: None
    resumed = contender(**options).fit(TRAIN, VALID, at.brief)
    assert at.log == log and len(log) == 5 * restarts
    assert same_weights(resumed, whole)
    assert resumed.predict(TEST).equals(whole.predict(TEST))


def test_other_settings_start_anew(tmp_path: Path) -> None:
    training = {"epochs": 3, "batch": 32, "checkpoint_every": 0}
    at = desk(tmp_path, TRAIN)
    contender(training=training).fit(TRAIN, VALID, at.brief)
    contender(training=training | {"lr": 0.02}).fit(TRAIN, VALID, at.brief)
    assert [line["epoch"] for line in at.log] == [1, 2, 3] and at.log[0]["lr"] == 0.02
    assert any("anew" in line for line in at.told)


def test_interrupted_saves_first_and_goes_on(tmp_path: Path) -> None:
    training = {"epochs": 6, "batch": 32, "checkpoint_every": 3600}
    whole, log = straight(tmp_path / "straight", training=training)
    at = desk(tmp_path / "interrupted", TRAIN)
    at.meddle = lambda line: os.kill(os.getpid(), signal.SIGINT) if line["epoch"] == 2 else None
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        contender(training=training).fit(TRAIN, VALID, at.brief)
    assert signal.getsignal(signal.SIGINT) is before
    assert [line["epoch"] for line in at.log] == [1, 2]
    at.meddle = lambda line: None
    assert same_weights(contender(training=training).fit(TRAIN, VALID, at.brief), whole)
    assert at.log == log


@pytest.mark.parametrize("restarts", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_keeps_its_time(tmp_path: Path, restarts: int) -> None:
    seconds = 3.0
    at = desk(tmp_path, TRAIN, seconds=seconds)
    began = time.monotonic()
    model = contender(training={"epochs": 100_000, "patience": None}, restarts=restarts).fit(TRAIN, VALID, at.brief)
    spent = time.monotonic() - began
    assert seconds * 0.7 < spent < seconds * 1.05 + 0.8  # a busy machine's scheduling on top
    assert model.history()["stopped"] == "time" and model.history()["plan"]["time"] is None


def test_says_when_not_one_pass_fitted(tmp_path: Path) -> None:
    many = pl.concat([TRAIN] * 40)
    at = desk(tmp_path, many, seconds=0.001)
    model = contender(training={"epochs": 3, "batch": 1}).fit(many, VALID, at.brief)
    assert "before one pass" in model.explain() and any("before one pass" in text for text in at.told)
    assert model.predict(TEST).height == TEST.height


def test_larger_than_memory_learns_the_same(tmp_path: Path) -> None:
    many = blobs(40_000)
    training = {"epochs": 1, "batch": 1024}
    inside, outside = desk(tmp_path / "in", many), desk(tmp_path / "out", many, memory=1)
    one = contender(network="tabm", config={"width": 4, "members": 2}, training=training)
    a, b = one.fit(many, VALID, inside.brief), one.fit(many, VALID, outside.brief)
    assert not (tmp_path / "in" / "rows").exists() and list((tmp_path / "out" / "rows" / "train").glob("*.npy"))
    assert same_weights(a, b) and inside.log == outside.log


def test_small_tables_get_small_batches_unless_told(tmp_path: Path) -> None:
    for name, training, expected in (("own", {}, 16), ("told", {"batch": 64}, 64)):
        at = desk(tmp_path / name, TRAIN)
        model = contender(training=training | {"epochs": 1}).fit(TRAIN, VALID, at.brief)
        assert model.history()["plan"]["batch"] == expected


def test_patience_keeps_the_best_epoch(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    model = contender(training={"epochs": 400, "batch": 16, "lr": 0.05, "patience": 4}).fit(TRAIN, VALID, at.brief)
    best = min(at.log, key=lambda line: line["valid_loss"])
    assert model.history()["best_epoch"] == best["epoch"]
    assert model.history()["epochs"] == best["epoch"] + 4 and model.history()["stopped"] == "patience"
    loss = find("metric", "log_loss")().score(at.brief.task.answers(model.predict(VALID), VALID["label"]))
    assert loss == pytest.approx(best["valid_loss"], rel=1e-5)


def test_chooses_by_the_metric_where_asked(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    model = contender(training=QUICK | {"lr": 0.05, "epochs": 15}, choose_by="metric").fit(TRAIN, VALID, at.brief)
    best = max(at.log, key=lambda line: (line["valid_score"], -line["valid_loss"]))
    assert model.history()["best_epoch"] == best["epoch"]


def test_the_best_restart_stays(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    model = contender(config={"widths": [2], "activation": "relu", "dropout": 0.0}, training=QUICK, restarts=4)
    fitted = model.fit(TRAIN, VALID, at.brief)
    best = {r: min(line["valid_loss"] for line in at.log if line["restart"] == r) for r in range(4)}
    assert len(set(best.values())) == 4
    assert fitted.history()["best_restart"] == min(best, key=best.get)  # type: ignore[arg-type]
    assert [line["step"] for line in at.log] == [5 * i for i in range(1, 25)]


@pytest.mark.slow
def test_restarts_solve_xor_with_two_units(tmp_path: Path) -> None:
    corners = pl.DataFrame({"p": [0.0, 0.0, 1.0, 1.0], "q": [0.0, 1.0, 0.0, 1.0], "label": ["no", "yes", "yes", "no"]})
    train = pl.concat([corners] * 4)
    task = find("task", "classification").fit(train["label"], {})
    encoding = Encoding(tuple(find("kind", "number")().fit(train[c]) for c in ("p", "q")))
    at = Desk(tmp_path, task, encoding)
    net = contender(
        config={"widths": [2], "activation": "tanh", "dropout": 0.0},
        training={"epochs": 60, "batch": "full", "optimizer": "adam", "lr": 0.2, "patience": None},
        restarts=5,
    )
    model = net.fit(train, corners, at.brief)
    assert model.predict(corners)["prediction"].to_list() == corners["label"].to_list()


def pretrained(folder: Path) -> Any:
    at = desk(folder, blobs(200, 7))
    return contender(training=QUICK).fit(blobs(200, 7), VALID, at.brief)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("freeze", ["body", "none"])
def test_starts_from_other_weights(tmp_path: Path, freeze: str, norm: str) -> None:
    config = {"widths": [8], "norm": norm}
    at = desk(tmp_path / "first", TRAIN)
    source = contender(config=config, training=QUICK).fit(TRAIN, VALID, at.brief)
    before = {name: tensor.clone() for name, tensor in source.net.state_dict().items()}
    at = desk(tmp_path / "then", TRAIN, "size")  # another task: numbers
    second = contender(config=config, training=QUICK, freeze=freeze).starting_from(Start.of(source, {"from": "a test"}))
    model = second.fit(TRAIN, VALID, at.brief)
    after = model.net.state_dict()
    body = [name for name in after if not name.startswith("output.")]
    moved = [name for name in body if not torch.equal(after[name], before[name])]
    assert (moved == []) is (freeze == "body")
    assert after["output.weight"].shape == (1, 8)
    assert model.history()["frozen"] == (sum(before[n].numel() for n in body if "running" not in n and "num" not in n)
                                         if freeze == "body" else 0)  # fmt: skip
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.net.state_dict().items())


def test_keeps_the_head_where_asked(tmp_path: Path) -> None:
    source = pretrained(tmp_path / "first")
    at = desk(tmp_path / "then", TRAIN)
    second = contender(training={"steps": 1, "lr": 1e-12, "batch": 8}, replace_head=False).starting_from(
        Start.of(source, {"from": "a test"})
    )
    kept = second.fit(TRAIN, VALID, at.brief).net.state_dict()["output.weight"]
    assert torch.allclose(kept, source.net.state_dict()["output.weight"], atol=1e-6)


def test_other_columns_cannot_be_carried_over(tmp_path: Path) -> None:
    source = pretrained(tmp_path / "first")
    task = find("task", "classification").fit(TRAIN["label"], {})
    fewer = Encoding((find("kind", "number")().fit(TRAIN["x"]),))
    at = Desk(tmp_path / "then", task, fewer)
    with pytest.raises(RecipeError, match="learned on other columns: x"):
        contender(training=QUICK).starting_from(Start.of(source, {"from": "a test"})).fit(TRAIN, VALID, at.brief)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"network": "tabn"}, NotFoundError, "Did you mean 'tabm'"),
        ({"config": {"width": [3]}}, RecipeError, "Did you mean 'widths'"),
        ({"config": {"dropout": 1.5}}, RecipeError, "config.dropout"),
        ({"config": {"inputs": {"number": "none"}}}, RecipeError, "Did you mean 'numbers'"),
        ({"training": {"learning": 1}}, RecipeError, "training.learning"),
        ({"training": {"lr": "fast"}}, RecipeError, "training.lr"),
        ({"training": {"epochs": None}}, RecipeError, "needs an end"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        contender(**options)


def test_a_loss_that_is_never_finite_says_so(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    broken = TRAIN.with_columns(x=pl.lit(3e38))
    task = at.brief.task
    encoding = Encoding((_Wild(find("kind", "number")().fit(TRAIN["x"])),))
    at = Desk(tmp_path / "wild", task, encoding)
    with pytest.raises(TrainingError, match="not finite"):
        contender(training=QUICK | {"epochs": 50}).fit(broken, broken, at.brief)


class _Wild:
    """An encoder that lets numbers through as they are, and larger."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.column, self.kind, self.fields = inner.column, inner.kind, inner.fields

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return {self.column: np.full(len(column), np.inf, np.float32)}


def test_classes_that_training_never_showed_do_not_stop_it(tmp_path: Path) -> None:
    at = desk(tmp_path, TRAIN)
    odd = VALID.with_columns(label=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("new")).otherwise(pl.col("label")))
    model = contender(training=QUICK).fit(TRAIN, odd, at.brief)
    assert all(line["valid_loss"] is not None for line in at.log) and model.history()["best_epoch"] is not None


# Folders from strangers.


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Brief]:
    at = desk(tmp_path / "work", TRAIN)
    model = contender(training={"epochs": 1}).fit(TRAIN, VALID, at.brief)
    folder = tmp_path / "model"
    folder.mkdir()
    model.save(folder)
    return folder, at.brief


def edit(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "network.json").read_text())
    (folder / "network.json").write_text(json.dumps(content | changes))


def refused(saved: tuple[Path, Brief], says: str) -> None:
    folder, brief = saved
    with pytest.raises(RunError, match=says):
        NetworkContender.load(folder, brief.task, brief.encoding)


def test_a_folder_cannot_make_us_import(saved: tuple[Path, Brief], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    edit(saved[0], network="evil_module:Net")
    refused(saved, "trust")
    assert "evil_module" not in sys.modules


def test_a_network_of_ones_own_loads_when_trusted(tmp_path: Path, monkeypatch: Any) -> None:
    source = Path(__file__).with_name("test_network_contract.py").read_text()
    (tmp_path / "my_nets.py").write_text(source.partition("def broken_promises")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    at = desk(tmp_path / "work", TRAIN)
    model = contender(network="my_nets:Own", config={}, training=QUICK).fit(TRAIN, VALID, at.brief)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    with pytest.raises(RunError, match="my_nets:Own"):
        NetworkContender.load(tmp_path / "model", at.brief.task, at.brief.encoding)
    loaded = NetworkContender.load(tmp_path / "model", at.brief.task, at.brief.encoding, trust=["my_nets:Own"])
    assert loaded.predict(TEST).equals(model.predict(TEST))


def test_weights_that_do_not_fit_are_refused(saved: tuple[Path, Brief]) -> None:
    tensors = read_tensors(saved[0] / "weights.safetensors")
    write_tensors(saved[0] / "weights.safetensors", tensors | {"output.bias": np.zeros(4, np.float32)})
    refused(saved, r"output\.bias")
    write_tensors(saved[0] / "weights.safetensors", {"output.bias": tensors["output.bias"]})
    refused(saved, "do not fit")


def test_a_lying_width_takes_no_memory(saved: tuple[Path, Brief]) -> None:
    edit(saved[0], config={"widths": [100_000, 100_000]})
    refused(saved, "do not fit")
    edit(saved[0], config={"widths": [10**12]})
    refused(saved, "not valid")


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "nothing"}, {"network": 3}, {"config": 5}, {"outputs": 4}, {"signature": []}, {"format": 2},
        {"deep": {}}, {"config": {"activation": "sigmoyd"}},
    ],
)  # fmt: skip
def test_damage_is_named(saved: tuple[Path, Brief], changes: dict[str, Any]) -> None:
    edit(saved[0], **changes)
    refused(saved, ".")
