"""Clustering from rows to report: known groups are found, metrics against references, nothing to predict, killed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from killed_runs import digest, killed_until_done, undisturbed

import deepwright as dw
from deepwright.cli import main
from deepwright.core.find import find
from deepwright.core.metric import Answers
from deepwright.metrics._clusters import silhouettes

WHERE = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])


def groups(rows: int = 240, spread: float = 1.0, seed: int = 0) -> pl.DataFrame:
    """Four round groups in a square, named by the corner they lie at."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 4, rows)
    places = WHERE[corner] + spread * rng.normal(size=(rows, 2))
    return pl.DataFrame({"east": places[:, 0], "north": places[:, 1], "corner": [f"corner {c}" for c in corner]})


def fitted(frame: pl.DataFrame, folder: Path, contenders: list[object], **options: object) -> dw.Run:
    recipe = {
        "data": {"source": "frame"},
        "task": {"name": "clustering", "target": "corner" if "corner" in frame.columns else None, "options": options},
        "contenders": contenders,
        "time": None,
    }
    return dw.run(recipe, data=frame, folder=folder)


def on_test(run: dw.Run, name: str) -> dict[str, float]:
    """Every metric on the test rows."""
    return json.loads((run.folder / "contenders" / name / "scores.json").read_text(encoding="utf-8"))["test"]


@pytest.mark.parametrize("name", ["kmeans", "hierarchical", "gaussian_mixture_clusters"])
@pytest.mark.usefixtures("without_figures")
def test_round_groups_are_found_and_counted(name: str, tmp_path: Path) -> None:
    run = fitted(groups(), tmp_path / "run", [name])
    found = run.predict(groups(seed=5))
    table = found.group_by("cluster").len()
    assert table.height == 4  # nobody said how many
    answers = pl.concat([found, groups(seed=5)], how="horizontal")
    assert answers.group_by("cluster").agg(pl.col("corner").n_unique())["corner"].to_list() == [1, 1, 1, 1]
    assert on_test(run, name)["silhouette"] > 0.7


@pytest.mark.usefixtures("without_figures")
def test_the_number_asked_for_is_kept(tmp_path: Path) -> None:
    run = fitted(groups(), tmp_path / "run", ["kmeans"], clusters=6)
    assert run.predict(groups(seed=5))["cluster"].n_unique() == 6


@pytest.mark.usefixtures("without_figures")
def test_the_held_back_label_reaches_no_contender(tmp_path: Path) -> None:
    """Other names for the labels, the same clusters; and new rows need no label."""
    frame = groups()
    first = fitted(frame, tmp_path / "first", ["rule", "kmeans"])
    lied = frame.with_columns(corner=pl.lit("somewhere ") + (pl.int_range(pl.len()) % 3).cast(pl.String))
    second = fitted(lied, tmp_path / "second", ["rule", "kmeans"])
    new = groups(seed=9).drop("corner")
    assert first.predict(new).equals(second.predict(new))


def answers_of(points: np.ndarray, clusters: np.ndarray, labels: np.ndarray) -> Answers:
    return Answers(
        truth=labels,
        prediction=clusters,
        classes=("a", "b", "c", "d"),
        more={"point": points, "again": clusters, "silhouette": silhouettes(points, clusters)},
    )


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_scikit_learns(seed: int) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    points, clusters, labels = rng.normal(size=(80, 3)), rng.integers(0, 3, 80), rng.integers(0, 4, 80)
    answers = answers_of(points, clusters, labels)
    expected = {
        "silhouette": metrics.silhouette_score(points, clusters),
        "adjusted_rand": metrics.adjusted_rand_score(labels, clusters),
        "normalised_mutual_information": metrics.normalized_mutual_info_score(labels, clusters),
    }
    for name, value in expected.items():
        assert find("metric", name)().score(answers) == pytest.approx(value, abs=1e-9), name


@pytest.mark.usefixtures("without_figures")
def test_noise_is_less_stable_than_groups(tmp_path: Path) -> None:
    clear = fitted(groups(), tmp_path / "clear", ["kmeans"], clusters=4)
    noise = groups(spread=40.0)
    vague = fitted(noise, tmp_path / "vague", ["kmeans"], clusters=4)
    stability = [on_test(run, "kmeans")["stability"] for run in (clear, vague)]
    assert stability[0] == pytest.approx(1.0)
    assert stability[1] < 0.9


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"clusters": 1}, "greater than or equal to 2"),
        ({"clusters": 500}, "500 clusters"),
        ({"cluster": 3}, "clusters"),
    ],
)
def test_numbers_of_clusters_that_cannot_be(options: dict[str, int], says: str, tmp_path: Path) -> None:
    with pytest.raises(dw.DeepwrightError, match=says):
        fitted(groups(60), tmp_path / "run", ["kmeans"], **options)


def test_text_alone_is_no_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.csv"
    file.write_text(
        "note\n" + "\n".join(f"the {i}th note of its own that says {i * 7919 % 1000} things" for i in range(90))
    )
    assert main(["fit", str(file), "--task", "clustering", "--folder", str(tmp_path / "run")]) == 2
    told = capsys.readouterr()
    assert "clustering cannot be asked of these columns" in told.err and "Traceback" not in told.err


RECIPE = """
version: 1
name: killed
data: {source: penguins, use: [bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g]}
task: {name: clustering, target: species, options: {clusters: 3}}
contenders:
  - rule
  - kmeans
  - autoencoder: {widths: [32], training: {epochs: 60, checkpoint_every: 0}}
time: null
"""


@pytest.mark.slow
def test_killed_and_resumed_nothing_differs(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    seconds = undisturbed(recipe, tmp_path / "whole")
    expected = digest(tmp_path / "whole")
    assert any("autoencoder" in name for name in expected)
    hits = killed_until_done(recipe, tmp_path / "run", kills=2, seconds=seconds)
    assert hits > 0
    assert digest(tmp_path / "run") == expected
