"""Listing: what there is, read from files without importing torch."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from deepwright.core.errors import not_found
from deepwright.core.find import names

_FAMILIES = {
    "tasks": "task",
    "networks": "network",
    "learners": "learner",
    "kinds": "kind",
    "contenders": "contender",
    "metrics": "metric",
    "findings": "finding",
    "figures": "figure",
    "sources": "source",
}
_TABLES = {
    "activations": ("blocks/activations.py", "ACTIVATIONS"),
    "initialisers": ("blocks/initialisers.py", "INITIALISERS"),
    "losses": ("blocks/losses.py", "LOSSES"),
    "schedules": ("training/schedules.py", "SCHEDULES"),
}
"""Names that are keys of a dict in one file: word → file, dict."""
_ROOT = Path(__file__).resolve().parent.parent


def listing(what: str) -> list[dict[str, Any]]:
    """One object a thing, each with at least `name` and `about`; raises NotFoundError for an unknown word."""
    if what == "networks":
        return [_network(name, about) for name, about in names("network").items()]
    if what in _FAMILIES:
        return [{"name": name, "about": about} for name, about in names(_FAMILIES[what]).items()]
    if what in _TABLES:
        return _keys_of(*_TABLES[what])
    special = {"recipes": _recipes, "data": _data, "runs": _runs, "optimizers": _optimizers}
    if what in special:
        return special[what]()
    raise not_found("list of", what, [*_FAMILIES, *_TABLES, *special])


def print_listing(what: str, items: list[dict[str, Any]]) -> None:
    """A table for people; the first column is what other commands take."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not items:
        Console().print(f"There are no {what} here yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = [key for key in items[0] if any(item.get(key) not in (None, "") for item in items)]
    for column in columns:
        table.add_column(column, no_wrap=column == "name", overflow="fold")
    for item in items:
        table.add_row(*(Text("" if item.get(column) is None else str(item[column])) for column in columns))
    Console().print(table)


def _recipes() -> list[dict[str, Any]]:
    from deepwright.api.recipes import gallery

    return [{"name": name, "about": about} for name, about in gallery().items()]


def _data() -> list[dict[str, Any]]:
    from deepwright.sources import bundled

    keep = ("title", "rows", "target", "task", "licence")
    return [{"name": name, **{key: about.get(key) for key in keep}} for name, about in bundled().items()]


def _runs() -> list[dict[str, Any]]:
    import json

    found = []
    for file in sorted(Path("runs").glob("*/run.json")):
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
            verdict = file.with_name("verdict.json")
            sentence = json.loads(verdict.read_text(encoding="utf-8"))["sentence"] if verdict.exists() else ""
            found.append({"name": str(file.parent), "state": run["state"], "created": run["created"], "about": sentence})
        except (OSError, ValueError, KeyError, TypeError):
            found.append({"name": str(file.parent), "state": "damaged", "created": None, "about": ""})
    return found


def _optimizers() -> list[dict[str, Any]]:
    from deepwright.training.optimizers import names_of_optimizers

    return [{"name": name, "about": about} for name, about in names_of_optimizers().items()]


def _network(name: str, about: str) -> dict[str, Any]:
    """A network's file read as text: what it takes, its published sizes, its paper."""
    tree = ast.parse((_ROOT / "networks" / f"{name}.py").read_text(encoding="utf-8"))
    values = {
        node.target.id: node.value
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for node in cls.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    takes = [n.value for n in ast.walk(values["takes"]) if isinstance(n, ast.Constant)] if "takes" in values else []
    paper = _constant(values.get("paper"))
    return {"name": name, "takes": sorted(takes), "parameters": _published(values.get("published")), "paper": paper, "about": about}


def _published(node: ast.expr | None) -> dict[str, int]:
    sizes = {}
    for call in ast.walk(node) if node else ():
        if isinstance(call, ast.Call):
            said = {keyword.arg: _constant(keyword.value) for keyword in call.keywords}
            if isinstance(said.get("parameters"), int):
                sizes[str(said.get("what"))] = said["parameters"]
    return sizes


def _constant(node: ast.expr | None) -> Any:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _keys_of(file: str, table: str) -> list[dict[str, Any]]:
    """Keys of a top-level dict, and where its values are functions of the file, their first docstring lines."""
    tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
    docs = {n.name: (ast.get_docstring(n) or "").partition("\n")[0] for n in tree.body if isinstance(n, ast.FunctionDef)}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == table and isinstance(value, ast.Dict):
            return [
                {"name": key.value, "about": docs.get(entry.id, "") if isinstance(entry, ast.Name) else ""}
                for key, entry in zip(value.keys, value.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
    return []
