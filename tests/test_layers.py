"""The layers: imports go down only, and packages on the same level do not meet."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "deepwright"

LEVELS = (
    {"core"},
    {"kinds", "blocks", "metrics"},
    {"networks", "tasks", "learners", "streams", "sources", "augmentations", "training"},
    {"contenders", "prepare"},
    {"evaluation", "diagnosis", "explanation", "improve", "shipping"},
    {"api"},
    {"cli"},
)
"""From the ground up; docs/architecture.md draws it."""

EXCEPTIONS = {
    ("diagnosis", "evaluation"): "a diagnosis reads a run through evaluation.record, as the report does",
    ("evaluation", "diagnosis"): "the contract of findings lies with the other contracts",
}


def _imports(file: Path) -> set[str]:
    """Packages of ours that a file imports, also inside functions; imports for type checkers only do not count."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            skipped.update(child for part in node.body for child in ast.walk(part))
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        for module in modules:
            parts = module.split(".")
            if parts[0] == "deepwright" and len(parts) > 1:
                found.add(parts[1])
    return found


def _level(package: str) -> int:
    return next(i for i, level in enumerate(LEVELS) if package in level)


FILES = sorted(file for file in ROOT.rglob("*.py") if file.parent != ROOT)


def test_every_package_has_a_level() -> None:
    packages = {file.relative_to(ROOT).parts[0] for file in FILES}
    assert packages <= set().union(*LEVELS)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_down(file: Path) -> None:
    own = file.relative_to(ROOT).parts[0]
    for other in _imports(file) - {own}:
        if (own, other) in EXCEPTIONS:
            continue
        assert _level(other) < _level(own), f"{file.relative_to(ROOT)} imports {other}"


@pytest.mark.parametrize(
    "module",
    ["deepwright", "deepwright.core.recipe", "deepwright.core.find", "deepwright.cli.app", "deepwright.api.recipes"],
)
def test_imports_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["fit", "--help"],
        ["list", "networks"],
        ["list", "recipes", "--json"],
        ["list", "data"],
        ["list", "metrics"],
    ],
    ids=" ".join,
)
def test_help_and_lists_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from deepwright.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or ('torch' in sys.modules) * 7)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WAYS = (
    "adversar|critic|discriminat|gan|diffus|denois|contrast|autoencod|variation|supervis|reinforc|policy|reward|episode|"
    "environment|agent|replay|classif|regress|cluster|language|label|image|teacher|student"
)
"""Beginnings of words of one way of learning or another, or of what is learned from."""


@pytest.mark.parametrize("file", sorted((ROOT / "training").glob("*.py")), ids=lambda file: file.name)
def test_the_loop_has_no_word_for_any_way_of_learning(file: Path) -> None:
    found = re.findall(rf"\b(?:{WAYS})\w*", file.read_text(encoding="utf-8"), re.IGNORECASE)
    assert not found, f"{file.name} says {found}; what a learner needs it says by what it yields"
