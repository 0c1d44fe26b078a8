"""Features of a network's body in front of a classical contender: one model, whatever comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transfer_cases import QUICK, SMALL, bars, brief, built, contender, encoding_of

import deepwright as dw
from deepwright.contenders._features_model import Body
from deepwright.contenders._network_start import Start
from deepwright.contenders.network_features import NetworkFeatures
from deepwright.core.errors import NotFoundError, RecipeError, RunError

TRAIN, VALID, TEST = bars(160), bars(60, 1), bars(80, 2)
QUICKER = ["linear", {"nearest_neighbours": {"neighbours": 3}}]
LONGER = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("boosted_trees", "decision_tree", "naive_bayes", "polynomial", "random_forest", "svm")
]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A network that tells bars apart."""
    room, rows, valid = tmp_path_factory.mktemp("source"), bars(300, 5, labels="wxyz"), bars(40, 6, labels="wxyz")
    model = contender(training=QUICK | {"epochs": 6}).fit(rows, valid, brief(room, rows))
    return Start.of(model, {"from": "a run", "sha256": "ab" * 32})


def features(start: Start, then: Any, **options: Any) -> NetworkFeatures:
    return NetworkFeatures(NetworkFeatures.Options(**SMALL, then=then, weights="a run", **options), start)


@pytest.mark.parametrize("then", [*QUICKER, *LONGER])
def test_every_classical_contender_learns_from_them(start: Start, tmp_path: Path, then: Any) -> None:
    at = brief(tmp_path, TRAIN)
    model = features(start, then).fit(TRAIN, VALID, at)
    right = (model.predict(TEST)["prediction"] == TEST["label"]).mean()
    assert right is not None and right > 0.7, model.explain()
    (tmp_path / "kept").mkdir()
    model.save(tmp_path / "kept")
    again = NetworkFeatures.load(tmp_path / "kept", at.task, at.encoding)
    assert again.predict(TEST).equals(model.predict(TEST)) and again.explain() == model.explain()
    assert (
        "16 features by the body of ResNet-8" in model.explain() and "a run (sha256 abababababab…)" in model.explain()
    )
    assert model.history() is None and model.importances() in (None, {"photo": pytest.approx(1.0)})


def test_features_are_what_enters_the_head_and_do_not_depend_on_other_rows(start: Start, tmp_path: Path) -> None:
    model = features(start, "linear").fit(TRAIN, VALID, brief(tmp_path, TRAIN))
    net = model.body.network.net
    batch = {"image:photo": torch.from_numpy(encoding_of(TRAIN).tensors(TEST)["image:photo"].copy())}
    with torch.no_grad():
        whole = net(batch)
        made = torch.from_numpy(model.body.features(TEST)[model.body.encoding.columns[0]].to_numpy().copy())
        assert torch.allclose(net.head(made), whole, atol=1e-5)
    theirs = start.weights
    body = [name for name in net.state_dict() if not name.startswith("output.")]
    assert all(torch.equal(net.state_dict()[name], theirs[name]) for name in body)
    alone = pl.concat([model.predict(TEST[i]) for i in range(6)])
    assert np.allclose(alone["p(a)"], model.predict(TEST)["p(a)"][:6], atol=1e-4)


def test_other_columns_stand_beside_them(start: Start, tmp_path: Path) -> None:
    def halves(rows: int, seed: int) -> pl.DataFrame:
        """Whether a bar lies there says one half, a number the other."""
        frame, rng = bars(rows, seed, labels="ab"), np.random.default_rng(seed)
        size = rng.normal(size=rows)
        label = [f"{name}{'+' if high else '-'}" for name, high in zip(frame["label"], size > 0, strict=True)]
        return frame.with_columns(size=pl.Series(size), label=pl.Series(label))

    train, test = halves(240, 7), halves(100, 8)
    at = brief(tmp_path, train, encoding_of(train, size="number"))
    model = features(start, "linear").fit(train, test, at)
    assert (model.predict(test)["prediction"] == test["label"]).mean() > 0.85  # type: ignore[operator]
    trees = features(start, "boosted_trees").fit(train, test, brief(tmp_path / "t", train, at.encoding))
    shares = trees.importances()
    assert shares is not None and set(shares) == {"photo", "size"} and min(shares.values()) > 0.1


def test_without_weights_the_network_learns_here(tmp_path: Path) -> None:
    made = NetworkFeatures(NetworkFeatures.Options(**SMALL, training=QUICK | {"epochs": 6}, then="linear"))
    model = made.fit(TRAIN, VALID, brief(tmp_path, TRAIN))
    assert (model.predict(TEST)["prediction"] == TEST["label"]).mean() > 0.7  # type: ignore[operator]
    history = model.history()
    assert history is not None and history["epochs"] == 6 and "trained on these rows" in model.explain()


def test_killed_while_its_network_learns_it_ends_the_same(tmp_path: Path) -> None:
    training = QUICK | {"epochs": 3, "checkpoint_every": 0}
    made = NetworkFeatures(NetworkFeatures.Options(**SMALL, training=training, then="linear"))
    whole = made.fit(TRAIN, VALID, brief(tmp_path / "whole", TRAIN))
    told: list[Any] = []

    def kill(line: dict[str, Any]) -> None:
        told.append(line)
        if len(told) == 2:
            raise KeyboardInterrupt

    at = brief(tmp_path / "killed", TRAIN, log=kill)
    with pytest.raises(KeyboardInterrupt):
        made.fit(TRAIN, VALID, at)
    resumed = made.fit(TRAIN, VALID, at)
    assert len(told) == 4 and resumed.predict(TEST).equals(whole.predict(TEST))


@pytest.mark.parametrize(
    ("then", "error", "says"),
    [
        ("boosted_tree", NotFoundError, "Did you mean 'boosted_trees'"),
        ("majority", RecipeError, "'majority' is no classical contender.*Choose among: boosted_trees"),
        ("kmeans", RecipeError, "'kmeans' is no classical contender"),
        ({"linear": {"alfa": 1}}, RecipeError, r"then\.linear\.alfa: there is no key 'alfa'. Did you mean 'alpha'"),
        ({"linear": {}, "svm": {}}, RecipeError, "expected one contender, got 2"),
    ],
)
def test_what_cannot_follow_is_named(start: Start, then: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        features(start, then)


def test_a_network_that_reads_none_of_the_columns_is_refused(start: Start, tmp_path: Path) -> None:
    train = TRAIN.with_columns(size=pl.Series(np.arange(160.0)))
    encoding = type(encoding_of(train))(encoding_of(train, size="number").encoders[1:])
    with pytest.raises(RecipeError, match="'resnet20' reads image; there are only columns of the form number"):
        features(start, "linear").fit(train, train, brief(tmp_path, train, encoding))


def test_a_damaged_model_is_a_run_error(start: Start, tmp_path: Path) -> None:
    at = brief(tmp_path, TRAIN)
    model = features(start, "linear").fit(TRAIN, VALID, at)
    (tmp_path / "kept").mkdir()
    model.save(tmp_path / "kept")
    path = tmp_path / "kept/features.json"
    whole = path.read_text()
    for wrong in ('"then": "antigravity:Net"', '"then": "nobody"'):
        path.write_text(whole.replace('"then": "linear"', wrong))
        with pytest.raises(RunError, match="not part of Deepwright"):
            NetworkFeatures.load(tmp_path / "kept", at.task, at.encoding)
    for wrong in ('"then": "kmeans"', '"then": "network_features"', '"then": "majority"'):
        path.write_text(whole.replace('"then": "linear"', wrong))
        with pytest.raises(RunError, match="cannot follow a network on classification"):
            NetworkFeatures.load(tmp_path / "kept", at.task, at.encoding)
    path.write_text(whole.replace('"columns": [', '"columns": [["x"], '))
    with pytest.raises(RunError):
        NetworkFeatures.load(tmp_path / "kept", at.task, at.encoding)
    path.write_text(whole.replace('"photo"', '"foto"'))
    with pytest.raises(RunError, match="read other columns"):
        NetworkFeatures.load(tmp_path / "kept", at.task, at.encoding)


def test_a_column_may_be_called_as_the_features_are(start: Start) -> None:
    train = TRAIN.with_columns(pl.Series("resnet20 features", np.arange(160.0)))
    encoding = encoding_of(train, **{"resnet20 features": "number"})
    net = built("resnet20", depth=8, width=4)
    from deepwright.contenders._network_model import Blueprint, NetworkModel

    task = brief(Path("/tmp"), TRAIN).task
    read = type(encoding)(encoding.encoders[:1])
    blueprint = Blueprint(network="resnet20", config={}, signature=read.signature, outputs=4)
    body = Body(NetworkModel(net, blueprint, task, read, {}), encoding)
    assert body.features(train).columns == ["resnet20 features", "label", "resnet20 features "]


@pytest.mark.slow
def test_one_object_from_recipe_to_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network learns in one run; its features and boosted trees are the contender of another, kept and served."""
    monkeypatch.setattr("deepwright.evaluation.report.write_report", lambda folder: folder)
    net = {**SMALL, "training": QUICK | {"epochs": 4}, "as": "net"}
    first = dw.fit(bars(240, 3), "label", contenders=["majority", net], folder=tmp_path / "first", quiet=True)
    told = {**SMALL, "weights": f"{first.folder}:net", "then": "boosted_trees"}
    contenders = ["majority", {"network_features": told}]
    other = bars(240, 4, labels="xyz")
    made = dw.fit(other, "label", contenders=contenders, folder=tmp_path / "second", quiet=True)
    assert made.winner == "network_features"
    predicted = dw.load(made.folder).predict(bars(90, 6, labels="xyz"))
    assert (predicted["prediction"] == bars(90, 6, labels="xyz")["label"]).mean() > 0.7  # type: ignore[operator]
    assert "first:net (sha256 " in made.record.scores["network_features"].explain
