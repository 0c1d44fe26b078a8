"""Generation through the command line: killed and resumed, pictures from IDX files, new rows in a file, bad input."""

from __future__ import annotations

import json
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from killed_runs import digest, start

from deepwright.cli import main

RECIPE = """
version: 1
name: killed
data: {source: iris}
task: {name: generation, target: species}
contenders:
  - gan: {generator_config: &small {widths: [16]}, critic_config: *small, noise: 4, critic_steps: 2,
          training: &training {steps: STEPS, report_every: 15, batch: 32, ema: 0.98, checkpoint_every: 0}}
  - vae: {encoder_config: *small, decoder_config: *small, hidden: 2, training: *training}
  - diffusion: {config: *small, times: 20, sampling_steps: 5, training: *training}
time: null
"""
TRAINED = ("gan", "vae", "diffusion")


def killed_at(process: subprocess.Popen[bytes], checkpoints: Path, seconds: float = 120) -> None:
    """Kill -9 soon after the contender has saved its first checkpoint."""
    ends = time.monotonic() + seconds
    while not list(checkpoints.glob("**/MANIFEST*")):
        assert process.poll() is None and time.monotonic() < ends, "the run ended before it was killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_in_each_contender_and_resumed(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("STEPS", "300"))
    assert start("run", recipe, "--folder", tmp_path / "whole").wait() == 0
    expected = digest(tmp_path / "whole")
    assert sum("weights" in name for name in expected) == sum("exhibits" in name for name in expected) == 3
    assert {"metrics.jsonl", "predictions.parquet"} <= set(expected)

    run = tmp_path / "run"
    process = start("run", recipe, "--folder", run)
    for name in TRAINED:
        killed_at(process, run / "work" / name)
        process = start("resume", run)
    assert process.wait() == 0
    assert digest(run) == expected


# ---------------------------------------------------------------- pictures from IDX files
def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def pictures(without_figures: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Bars and columns of 12 × 12 pixels in the format of MNIST, and a run of the gallery's recipe on them."""
    room, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    labels = draw.integers(0, 2, 240).astype(np.uint8)
    images = draw.integers(0, 40, (240, 12, 12))
    for image, label, place in zip(images, labels, draw.integers(1, 9, 240), strict=True):
        lines = image if label else image.T
        lines[place : place + 3] += 200
    (room / "train-images-idx3-ubyte").write_bytes(idx(images.astype(np.uint8)))
    (room / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    short, training = "{widths: [16]}", "{steps: 60, report_every: 20}"
    words = [
        "run", "digits-generation", f"data.source={room / 'train-images-idx3-ubyte'}", "task.target=label",
        "data.reading={pixels: columns}",
        f"contenders=[rule, {{gan: {{generator_config: {short}, critic_config: {short}, training: {training}}}}}]",
        "--folder", str(room / "RUN"), "-q",
    ]  # fmt: skip
    assert main(words) == 0
    return room, room / "RUN"


def test_pictures_larger_than_those_that_ship(pictures: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, run = pictures
    assert main(["show", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metric"]["name"] == "frechet_distance" and not told["metric"]["greater_is_better"]
    assert {c["name"]: c["family"] for c in told["contenders"]} == {"resampled": "rule", "gan": "deep"}
    assert all(0 <= c["low"] <= c["score"] <= c["high"] for c in told["contenders"])
    schema = json.loads((run / "schema.json").read_text())
    assert '"side": 12' in json.dumps(schema)
    made = pl.read_parquet(run / "predictions.parquet")
    assert set(made["generated"].list.len()) == {144}
    shown = json.loads((run / "contenders" / "gan" / "exhibits.json").read_text())["on_the_way"]
    assert all(len(row) == 144 for stage in shown for row in stage["rows"])


def test_its_figures(pictures: tuple[Path, Path]) -> None:
    """Pictures travel inside the drawing; both parts of the GAN have a line; figures of other tasks keep away."""
    from deepwright.core.find import find, names
    from deepwright.evaluation.drawing import draw
    from deepwright.evaluation.record import Record

    record = Record(pictures[1])
    suiting = {name for name in names("figure") if find("figure", name)().suits(record)}
    assert {"generated_rows", "generated_on_the_way", "part_losses", "contest"} <= suiting
    assert not suiting & {"tag_scores", "confusion", "residuals", "hidden_map", "generated_text"}
    for name in ("generated_rows", "generated_on_the_way"):
        links = re.findall(r'<image[^>]* href="(.{14})', draw(find("figure", name)(), record).inline)
        assert links and set(links) == {"data:image/png"}
    assert "critic" in (picture := draw(find("figure", "part_losses")(), record)).svg and "generator" in picture.alt


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_generated_rows_are_a_file_like_the_data(pictures: tuple[Path, Path], tmp_path: Path, ending: str) -> None:
    """Whole numbers within the data's range, its own column names, the same for the same seed, read like any table."""
    from deepwright.sources import open_table

    _, run = pictures
    order = ["generate", str(run), "--contender", "gan", "-n", "64", "-q"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main([*order, "--seed", str(seed), "-o", str(tmp_path / f"{name}.{ending}")]) == 0
    a, b, c = (open_table(tmp_path / f"{name}.{ending}").frame for name in "abc")
    assert a.equals(b) and not a.equals(c)
    assert a.columns == [f"pixel_{i}_{j}" for i in range(12) for j in range(12)] and a.height == 64
    values = a.to_numpy()
    assert (values == np.round(values)).all() and 0 <= values.min() <= values.max() < 240


# ---------------------------------------------------------------- what is asked wrongly
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["contenders=[{gan: {penalti: 1}}]"], "penalty"),
        (["contenders=[{diffusion: {noise_schedule: cosin}}]"], "cosine"),
        (["contenders=[{vae: {encoder: gpt}}]"], "takes no rows of numbers"),
        (["task.options.features=1"], "features"),
        (["data.source=sms_spam", "task.target=null"], "cannot be asked of these columns"),
    ],
)
def test_bad_input_is_one_plain_error(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(RECIPE.replace("STEPS", "20"))
    assert main(["run", "recipe.yaml", *words, "-q"]) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told


def test_the_verdict_names_the_way_of_learning_and_its_network() -> None:
    """A network by itself where that was asked for; "diffusion (mlp)" where a way of learning was."""
    from deepwright.evaluation.verdict import _tried

    assert _tried("diffusion", {"contender": "diffusion", "deep": {"network": "mlp"}}) == "diffusion (mlp)"
    assert _tried("wide", {"contender": "network", "deep": {"network": "mlp"}}) == "mlp"
    assert _tried("gan", {"contender": "gan", "deep": {"network": "gan"}}) == "gan"
