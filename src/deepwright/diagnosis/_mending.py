"""Mending: dotted keys on a plain recipe tree; pure functions that never touch what they are given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import RecipeError, not_found
from deepwright.core.find import find, names
from deepwright.core.offers import NETWORKS, is_first_choice
from deepwright.core.recipe import GROUPS, NOT_IN_ALL, label, network_label
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.diagnosis._finding import Finding

_STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')
_GONE = object()


def mend(recipe: Mapping[str, Any], finding: Finding) -> dict[str, Any]:
    """The recipe tree with a finding's edit applied; raises RecipeError where the keys do not fit it."""
    mended = dict(recipe)
    for key, value in (finding.edit or {}).items():
        mended = remove(mended, key) if value is None else edit(mended, key, value)
    return mended


def edit(recipe: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The tree with `key` set to `value`; sections that are not there yet are made.

    data.split.seed              steps are parted by dots; one that holds a dot is quoted: data.kinds."sepal.length"
    contenders.NAME.training.lr  the contender of that name; a plain "tabm" becomes {network: tabm, training: {lr: …}}
    training.lr                  the same for every network among the contenders

    A contender that is there through "rule" or "all" gets an entry of its own, which goes before the group's.
    """
    return _change(recipe, key, value)


def reaches(recipe: Mapping[str, Any], key: str) -> bool:
    """Whether a key such as training.lr has a network by name among the contenders that it would change."""
    path = steps(key)
    return path[0] not in ("training", "config") or any(
        _is_network(entry) or entry == "all" for entry in recipe.get("contenders") or _entrants(recipe)
    )


def remove(recipe: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The tree without `key`, which need not be there; `contenders.NAME` takes a contender out."""
    return _change(recipe, key, _GONE)


def steps(key: str) -> list[str]:
    """The steps of a dotted key; raises RecipeError where it is not one."""
    found = [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in _STEP.findall(key)]
    if not found or key != ".".join(match.group(0) for match in _STEP.finditer(key)):
        raise RecipeError(f"expected a key such as data.split.seed, got '{key}'.")
    return found


def _change(recipe: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    path = steps(key)
    entries = list(recipe.get("contenders") or _entrants(recipe))
    if path[0] == "contenders" and len(path) > 1:
        return {**recipe, "contenders": _one(entries, path[1], path[2:], value, key)}
    if path[0] in ("training", "config") and len(path) > 1:
        return {**recipe, "contenders": _networks(entries, path, value, key)}
    return _set(recipe, path, value, key)


def _entrants(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """Who answers where the recipe names nobody; nobody known where the task is yet to be chosen."""
    task = recipe.get("task") or {}
    if task.get("name") in names("task"):
        return find("task", task["name"]).entrants
    return TargetTask.entrants if task.get("target") else ()


def _one(entries: list[Any], name: str, path: Sequence[str], value: Any, key: str) -> list[Any]:
    labels = [label(entry) for entry in entries]
    if name not in labels:
        member = _member(entries, name)
        if member is None:
            raise not_found("contender", name, labels, where=key)
        if value is _GONE and not path:
            raise RecipeError(
                f"'{name}' is there through 'rule' or 'all', of which none can be taken out.",
                where=key,
                remedy="List under contenders by name those that are to stay.",
            )
        entries, labels = [*entries, member], [*labels, name]
    place = labels.index(name)
    if path:
        return [*entries[:place], _with(entries[place], path, value, key), *entries[place + 1 :]]
    if value is not _GONE:
        return [*entries[:place], value, *entries[place + 1 :]]
    if len(entries) == 1:
        raise RecipeError("the only contender cannot be taken out.", where=key, remedy="Name another one first.")
    return entries[:place] + entries[place + 1 :]


def _member(entries: list[Any], name: str) -> str | dict[str, Any] | None:
    """An entry of its own for a contender that a group among the entries stands for; None where none does."""
    if "networks" in entries and is_first_choice(name):
        return {"network": name}
    if "all" in entries:
        network = next((net for net in _by_name_alone() if network_label(net) == name), None)
        if network is not None:
            return {"network": network, "as": name} if network != name else {"network": network}
    known = name in names("contender") and name not in NOT_IN_ALL
    if known and ("all" in entries or ("rule" in entries and find("contender", name).family == "rule")):
        return {name: {}}
    return None


def _networks(entries: list[Any], path: Sequence[str], value: Any, key: str) -> list[Any]:
    if "all" in entries:
        here = [label(entry) for entry in entries]
        found = [_member(entries, network_label(name)) for name in _by_name_alone() if network_label(name) not in here]
        entries = [*entries, *found]
    if not any(_is_network(entry) for entry in entries):
        raise RecipeError(
            "none of the contenders is a network by name.", where=key, remedy=f"Write contenders.NAME.{key} instead."
        )
    return [_with(entry, path, value, key) if _is_network(entry) else entry for entry in entries]


def _by_name_alone() -> list[str]:
    """Networks that "all" stands for where no column is a picture."""
    takes = {name: find("network", name).takes for name in names("network")}
    return [name for name, forms in takes.items() if "number" in forms and "image" not in forms]


def _is_network(entry: str | Mapping[str, Any]) -> bool:
    if isinstance(entry, str):
        return entry == NETWORKS or (entry in names("network") and entry not in names("contender"))
    return "network" in entry or NETWORKS in entry


def _with(entry: str | Mapping[str, Any], path: Sequence[str], value: Any, key: str) -> dict[str, Any]:
    """The entry as an object with one of its options changed."""
    if isinstance(entry, str):
        if entry in GROUPS and entry != NETWORKS:
            raise RecipeError(f"'{entry}' stands for several contenders.", where=key, remedy="Name the one you mean.")
        entry = {"network": entry} if _is_network(entry) and entry != NETWORKS else {entry: {}}
    if "network" in entry or path[0] == "as":
        return _set(entry, path, value, key)
    own = next(name for name in entry if name != "as")
    return {**entry, own: _set(entry[own] or {}, path, value, key)}


def _set(node: Mapping[str, Any], path: Sequence[str], value: Any, key: str) -> dict[str, Any]:
    head, rest = path[0], path[1:]
    if not rest:
        return {k: v for k, v in node.items() if k != head} if value is _GONE else {**node, head: value}
    inner = node.get(head)
    if inner is None:
        if value is _GONE:
            return dict(node)
        inner = {}
    if not isinstance(inner, Mapping):
        raise RecipeError(f"'{head}' holds a value, no section.", where=key, remedy="Shorten the key.")
    return {**node, head: _set(inner, rest, value, key)}
