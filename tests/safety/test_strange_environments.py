"""A stranger's recipe may name an environment, and no module to be imported for it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

import deepwright as dw
from deepwright.core.errors import RunError

SOURCES = ("env:evil_world:Maze-v0", "evil_world:Maze-v0")


@pytest.fixture(scope="module")
def begun(without_figures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped before it was done."""
    folder = tmp_path_factory.mktemp("strange") / "run"
    dw.fit("iris", "species", contenders=["rule"], folder=folder, time=None, quiet=True)
    return folder


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("key", ["source", "valid_source"])
def test_nothing_is_imported(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, key: str
) -> None:
    (tmp_path / "evil_world.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(begun, run)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
    place = recipe["data"] if key == "source" else recipe["data"]["split"]
    place[key] = source
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (run / "run.json").write_text((run / "run.json").read_text().replace('"done"', '"running"'), encoding="utf-8")
    for way in (lambda: dw.resume(run, quiet=True), lambda: dw.run(run / "recipe.yaml", quiet=True)):
        with pytest.raises(RunError, match="evil_world"):
            way()
    assert "evil_world" not in sys.modules and not (tmp_path / "marker").exists()
