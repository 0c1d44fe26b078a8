"""Agents through the command line: a whole run and its moving report, killed and resumed, bad input; and how well they
learn to balance a pole, which `benchmarks/control.py` measures."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killed_runs import digest, killed_until_done, undisturbed

from deepwright.cli import main
from deepwright.core.find import find
from deepwright.evaluation.drawing import draw, png
from deepwright.evaluation.record import Record

pytest.importorskip("gymnasium")

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"
FIGURES = ("agent_replay", "return_over_steps", "returns")

RUN = """
version: 1
name: poles
data: {source: "env:CartPole-v1", reading: {train: 3, valid: 3, test: 12}}
task: {name: control}
contenders:
  - rule
  - q_learning: {episodes: 45, bins: 4}
  - ppo: {worlds: 4, horizon: 32, epochs: 2, config: {widths: [8]}, training: {steps: 48, report_every: 16}}
  - dqn: {warmup: 100, keep: 400, config: {widths: [8]}, training: {steps: 60, report_every: 20}}
time: null
"""
KILLED = """
version: 1
name: killed
data: {source: "env:CartPole-v1", reading: {train: 2, valid: 3, test: 5}}
task: {name: control}
contenders:
  - ppo: {worlds: 4, horizon: 64, training: {steps: 640, report_every: 16, checkpoint_every: 0}}
  - dqn: {warmup: 300, keep: 1500, sync: 50, training: {steps: 900, report_every: 25, batch: 32, checkpoint_every: 0}}
time: null
"""


def cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what came on standard output."""
    code = main(list(arguments))
    return code or 0, capsys.readouterr().out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    room = tmp_path_factory.mktemp("control")
    (room / "poles.yaml").write_text(RUN, encoding="utf-8")
    assert not main(["run", str(room / "poles.yaml"), "--folder", str(room / "run"), "--quiet"])
    yield room / "run"


# ---------------------------------------------------------------- a whole run
def test_the_contest_is_told_with_intervals_and_steps_used(run, capsys):
    code, out = cli(capsys, "show", str(run), "--json")
    told = json.loads(out)
    assert code == 0 and told["task"] == "control" and told["metric"]["name"] == "mean_return"
    names = {entry["name"]: entry for entry in told["contenders"]}
    assert set(names) == {"random_action", "constant_action", "q_learning", "ppo", "dqn"}
    assert all(entry["low"] <= entry["score"] <= entry["high"] for entry in names.values())
    log = Record(run).log.filter(pl.col("contender") == "ppo")
    assert log["environment_steps"].to_list() == [256, 512, 768]  # 16 steps: 2 stretches of 4 worlds × 32


def test_predicting_is_playing_the_same_episodes_in_any_order(run, capsys, tmp_path):
    episodes = pl.DataFrame({"episode": [f"CartPole-v1#{seed}" for seed in (7, 300, 8)]})
    told = []
    for name, frame in (("one", episodes), ("other", episodes.reverse())):
        frame.write_csv(tmp_path / f"{name}.csv")
        out = tmp_path / f"{name}_out.csv"
        assert cli(capsys, "predict", str(run), str(tmp_path / f"{name}.csv"), "-o", str(out))[0] == 0
        told.append(pl.read_csv(out).select("return", "steps"))
    assert told[0].equals(told[1].reverse())
    assert (told[0]["return"] == told[0]["steps"]).all()  # CartPole pays 1 a step


def test_the_report_moves_without_a_script_and_loads_nothing(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "@keyframes agent_replay-0-pole" in page and "prefers-reduced-motion" in page
    assert "<script" not in page and "<img" not in page and "http://" not in page.replace(SVG.strip("{}"), "")
    record = Record(run)
    for name in FIGURES:
        figure: Any = find("figure", name)()
        assert figure.suits(record) and len(figure.alt(record)) > 20, name
        ET.fromstring(draw(figure, record).svg)
        assert png(figure, record)[:4] == b"\x89PNG"


def test_every_motion_has_its_part_and_ends_where_it_is_drawn(run):
    figure: Any = find("figure", "agent_replay")()
    record = Record(run)
    root = ET.fromstring(draw(figure, record).svg)
    parts = {element.get("id") for element in root.iter(f"{SVG}g")}
    motions = figure.motions(record)
    assert len(motions) == 2 * 5  # cart and pole of five contenders
    for motion in motions:
        assert f"agent_replay-{motion.part}" in parts
        times = [time for time, _ in motion.poses]
        assert times == sorted(times) and times[0] == 0 and times[-1] <= 1
        assert motion.poses[-1][1].css() == "translate(0px,0px) rotate(0deg)"
    style = next(root.iter(f"{SVG}style")).text or ""
    assert len(re.findall(r"@keyframes", style)) == len(motions)


def test_a_loss_that_climbs_while_values_grow_is_no_finding(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    log = tmp_path / "run" / "metrics.jsonl"
    last = [line for line in map(json.loads, log.read_text().splitlines()) if line["contender"] == "dqn"][-1]
    climbing = [{**last, "step": 20 * step, "train_loss": float(step)} for step in range(1, 9)]
    said = {}
    for name, loss in (("of its own goals", None), ("of fixed ones", 1.0)):
        log.write_text("".join(json.dumps({**line, "valid_loss": loss}) + "\n" for line in climbing))
        said[name] = list(find("finding", "learning_rate_too_high")().check(Record(tmp_path / "run")))
    assert not said["of its own goals"] and said["of fixed ones"]


@pytest.mark.slow
def test_a_damaged_replay_is_left_out(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    files = sorted((tmp_path / "run").glob("contenders/*/exhibits.json"))
    for file, harm in zip(files, ({"observations": [[1, 2], [3]]}, {"map": ["SF", "F"]}, {}, {}, {}), strict=True):
        shown = json.loads(file.read_text())
        file.write_text(json.dumps({**shown, "replay": {**shown["replay"], **harm} if harm else 7}))
    assert not find("figure", "agent_replay")().suits(Record(tmp_path / "run"))


def test_the_map_of_a_lake_is_drawn_with_its_values(tmp_path):
    recipe = RUN.replace("CartPole-v1", "FrozenLake-v1?is_slippery=false")
    recipe = re.sub(r"  - (ppo|dqn).*\n", "", recipe).replace("45, bins: 4", "300")
    (tmp_path / "lake.yaml").write_text(recipe, encoding="utf-8")
    assert not main(["run", str(tmp_path / "lake.yaml"), "--folder", str(tmp_path / "run"), "--quiet"])
    record = Record(tmp_path / "run")
    for name in (*FIGURES, "value_map"):
        figure: Any = find("figure", name)()
        assert figure.suits(record), name
        ET.fromstring(draw(figure, record).svg)
    assert "row 1:" in find("figure", "value_map")().alt(record)


# ---------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["env:CartPol-v1"], "Did you mean 'CartPole-v1'"),
        (["Pendulum-v1"], "discrete actions"),
        (["FrozenLake-v1?is_slipery=false"], "is_slipery"),
        (["env:CartPole-v1", "data.reading.valid=0"], "whole number from 1"),
        (["env:CartPole-v1", "--contenders", "dqnn"], "Did you mean 'dqn'"),
        (["env:CartPole-v1", "contenders=[{dqn: {stride: 0}}]"], "stride"),
        (["env:CartPole-v1", "contenders=[{ppo: {network: gpt}}]"], "observations are numbers"),
        (["env:CartPole-v1", "contenders=[{q_learning: {bins: [3, 3]}}]"], "one entry for each of the 4 numbers"),
    ],
)
def test_bad_input_is_a_sentence(arguments, says, capsys, tmp_path):
    code = main(["fit", *arguments, "--folder", str(tmp_path / "run"), "--quiet"])
    captured = capsys.readouterr()
    assert code == 2 and says in captured.err and "Traceback" not in captured.err, captured.err


def test_rows_that_are_no_episodes_of_the_environment_are_refused(run, capsys, tmp_path):
    pl.DataFrame({"episode": ["CartPole-v1#3", "Acrobot-v1#3"]}).write_csv(tmp_path / "other.csv")
    code = main(["predict", str(run), str(tmp_path / "other.csv"), "-o", str(tmp_path / "out.csv")])
    assert code == 2 and "row 2" in capsys.readouterr().err


# ---------------------------------------------------------------- killed
@pytest.mark.slow
def test_killed_and_resumed_agents_end_as_undisturbed_ones(tmp_path):
    """Weights, log and predictions byte for byte: buffer, random numbers and episodes under way came back."""
    recipe = tmp_path / "killed.yaml"
    recipe.write_text(KILLED, encoding="utf-8")
    seconds = undisturbed(recipe, tmp_path / "whole")
    assert killed_until_done(recipe, tmp_path / "cut", kills=6, seconds=seconds) >= 2
    expected = digest(tmp_path / "whole")
    assert len(expected) >= 6 and digest(tmp_path / "cut") == expected


# ---------------------------------------------------------------- how well they learn
def reached(contender: str, seed: int) -> float:
    """Mean return over 100 test episodes of CartPole-v1, as `benchmarks/control.py` measures it."""
    spec = importlib.util.spec_from_file_location("control_benchmark", ROOT / "benchmarks" / "control.py")
    assert spec is not None and spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark
    spec.loader.exec_module(benchmark)
    return benchmark.measured(contender, seed).score


@pytest.mark.slow
@pytest.mark.parametrize(("contender", "least"), [("q_learning", 195), ("ppo", 475), ("dqn", 475)])
def test_one_seed_balances_the_pole(contender, least):
    assert reached(contender, 0) >= least


@pytest.mark.soak
@pytest.mark.parametrize(("contender", "least"), [("q_learning", 195), ("ppo", 475), ("dqn", 475)])
def test_five_seeds_of_five_balance_the_pole(contender, least):
    assert min(reached(contender, seed) for seed in range(5)) >= least
