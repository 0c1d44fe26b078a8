"""The command line as people and machines use it: results, JSON, errors and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from deepwright.cli import main
from deepwright.sources._bundled import FOLDER

QUICK = ["--contenders", "rule,linear", "--quiet"]


@pytest.fixture(scope="module")
def run_folder(without_figures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["fit", "penguins", "--target", "species", *QUICK, "--folder", str(folder)]) == 0
    return folder


def _json(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_fit_prints_the_contract(capsys: pytest.CaptureFixture[str], run_folder: Path) -> None:
    shown = _json(capsys, ["show", str(run_folder)])
    assert set(shown) >= {"run", "state", "task", "metric", "contenders", "winner", "verdict", "findings"}
    assert shown["state"] == "done" and shown["task"] == "classification"
    assert set(shown["metric"]) >= {"name", "greater_is_better"}
    keys = {
        "name",
        "family",
        "score",
        "low",
        "high",
        "valid_score",
        "fit_seconds",
        "predict_microseconds_per_row",
        "bytes",
    }
    assert all(keys <= set(contender) for contender in shown["contenders"])
    assert shown["winner"] in [contender["name"] for contender in shown["contenders"]]
    best = next(c for c in shown["contenders"] if c["name"] == shown["winner"])
    assert best["low"] <= best["score"] <= best["high"]


def test_show_report_compare_diagnose(capsys: pytest.CaptureFixture[str], run_folder: Path) -> None:
    for verb in (["show"], ["diagnose"], ["compare", str(run_folder)]):
        assert main([*verb, str(run_folder)]) == 0
        assert capsys.readouterr().out.strip()
    page = Path(_json(capsys, ["report", str(run_folder)])["report"])
    assert page.is_file() and page.stat().st_size > 10_000


def test_predict_a_file(capsys: pytest.CaptureFixture[str], run_folder: Path, tmp_path: Path) -> None:
    for suffix, read in ((".csv", pl.read_csv), (".parquet", pl.read_parquet), (".jsonl", pl.read_ndjson)):
        out = tmp_path / f"out{suffix}"
        said = _json(capsys, ["predict", str(run_folder), "penguins", "-o", str(out)])
        made = read(out)
        assert said["rows"] == made.height == 344
        assert made["row"].to_list() == list(range(1, 345))
        assert {"prediction", "probability", "unseen"} <= set(made.columns)


def test_predict_names_missing_columns(capsys: pytest.CaptureFixture[str], run_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "new.csv"
    data.write_text("island,bill_length,sex\nBiscoe,40.1,male\n")
    error = _json(capsys, ["predict", str(run_folder), str(data)], code=2)["error"]
    assert error["kind"] == "DataError"
    assert "bill_length_mm" in error["message"]
    assert "bill_length" in error["remedy"]


def test_unseen_values_are_flagged(capsys: pytest.CaptureFixture[str], run_folder: Path, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"island": ["Atlantis"], "bill_length_mm": [40.0], "bill_depth_mm": [18.0], "flipper_length_mm": [190.0],
         "body_mass_g": [4000.0], "sex": ["male"], "year": [2008]}
    )  # fmt: skip
    frame.write_csv(tmp_path / "new.csv")
    assert main(["predict", str(run_folder), str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv"), "-q"]) == 0
    assert pl.read_csv(tmp_path / "out.csv")["unseen"].to_list() == ["island"]


@pytest.mark.parametrize(
    ("arguments", "kind", "hint"),
    [
        (["fit", "penguins", "--target", "speces"], "NotFoundError", "species"),
        (["fit", "penguin", "--target", "species"], None, "penguins"),
        (["fit", "penguins", "--target", "species", "--contenders", "lineer"], "NotFoundError", "linear"),
        (["fit", "penguins", "--target", "species", "--metric", "rmse"], "RecipeError", "accuracy"),
        (["fit", "penguins", "--target", "species", "--kind", "island=categry"], "NotFoundError", "category"),
        (["fit", "penguins", "--target", "species", "data.splt.seed=1"], "RecipeError", "split"),
        (["fit", "penguins", "--target", "species", "data.split.test=2"], "RecipeError", "1"),
        (["fit", "penguins", "--target", "species", "--time", "soon"], "RecipeError", "90s"),
        (["fit", str(FOLDER / "penguins.csv")], "RecipeError", "species"),
        (["run", "xorr"], "NotFoundError", "xor"),
        (["show", "nowhere"], "RunError", "list runs"),
        (["list", "network"], "NotFoundError", "networks"),
        (["check", "network", "mlpp"], "NotFoundError", "mlp"),
    ],
    ids=lambda value: (
        " ".join(value[:1] + [Path(word).name for word in value[1:]]) if isinstance(value, list) else None
    ),
)
def test_mistakes_get_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], kind: str | None, hint: str
) -> None:
    error = _json(capsys, arguments, code=2)["error"]
    assert kind is None or error["kind"] == kind
    assert hint in f"{error['message']} {error['remedy']} {error['where']}"


def test_a_mistake_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "penguins", "--target", "speces", "--quiet"]) == 2
    assert main(["fit", "penguins", "--target", "species", "--contenders", "nobody", "--quiet"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_unknown_option_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "penguins", "--targt", "species"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_with_a_run_is_not_overwritten(capsys: pytest.CaptureFixture[str], run_folder: Path) -> None:
    before = (run_folder / "run.json").read_bytes()
    assert main(["fit", "penguins", "--target", "species", *QUICK, "--folder", str(run_folder)]) == 2
    assert (run_folder / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    "what",
    [
        "recipes",
        "tasks",
        "networks",
        "learners",
        "kinds",
        "contenders",
        "metrics",
        "findings",
        "figures",
        "sources",
        "data",
        "optimizers",
        "schedules",
        "losses",
        "activations",
        "initialisers",
    ],
)
def test_lists_have_names_and_lines(capsys: pytest.CaptureFixture[str], what: str) -> None:
    items = _json(capsys, ["list", what])["items"]
    assert items and all(item["name"] for item in items)


def test_list_networks_says_what_and_how_large(capsys: pytest.CaptureFixture[str]) -> None:
    networks = {item["name"]: item for item in _json(capsys, ["list", "networks"])["items"]}
    assert {"perceptron", "linear", "mlp", "residual_mlp", "tabm"} <= set(networks)
    assert networks["mlp"]["parameters"]["2-2-1, as for XOR"] == 9
    assert all(item["paper"] and item["takes"] for item in networks.values())


def test_doctor_finds_torch(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, ["doctor"])
    assert any(item["what"] == "torch" and item["ok"] for item in found["items"])


def test_look(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, ["look", "penguins"])
    assert {column["name"] for column in found["columns"]} >= {"species", "island", "body_mass_g"}
    assert main(["look", "penguins"]) == 0
    assert "body_mass_g" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import deepwright

    assert main(["--version"]) == 0
    assert deepwright.__version__ in capsys.readouterr().out
