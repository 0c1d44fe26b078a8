"""Find: components by family and name; the name is the file, and listing imports nothing.

`find("network", "mlp")` imports `networks/mlp.py` and no other file, and returns the one class in it that is
a Network. `find("network", "mylab.nets.funny:Net")` takes a class of the user's own, anywhere Python can import.
`names("network")` reads the files' first docstring lines without importing them.
"""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path
from typing import Any

from deepwright.core.errors import InternalError, NotFoundError, not_found

_BASES = {
    "kind": ("kinds", "deepwright.core.kind:Kind"),
    "source": ("sources", "deepwright.core.source:Source"),
    "task": ("tasks", "deepwright.core.task:Task"),
    "metric": ("metrics", "deepwright.core.metric:Metric"),
    "network": ("networks", "deepwright.blocks.network:Network"),
    "learner": ("learners", "deepwright.blocks.learner:Learner"),
    "augmentation": ("augmentations", "deepwright.blocks.augmentation:Augmentation"),
    "contender": ("contenders", "deepwright.core.contender:Contender"),
    "finding": ("diagnosis", "deepwright.diagnosis:Diagnosis"),
    "figure": ("evaluation/figures", "deepwright.evaluation.figure:Figure"),
}
"""family → folder below the package, and the base class that its components subclass."""

_ROOT = Path(__file__).resolve().parent.parent


def families() -> list[str]:
    """The families of components, e.g. "network"."""
    return list(_BASES)


@functools.cache
def names(family: str) -> dict[str, str]:
    """Name → one line of description, sorted; reads files without importing them.

    A file gives the name of its stem, or, where it has a top-level literal dict `NAMES`, that dict's keys.
    Files whose name starts with an underscore are not components.
    """
    folder, _ = _base(family)
    found: dict[str, str] = {}
    for file in sorted((_ROOT / folder).glob("*.py")):
        if not file.stem.startswith("_"):
            found.update(_names_in(file))
    return dict(sorted(found.items()))


def find(family: str, name: str) -> type[Any]:
    """The class called `name` in `family`; a dotted name "package.module:Class" is imported as it is.

    Raises NotFoundError, with the nearest name, when there is none. Never call it with a dotted name that was
    read from a run folder: importing is running.
    """
    folder, base_path = _base(family)
    base = _import(base_path, family)
    if ":" in name:
        found = _import(name, family)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise NotFoundError(f"'{name}' is not a {family}: it does not subclass {base_path.replace(':', '.')}.")
        return found
    file = file_of(family, name)
    module = importlib.import_module(f"deepwright.{folder.replace('/', '.')}.{file.stem}")
    classes = [c for c in vars(module).values() if _is_final(c, base, module.__name__)]
    if len(classes) != 1:
        raise InternalError(f"{file.name} must define exactly one {family}, it defines {len(classes)}.")
    return classes[0]


def said(family: str, name: str, attribute: str) -> Any:
    """What a component's class says under `attribute` in plain values, read from its file without importing it:
    literals, frozenset(…), and constants of its file or of one of ours that it imports; None for anything else."""
    tree = _parse(file_of(family, name))
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for target, value in _assignments(cls.body):
            if target == attribute:
                return _plain(value, tree)
    return None


def preset(family: str, name: str) -> dict[str, Any]:
    """The settings that the name stands for: `NAMES[name]` of its file, or {} where the name is the file's own."""
    return {} if ":" in name else dict(_literal_names(file_of(family, name)).get(name, {}))


def _base(family: str) -> tuple[str, str]:
    if family not in _BASES:
        raise not_found("family of components", family, _BASES)
    return _BASES[family]


def file_of(family: str, name: str) -> Path:
    """The file that the name is in; raises NotFoundError, with the nearest name, when there is none."""
    folder = _ROOT / _base(family)[0]
    for file in sorted(folder.glob("*.py")):
        if not file.stem.startswith("_") and name in _names_in(file):
            return file
    raise not_found(family, name, names(family))


@functools.cache
def _names_in(file: Path) -> dict[str, str]:
    line = (ast.get_docstring(_parse(file)) or "").partition("\n")[0].strip()
    return dict.fromkeys(_literal_names(file) or {file.stem: {}}, line)


@functools.cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _literal_names(file: Path) -> dict[str, dict[str, Any]]:
    found = dict(_assignments(_parse(file).body)).get("NAMES")
    return dict(ast.literal_eval(found)) if found is not None else {}


def _assignments(body: list[ast.stmt]) -> list[tuple[str, ast.expr]]:
    """(name, value) of every plain assignment."""
    found = []
    for node in body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found.append((target.id, node.value))
    return found


def _plain(node: ast.expr, tree: ast.Module) -> Any:
    """The value of an expression of `tree`, None where it is not plain."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "frozenset":
        return frozenset(_plain(node.args[0], tree) or ()) if node.args else frozenset()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left, right = _plain(node.left, tree), _plain(node.right, tree)
        return None if left is None or right is None else left | right
    if isinstance(node, ast.Name):
        return _constant(node.id, tree)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _constant(name: str, tree: ast.Module) -> Any:
    for target, value in _assignments(tree.body):
        if target == name:
            return _plain(value, tree)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            package, _, path = (node.module or "").partition(".")
            file = _ROOT.joinpath(*path.split(".")).with_suffix(".py")
            return _constant(name, _parse(file)) if package == _ROOT.name and file.is_file() else None
    return None


def _is_final(candidate: object, base: type, module: str) -> bool:
    return (
        isinstance(candidate, type)
        and issubclass(candidate, base)
        and candidate.__module__ == module
        and not candidate.__name__.startswith("_")
        and not getattr(candidate, "__abstractmethods__", None)
    )


def _import(path: str, family: str) -> Any:
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise NotFoundError(
            f"the {family} '{path}' cannot be imported: {error}.",
            remedy="Expected 'package.module:Class' that Python can import from here.",
        ) from error
