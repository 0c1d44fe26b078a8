"""docs/coverage.md: every command is one that exists, and a sample of them is run as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from deepwright.api.recipes import gallery
from deepwright.cli import main
from deepwright.core.find import names
from deepwright.sources import bundled
from deepwright.sources.environment import names_environment

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.findall(
    r"^\| ([A-Z]+-\d+) \| (.+?) \| `(.+?)` \|$", (ROOT / "docs" / "coverage.md").read_text(), re.MULTILINE
)
COMMANDS = sorted({command for _, _, command in ROWS})
QUICK = ("deepwright list", "deepwright look", "deepwright check metric", "deepwright show RUN", "deepwright induce")
SAMPLE = [
    *(command for command in COMMANDS if command.startswith(QUICK)),
    "deepwright predict RUN penguins -o out.csv",
    "deepwright report RUN",
    "deepwright resume RUN",
    "deepwright fit penguins --target species --metric rmse",
]
OTHERS = ("make test", "poetry run pytest", "poetry run python main.py")
"""Commands that are not ours."""
DOWNLOADS = ("cifar10-fast",)
"""Recipes whose data does not come with the package."""
LONGER = [
    *(f"deepwright run {name}" for name in gallery() if name not in DOWNLOADS),
    "deepwright fit bike_day --target cnt --split time:dteday",
    "deepwright fit iris --target species training.mixup=0.2",
    "deepwright fit penguins --target sex",
    "deepwright probe lr penguins --target species",
]


def _words(command: str) -> list[str]:
    """A command as a shell splits it, an override with brackets kept whole."""
    if "contenders=[" in command:
        head, _, tail = command.partition(" contenders=[")
        return [*shlex.split(head), f"contenders=[{tail}"]
    return shlex.split(command)


def test_each_row_stands_once() -> None:
    ids = [row for row, _, _ in ROWS]
    assert len(ids) == len(set(ids)) >= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_there_is(command: str) -> None:
    words = _words(command)
    if words[0] != "deepwright":
        assert command.startswith("torchrun ") or command in OTHERS
        return
    verb, argument = words[1], words[2]
    if verb == "run":
        assert argument in gallery()
    elif verb in ("fit", "look", "induce"):
        assert argument in bundled() or names_environment(argument)
    elif verb == "check":
        assert words[3] in names(argument)
    else:
        assert verb in ("list", "show", "report", "predict", "resume", "probe", "generate")


@pytest.fixture(scope="module")
def runs(without_figures: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The two folders that the table names."""
    room = tmp_path_factory.mktemp("coverage")
    fit = ["fit", "penguins", "--target", "species", "--contenders", "rule,linear,mlp", "--fast", "-q"]
    assert main([*fit, "--folder", str(room / "RUN")]) == 0
    return {"RUN": str(room / "RUN")}


@pytest.mark.parametrize("command", SAMPLE)
def test_the_sample_runs(command: str, runs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [runs.get(word, word) for word in _words(command)[1:]]
    assert main(words) == (2 if "rmse" in words and "species" in words else 0)


@pytest.mark.slow
@pytest.mark.parametrize("command", LONGER)
def test_the_longer_ones_run_too(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = _words(command)[1:]
    fast = ["--fast", "-q"] if words[0] in ("fit", "run") else []
    assert main([*words, *fast]) == 0
