"""Listing: what there is, read from files without importing torch."""

from __future__ import annotations

import ast
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepwright.core.config import Config
from deepwright.core.errors import not_found
from deepwright.core.find import file_of, names

_FAMILIES = {
    "tasks": "task",
    "networks": "network",
    "learners": "learner",
    "augmentations": "augmentation",
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
    "schedules": ("training/schedules.py", "_SCHEDULES"),
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
    special = {"recipes": _recipes, "keys": _keys, "data": _data, "runs": _runs, "optimizers": _optimizers}
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


def _keys() -> list[dict[str, Any]]:
    """Every key of a recipe: dotted name, default, what it says."""
    from deepwright.core.plan import Plan
    from deepwright.core.recipe import Recipe

    return [*_fields(Recipe, ""), *_fields(Plan, "training.")]


def _fields(model: type[Config], prefix: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Config):
            found += _fields(inner, f"{prefix}{name}.")
            continue
        default = "needed" if field.is_required() else json.dumps(field.get_default(call_default_factory=True))
        found.append({"name": prefix + name, "default": default, "about": " ".join((field.description or "").split())})
    return found


def _recipes() -> list[dict[str, Any]]:
    from deepwright.api.recipes import gallery

    return [{"name": name, "about": about} for name, about in gallery().items()]


def _data() -> list[dict[str, Any]]:
    from deepwright.sources import bundled, is_here, published

    keep = ("title", "rows", "target", "task", "licence")
    where = dict.fromkeys(bundled(), "comes along")
    where |= {name: "downloaded" if is_here(name) else "downloaded when first used" for name in published()}
    known = {**bundled(), **published()}
    return [{"name": name, **{key: known[name].get(key) for key in keep}, "where": where[name]} for name in where]


def _runs() -> list[dict[str, Any]]:
    found = []
    for file in sorted(Path("runs").glob("*/run.json")):
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
            verdict = file.with_name("verdict.json")
            sentence = json.loads(verdict.read_text(encoding="utf-8"))["sentence"] if verdict.exists() else ""
            found.append(
                {"name": str(file.parent), "state": run["state"], "created": run["created"], "about": sentence}
            )
        except (OSError, ValueError, KeyError, TypeError):
            found.append({"name": str(file.parent), "state": "damaged", "created": None, "about": ""})
    return found


def _optimizers() -> list[dict[str, Any]]:
    """Our own, and those of torch.optim, read from both sources as text."""
    own = {item["name"]: item["about"] for item in _keys_of("training/optimizers.py", "_OURS")}
    stepped = dict(_assigned(_tree("training", "optimizers.py").body))["_NOT_STEPPED"]
    left_out = _constant(stepped)
    torch = find_spec("torch")
    others: set[str] = set()
    if torch and torch.submodule_search_locations:
        text = (Path(torch.submodule_search_locations[0]) / "optim" / "__init__.py").read_text(encoding="utf-8")
        others = {
            name.lower() for name in re.findall(r"^from torch\.optim\.\w+ import (\w+) as \1$", text, re.MULTILINE)
        }
    found = {**dict.fromkeys(others - left_out, "as torch.optim has it"), **own}
    return [{"name": name, "about": about} for name, about in sorted(found.items())]


def _network(name: str, about: str) -> dict[str, Any]:
    """A network's file read as text: what it takes, its published sizes, its paper."""
    tree = ast.parse(file_of("network", name).read_text(encoding="utf-8"))
    values = {key: value for cls in tree.body if isinstance(cls, ast.ClassDef) for key, value in _assigned(cls.body)}
    takes = values.get("takes")
    if isinstance(takes, ast.Name):  # a constant that networks share
        takes = dict(_assigned(_tree("blocks", "inputs.py").body)).get(takes.id)
    forms = [node.value for node in ast.walk(takes) if isinstance(node, ast.Constant)] if takes else []
    return {
        "name": name,
        "takes": sorted(forms),
        "parameters": _published(values.get("published"), name, dict(_assigned(tree.body))),
        "paper": _constant(values.get("paper")),
        "about": about,
    }


def _tree(*parts: str) -> ast.Module:
    return ast.parse(_ROOT.joinpath(*parts).read_text(encoding="utf-8"))


def _assigned(body: list[ast.stmt]) -> list[tuple[str, ast.expr]]:
    """(name, value) of every plain assignment of a body."""
    found: list[tuple[str, ast.expr]] = []
    for node in body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            found.append((target.id, node.value))
    return found


def _published(node: ast.expr | None, name: str, constants: dict[str, ast.expr]) -> dict[str, int]:
    """Sizes by what has them: those of this name, and those that a file of one name says."""

    def meant(value: ast.expr) -> Any:
        return _constant(constants.get(value.id) if isinstance(value, ast.Name) else value)

    sizes = {}
    for call in ast.walk(node) if node else ():
        if isinstance(call, ast.Call):
            said = {keyword.arg: meant(keyword.value) for keyword in call.keywords}
            if isinstance(said.get("parameters"), int) and said.get("name", name) == name:
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
    tree = _tree(*file.split("/"))
    docs = {
        node.name: (ast.get_docstring(node) or "").partition("\n")[0]
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    value = dict(_assigned(tree.body)).get(table)
    if isinstance(value, ast.DictComp):  # {f.__name__: f for f in (…)}
        functions = [node.id for node in ast.walk(value.generators[0].iter) if isinstance(node, ast.Name)]
        return [{"name": name, "about": docs.get(name, "")} for name in functions]
    if not isinstance(value, ast.Dict):
        return []
    return [
        {"name": key.value, "about": docs.get(entry.id, "") if isinstance(entry, ast.Name) else ""}
        for key, entry in zip(value.keys, value.values, strict=True)
        if isinstance(key, ast.Constant)
    ]
