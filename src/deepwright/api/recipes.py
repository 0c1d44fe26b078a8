"""Recipes on disk: YAML with line numbers in errors, the gallery's names, typed overrides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from deepwright.core.config import Config
from deepwright.core.environment import module_asked
from deepwright.core.errors import RecipeError, RunError, nearest, not_found
from deepwright.core.files import inside, read_text
from deepwright.core.recipe import Recipe

GALLERY = Path(__file__).resolve().parent.parent / "gallery"
_LARGEST = 1_000_000
_MOST_KEYS = 20_000
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""package.module:Class"""


def gallery() -> dict[str, str]:
    """Name → what it shows, of the recipes that come with the package."""
    found = {}
    for file in sorted(GALLERY.glob("*.yaml")):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        found[file.stem] = first.removeprefix("#").strip()
    return found


def load_recipe(name_or_path: str, overrides: Iterable[str] = (), *, trust: Sequence[str] = ()) -> Recipe:
    """A recipe file or a gallery name, with `key=value` overrides; raises RecipeError naming key and line.

    A recipe that lies in a run folder may come from a stranger: it may name classes of one's own
    ("package.module:Class") only where `trust` names them too; else RunError, and nothing is imported.
    """
    path = _locate(name_or_path)
    text = _read(path)
    content, lines = parse(text, str(name_or_path))
    if (path.parent / "run.json").exists():
        check_trust(content, trust, str(path))
    for override in overrides:
        content = apply_override(content, override)
    return validate(content, where=str(name_or_path), lines=lines)


def check_trust(content: Mapping[str, Any], trust: Sequence[str], where: str) -> None:
    """Raises RunError where a recipe tree names code that `trust` does not; data sources are code only where they ask
    for a module to be imported."""
    named = {text for key, value in content.items() if key != "name" for text in _texts(value, key)}
    strange = sorted(text for text in named if _DOTTED.fullmatch(text) and text not in trust)
    if strange:
        raise RunError(
            f"the recipe of this run names code of someone's own: {', '.join(strange)}.",
            where=where,
            remedy=f"If you know that code, say so: --trust {strange[0]}",
        )


def _texts(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, str):
        if key not in ("source", "test_source", "valid_source", "query"):
            yield value
        elif module := module_asked(value):
            yield f"{module}:_"
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, key)


def validate(content: Mapping[str, Any], *, where: str, lines: Mapping[tuple[str, ...], int] | None = None) -> Recipe:
    """A plain tree → Recipe; the first error names the key, its line and the nearest key."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise explain(error, Recipe, where=where, lines=lines or {}) from None


def dump(recipe: Recipe) -> str:
    """The recipe as YAML that `load_recipe` reads back to an equal recipe; defaults are written out."""
    content = recipe.model_dump(mode="json", exclude_none=True)
    if recipe.time is None:
        content["time"] = None
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def parse(text: str, where: str) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """YAML text → tree and the line of every key; duplicate keys and tags are errors."""
    lines: dict[tuple[str, ...], int] = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _walk(root, (), lines, where)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark: Any = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise RecipeError(
            f"not valid YAML: {getattr(error, 'problem', None) or 'cannot be read'}.",
            where=f"{where}{line}",
            remedy="Compare with `deepwright list recipes --show xor`.",
        ) from None
    if not isinstance(content, dict):
        raise RecipeError("expected a recipe: keys such as data, task and contenders.", where=where)
    return content, lines


def apply_override(content: Mapping[str, Any], override: str) -> dict[str, Any]:
    """`key.path=value` on a recipe tree; the value is read as YAML and typed by the recipe, never evaluated.

    `training.lr?=value`: for the networks among the contenders, if there are any; without `?` there must be.
    """
    from deepwright.diagnosis import edit, reaches

    key, equals, text = override.partition("=")
    key, wherever = key.strip().removesuffix("?"), key.strip().endswith("?")
    if not equals or not key:
        raise RecipeError(f"expected key=value, got '{override}'.", remedy="For example: training.lr=1e-3")
    if wherever and not reaches(content, key):
        return dict(content)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if isinstance(value, str):
        value = _number(value)
    return edit(dict(content), key, value)


def explain(
    error: ValidationError, model: type[BaseModel], *, where: str, lines: Mapping[tuple[str, ...], int]
) -> RecipeError:
    """Pydantic's first complaint in our words: key, line, what was expected, the nearest key."""
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"])
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    place = f"{where}, line {line}" if line else where
    key = ".".join(path) or "recipe"
    if first["type"] == "extra_forbidden":
        siblings = _keys(model, path[:-1])
        guess = nearest(path[-1], siblings)
        return RecipeError(
            f"unknown key '{key}'.",
            where=place,
            remedy=f"Did you mean '{guess}'?" if guess else f"Known here: {', '.join(siblings)}.",
        )
    if first["type"] == "missing":
        return RecipeError(f"the key '{key}' is missing.", where=place, remedy=_doc(model, path))
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(first["input"])
    came = "" if first["type"] == "value_error" else f", got {shown if len(shown) < 80 else shown[:77] + '…'}"
    return RecipeError(f"{key}: {message[0].lower() + message[1:]}{came}.", where=place, remedy=_doc(model, path))


def _locate(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"
    known = gallery()
    if name in known:
        return GALLERY / f"{name}.yaml"
    if path.suffix in (".yaml", ".yml"):
        raise RecipeError("there is no such recipe file.", where=name)
    raise not_found("recipe", name, known)


def _read(path: Path) -> str:
    if (path.parent / "run.json").exists():  # a run folder may be a stranger's: no links out of it
        return read_text(inside(path.parent, path.name), limit_bytes=_LARGEST)
    try:
        if path.stat().st_size > _LARGEST:
            raise RecipeError("a recipe is a small text file; this one is over 1 MB.", where=str(path))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot be read as UTF-8 text ({error}).", where=str(path)) from None


def _walk(node: yaml.Node | None, path: tuple[str, ...], lines: dict[tuple[str, ...], int], where: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise RecipeError(
                    f"the key '{'.'.join(here)}' stands twice (first in line {lines[here]}).",
                    where=f"{where}, line {key.start_mark.line + 1}",
                )
            _mark(here, key, lines, where)
            _walk(value, here, lines, where)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _mark((*path, str(i)), item, lines, where)
            _walk(item, (*path, str(i)), lines, where)


def _mark(path: tuple[str, ...], node: yaml.Node, lines: dict[tuple[str, ...], int], where: str) -> None:
    """Note a key's line; a few lines of aliases can stand for billions of keys, so there is a limit."""
    lines[path] = node.start_mark.line + 1
    if len(lines) > _MOST_KEYS:
        raise RecipeError(
            f"a recipe has at most {_MOST_KEYS:,} keys.", where=where, remedy="Look for aliases of aliases (*name)."
        )


def _number(text: str) -> object:
    """YAML 1.1 reads 1e-3 as a text; people mean a number."""
    try:
        return float(text) if any(digit in text for digit in "0123456789") else text
    except ValueError:
        return text


def _submodel(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel] | None:
    for part in path:
        field = model.model_fields.get(part)
        if field is None:
            return None
        found = [a for a in (field.annotation, *get_args(field.annotation)) if isinstance(a, type)]
        found = [a for a in found if issubclass(a, Config)]
        if not found:
            return None
        model = found[0]
    return model


def _keys(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    found = _submodel(model, path)
    return list(found.model_fields) if found else []


def _doc(model: type[BaseModel], path: tuple[str, ...]) -> str | None:
    owner = _submodel(model, path[:-1]) if path else None
    field = owner.model_fields.get(path[-1]) if owner else None
    return " ".join(field.description.split()) if field and field.description else None
