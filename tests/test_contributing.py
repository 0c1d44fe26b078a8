"""CONTRIBUTING.md: its worked examples are run as they stand."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

import deepwright as dw
from deepwright.evaluation.contracts import check

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
Load = Callable[[str, str], ModuleType]
README = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """A module made of an example, as a file that Python finds."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def module(name: str, code: str) -> ModuleType:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return module


def test_the_metric_keeps_its_contract(load: Load) -> None:
    load("worked_metric", BLOCKS[0])
    assert [found for found in check("metric", "worked_metric:MaxError") if found[1]] == []


def test_the_network_keeps_its_contract(load: Load) -> None:
    load("worked_network", BLOCKS[1])
    assert [found for found in check("network", "worked_network:TwoTowers") if found[1]] == []


class _Sum(nn.Module):
    """A teacher that knows the answer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=1, keepdim=True)  # (B, 1)


def test_the_learner_learns(load: Load) -> None:
    learner = load("worked_learner", BLOCKS[2]).Distilled(nn.Linear(3, 1), _Sum())
    x = torch.randn(256, 3)
    stream = dw.Rows({"x": x, "y": x.sum(dim=1, keepdim=True)}, batch=32)
    reports = list(dw.train(learner, stream, dw.Plan(epochs=20, lr=0.02)))
    assert reports[-1].losses["net"] < 0.5 * reports[0].losses["net"]


def test_the_loop_of_the_readme_learns(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load("readme_loop", README[1])
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[-1].split()[1]) < 0.01 * float(lines[0].split()[1])
