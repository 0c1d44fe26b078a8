"""From data to a verdict, in Python: every way in, what is kept, and what a run can do afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import deepwright as dw
from deepwright.core.errors import DataError, RecipeError, RunError

pytestmark = pytest.mark.usefixtures("without_figures")

SMALL_NET = {"network": "mlp", "as": "net", "config": {"widths": [8]}, "training": {"epochs": 3, "batch": 32}}


def _frame(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, group = rng.normal(size=rows), rng.integers(0, 20, rows)
    colour = np.array(["red", "green", "blue"])[rng.integers(0, 3, rows)]
    y = np.where(x + (colour == "red") + 0.3 * rng.normal(size=rows) > 0.3, "yes", "no")
    return pl.DataFrame(
        {"x": x, "colour": colour, "patient": [f"p{g:02d}" for g in group], "price": 100 * x + 7, "y": y}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dw.Run:
    folder = tmp_path_factory.mktemp("fit") / "run"
    return dw.fit(
        _frame(), "y", contenders=["rule", "linear", SMALL_NET], ignore=["price", "patient"], folder=folder, quiet=True
    )


def test_a_run_says_who_won_and_why(run: dw.Run) -> None:
    assert run.state == "done"
    assert run.winner in run.scores["name"].to_list()
    assert run.winner in run.verdict and "test rows" in run.verdict
    assert set(run.scores["family"]) == {"rule", "classical", "deep"}
    assert "<" in run._repr_html_() and "Run" in repr(run)


def test_scores_agree_with_the_predictions_that_were_kept(run: dw.Run) -> None:
    kept = run.record.predictions
    assert kept is not None
    for row in run.scores.to_dicts():
        own = kept.filter(pl.col("contender") == row["name"])
        assert np.isclose((own["prediction"] == own["truth"]).mean(), row["score"])


def test_a_fit_that_the_clock_cut_says_so(run: dw.Run, tmp_path: Path) -> None:
    assert all(scores.notes == () for scores in run.record.scores.values())
    endless = {**SMALL_NET, "training": {"epochs": 100_000, "batch": 32, "time": 0.3}}
    cut = dw.fit(_frame(), "y", contenders=["rule", endless], folder=tmp_path / "cut", quiet=True)
    (note,) = cut.record.scores["net"].notes
    assert "The clock ended training after" in note and "cannot be repeated" in note
    assert cut.record.scores["majority"].notes == ()


def test_who_is_named_beside_a_group_stands_once_with_its_own_settings() -> None:
    from deepwright.api.entries import entries, everyone
    from deepwright.core.find import find
    from deepwright.core.recipe import Recipe
    from deepwright.diagnosis import edit

    task = find("task", "classification").fit(_frame()["y"], {})
    content: dict[str, Any] = {"data": {"source": "frame"}, "task": {"target": "y"}, "contenders": ["all"]}
    forms = frozenset({"number"})
    plain = entries(Recipe.model_validate(content), task, forms)
    labels = [entry.label for entry in plain]
    assert len(set(labels)) == len(labels)
    assert {"linear", "linear_network", *everyone(task, forms)} == set(labels)
    for key in ("contenders.tabm.training.lr", "contenders.linear_network.training.lr", "training.lr"):
        edited = entries(Recipe.model_validate(edit(content, key, 0.125)), task, forms)
        assert sorted(entry.label for entry in edited) == sorted(labels)
        rates = {
            e.label: e.made.options.training["lr"] for e in edited if e.family == "deep" and e.made.options.training
        }  # type: ignore[attr-defined]
        expected = (
            [key.split(".")[1]] if key.startswith("contenders") else [e.label for e in plain if e.family == "deep"]
        )
        assert {name for name, rate in rates.items() if rate == 0.125} == set(expected)


def test_the_split_is_disjoint_and_whole(run: dw.Run) -> None:
    split = pl.read_parquet(run.folder / "split.parquet")
    assert split["row"].to_list() == list(range(200))
    assert set(split["part"]) == {"train", "valid", "test"}
    kept = run.record.predictions
    assert kept is not None
    assert set(kept["row"]) == set(split.filter(pl.col("part") == "test")["row"])


def test_a_new_process_predicts_the_same(run: dw.Run, tmp_path: Path) -> None:
    new = _frame(50, seed=1)
    new.write_parquet(tmp_path / "new.parquet")
    names = run.scores["name"].to_list()
    code = (
        "import sys, deepwright as dw\n"
        "for name in sys.argv[4:]:\n"
        "    made = dw.load(sys.argv[1]).predict(sys.argv[2], contender=name)\n"
        "    made.write_parquet(f'{sys.argv[3]}/{name}.parquet')\n"
    )
    command = [sys.executable, "-c", code, str(run.folder), str(tmp_path / "new.parquet"), str(tmp_path), *names]
    subprocess.run(command, check=True)
    for name in names:
        assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(run.predict(new, contender=name)), name


def test_rows_are_predicted_alone_as_together(run: dw.Run) -> None:
    new = _frame(5, seed=2)
    together = run.predict(new)
    alone = pl.concat([run.predict(new[i]) for i in range(5)])
    assert together["prediction"].equals(alone["prediction"])
    assert np.allclose(together["probability"], alone["probability"], atol=1e-6)


def test_no_rows_are_a_mistake(run: dw.Run) -> None:
    with pytest.raises(DataError, match="row"):
        run.predict(_frame(3).clear())


def test_numpy_and_pandas_come_in_too(tmp_path: Path) -> None:
    frame = _frame()
    arrays = {"x": frame["x"].to_numpy(), "y": frame["y"].to_numpy()}
    made = dw.fit(arrays, "y", contenders=["majority", "linear"], folder=tmp_path / "a", quiet=True)
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({name: frame[name].to_list() for name in ("x", "y")})
    again = dw.fit(data, "y", contenders=["majority", "linear"], folder=tmp_path / "b", quiet=True)
    assert made.scores["score"].to_list() == again.scores["score"].to_list()


def test_the_same_recipe_gives_the_same_bits(run: dw.Run, tmp_path: Path) -> None:
    again = dw.run(str(run.folder), data=_frame(), folder=tmp_path / "again", quiet=True)
    for name in ("predictions.parquet", "metrics.jsonl", "contenders/net/weights.safetensors"):
        assert (again.folder / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_one_failing_contender_does_not_cost_the_others(tmp_path: Path) -> None:
    broken = {
        "network": "mlp",
        "as": "broken",
        "training": {"epochs": 2, "lr": 1e30, "halt_after": 1, "optimizer": "sgd"},
    }
    made = dw.fit(_frame(), "price", contenders=["mean", broken], ignore=["y"], folder=tmp_path / "run", quiet=True)
    states = dict(zip(made.scores["name"], made.scores["state"], strict=True))
    assert states["mean"] == "done" and made.winner is not None
    assert made.record.verdict is not None


def test_groups_stay_together(tmp_path: Path) -> None:
    made = dw.fit(_frame(), "y", contenders=["rule"], split="group:patient", folder=tmp_path / "run", quiet=True)
    split = pl.read_parquet(made.folder / "split.parquet").sort("row")
    parts = _frame().with_columns(split["part"]).group_by("patient").agg(pl.col("part").n_unique())
    assert parts["part"].max() == 1


def test_files_given_for_test_and_validation(tmp_path: Path) -> None:
    for part, seed in (("train", 0), ("valid", 1), ("test", 2)):
        _frame(100, seed).write_csv(tmp_path / f"{part}.csv")
    overrides = [
        "data.split.by=files",
        f"data.split.valid_source={tmp_path / 'valid.csv'}",
        f"data.split.test_source={tmp_path / 'test.csv'}",
    ]
    made = dw.fit(
        tmp_path / "train.csv", "y", contenders=["rule"], overrides=overrides, folder=tmp_path / "run", quiet=True
    )
    assert made.record.run.split is not None
    split = json.loads((made.folder / "run.json").read_text())["split"]
    assert (split["train"], split["valid"], split["test"]) == (100, 100, 100)


def test_pretraining_freezes_what_it_says(tmp_path: Path) -> None:
    _frame(300, seed=5).drop("price", "patient").write_csv(tmp_path / "source.csv")
    entry: dict[str, Any] = {**SMALL_NET, "pretrain": {"source": str(tmp_path / "source.csv"), "target": "y"}}
    frozen = {**entry, "as": "frozen", "freeze": "body"}
    made = dw.fit(
        _frame().drop("price", "patient"), "y", contenders=["rule", entry, frozen], folder=tmp_path / "run", quiet=True
    )
    deep = {name: scores.deep for name, scores in made.record.scores.items() if scores.deep}
    assert set(deep) == {"net", "frozen"}
    assert {"net.pretrain", "frozen.pretrain"} <= set(made.record.log["contender"])


def test_a_finding_is_mended_as_a_new_run(tmp_path: Path) -> None:
    frame = pl.concat([_frame(), _frame()])  # every row twice: copies stand in training and test
    path = tmp_path / "twice.csv"
    frame.write_csv(path)
    made = dw.fit(path, "y", contenders=["rule", "linear"], ignore=["price"], folder=tmp_path / "run", quiet=True)
    assert "leakage" in [finding["id"] for finding in made.findings]
    from deepwright.api.mending import mended

    recipe = mended(made.folder, "leakage")
    assert recipe.data.distinct and recipe.parent == str(made.folder)
    again = dw.run(recipe, folder=tmp_path / "mended", quiet=True)
    assert "leakage" not in [finding["id"] for finding in again.findings]


@pytest.mark.slow
def test_learning_curve_on_request(tmp_path: Path) -> None:
    made = dw.fit(
        _frame(), "y", contenders=["linear"], overrides=["learning_curve=true"], folder=tmp_path / "run", quiet=True
    )
    curve = made.record.learning_curve
    assert curve is not None and curve.says
    assert [point.rows for point in curve.points] == sorted({point.rows for point in curve.points})


def test_time_is_kept(tmp_path: Path) -> None:
    slow = {"network": "mlp", "as": "slow", "training": {"epochs": 100_000, "patience": None}}
    made = dw.fit(_frame(), "y", contenders=["majority", slow], time=4, folder=tmp_path / "run", quiet=True)
    assert made.record.scores["slow"].deep is not None
    seconds = json.loads((made.folder / "run.json").read_text())["seconds"]
    assert seconds["contest"] < 4 * 1.5  # the exact figure is benchmarks/contest.py's; a busy machine is slack


def test_a_run_folder_names_no_code_of_its_own(tmp_path: Path) -> None:
    made = dw.fit(_frame(), "y", contenders=["rule"], folder=tmp_path / "run", quiet=True)
    recipe = made.folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("- rule", "- os.path:join"))
    run = json.loads((made.folder / "run.json").read_text())
    (made.folder / "run.json").write_text(json.dumps({**run, "state": "stopped"}))
    for act in (lambda: dw.resume(made.folder, data=_frame()), lambda: dw.run(str(made.folder), data=_frame())):
        with pytest.raises(RunError, match=r"os\.path:join"):
            act()


def test_changed_data_stops_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    _frame().write_csv(path)
    made = dw.fit(path, "y", contenders=["rule"], folder=tmp_path / "run", quiet=True)
    run = json.loads((made.folder / "run.json").read_text())
    (made.folder / "run.json").write_text(json.dumps({**run, "state": "stopped"}))
    _frame(seed=3).write_csv(path)
    with pytest.raises(DataError, match="changed"):
        dw.resume(made.folder)


def test_a_user_network_by_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from torch import nn\n"
        "from deepwright.blocks.inputs import TABLE_FORMS, TableInput\n"
        "from deepwright.blocks.network import Network\n"
        "from deepwright.core import config\n\n\n"
        "class Mine(Network):\n"
        "    paper = 'none'\n"
        "    takes = TABLE_FORMS\n\n"
        "    class Config(config.Config):\n"
        "        pass\n\n"
        "    def __init__(self, config, signature, outputs):\n"
        "        super().__init__(config, signature, outputs)\n"
        "        self.inputs = TableInput(TableInput.Config(), signature)\n"
        "        self.out = nn.Linear(self.inputs.width, outputs)\n\n"
        "    def forward(self, batch):\n"
        "        return self.out(self.inputs(batch))\n\n"
        "    @property\n"
        "    def head(self):\n"
        "        return self.out\n"
    )
    (tmp_path / "lab_of_mine.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = {"network": "lab_of_mine:Mine", "as": "mine", "training": {"epochs": 2}}
    made = dw.fit(_frame(), "y", contenders=["rule", entry], folder=tmp_path / "run", quiet=True)
    assert "mine" in made.scores["name"].to_list()
    with pytest.raises(RunError, match="trust"):
        dw.load(made.folder).predict(_frame(3), contender="mine")
    trusted = dw.load(made.folder, trust=["lab_of_mine:Mine"])
    assert trusted.predict(_frame(3), contender="mine").height == 3


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"target": "z"}, dw.DeepwrightError, "z"),
        ({"target": "y", "split": "group"}, RecipeError, "column"),
        ({"target": "y", "split": "group:nobody"}, dw.DeepwrightError, "nobody"),
        ({"target": "y", "metric": "rmse"}, RecipeError, "RMSE"),
        ({"target": "y", "task": "regression"}, dw.DeepwrightError, "y"),
        ({"target": "y", "contenders": ["mean"]}, RecipeError, "mean"),
        ({"target": "y", "contenders": [{"linear": {"alhpa": 1}}]}, RecipeError, "alpha"),
        ({"target": "y", "contenders": ["linear", "linear"]}, RecipeError, "as:"),
        ({"target": "y", "contenders": [{"network": "mlp", "as": "../up"}]}, RecipeError, "../up"),
        ({"target": "y", "overrides": ["training.lr=fast"]}, RecipeError, "lr"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], error: type[Exception], says: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=says):
        dw.fit(_frame(), **{"contenders": ["rule"], **arguments}, folder=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
