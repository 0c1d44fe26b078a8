"""Clustering's recipe in the gallery: it finds the species nobody told of, and its report shows how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import deepwright as dw
from deepwright.cli import main


def on_test(run: dw.Run, name: str) -> dict[str, float]:
    """Every metric on the test rows."""
    return json.loads((run.folder / "contenders" / name / "scores.json").read_text(encoding="utf-8"))["test"]


@pytest.mark.slow
def test_penguins_are_mostly_species(tmp_path: Path) -> None:
    """The gallery's recipe: what finds the groups agrees with the species nobody told of; a report shows how."""
    assert main(["run", "penguins-clusters", "--folder", str(tmp_path / "run"), "-q"]) == 0
    run = dw.load(tmp_path / "run")
    for name in ("kmeans", "hierarchical", "gaussian_mixture_clusters"):
        assert on_test(run, name)["adjusted_rand"] > 0.6, name
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for title in ("Map of the clusters", "What the clusters are like", "Silhouette of every row", "Tree of merges"):
        assert title in page
    assert "Class by class" not in page
