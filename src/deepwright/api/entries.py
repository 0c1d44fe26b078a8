"""Entries: the `contenders:` list of a recipe, resolved to who answers under which name with which options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from deepwright.api.recipes import explain
from deepwright.core.config import Config
from deepwright.core.contender import Contender
from deepwright.core.errors import RecipeError, not_found
from deepwright.core.find import find, names, preset
from deepwright.core.offers import first_choices, reads, written_out
from deepwright.core.recipe import GROUPS, NOT_IN_ALL, Recipe, network_label
from deepwright.core.task import Task

_FAMILIES = {"rule": 0, "classical": 1, "deep": 2}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One contender of a run: `label` is its name there, `made` the contender ready to fit."""

    label: str
    made: Contender

    @property
    def family(self) -> str:
        return self.made.family


def entries(recipe: Recipe, task: Task, forms: frozenset[str]) -> list[Entry]:
    """The contenders of a recipe in order of simplicity; raises RecipeError for what does not fit.

    forms: of the fields that the input columns give.
    """
    named = written_out(task.entrants if recipe.contenders is None else recipe.contenders, forms)
    own = {spec["as"] for item in named if item not in GROUPS for spec in _expand(item, task, forms)}
    wanted = [
        spec
        for item in named
        for spec in _expand(item, task, forms)
        # Who is named on its own, perhaps with settings, is not fitted again as one of a group.
        if item not in GROUPS or spec["as"] not in own
    ]
    if not wanted:
        raise RecipeError("no contender is named.", where="contenders", remedy="For example: [rule, linear, tabm]")
    made = [_entry(spec, i, task, forms) for i, spec in enumerate(wanted)]
    labels = [entry.label for entry in made]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise RecipeError(
            f"two contenders are called '{twice}'.", where="contenders", remedy="Give one another name with `as:`."
        )
    return sorted(made, key=lambda entry: _FAMILIES[entry.family])


def everyone(task: Task, forms: frozenset[str]) -> list[str]:
    """Names of the built-in contenders and networks that answer the task, on such columns, with default settings."""
    simple = [name for name in names("contender") if name not in NOT_IN_ALL]
    answering = [name for name in simple if task.name in find("contender", name).tasks]
    return answering + [name for name in _networks(task, forms) if name not in simple]


def _networks(task: Task, forms: frozenset[str]) -> list[str]:
    """Networks that read such columns, which need nothing but their name to enter where the task trains them as rows;
    of several sizes in one file the first choice, or else the first."""
    if task.trainer != Task.trainer:
        return []
    sizes: dict[type[Any], list[str]] = {}
    narrower = [takes for choice in first_choices(forms) if (takes := reads(choice))]
    for name in names("network"):
        cls = find("network", name)
        if forms <= cls.takes and not cls.per_position and not any(takes < cls.takes for takes in narrower):
            sizes.setdefault(cls, []).append(name)
    return [name for cls, named in sizes.items() for name in cls.first_choice or named[:1]]


def _expand(item: str | Mapping[str, Any], task: Task, forms: frozenset[str]) -> list[dict[str, Any]]:
    """One item of the list → {"name", "as", "options"} each."""
    if isinstance(item, str):
        if item == "rule":
            return [_spec(name, task) for name in task.rules]
        if item == "all":
            both = [name for name in _networks(task, forms) if name in names("contender")]
            return [_spec(name, task) for name in everyone(task, forms)] + [_network(name, task) for name in both]
        return [_spec(item, task)]
    rest = dict(item)
    label = rest.pop("as", None)
    if "network" in rest:
        network = str(rest["network"])
        return [{"name": task.trainer, "as": label or network_label(network), "options": rest}]
    if len(rest) != 1:
        raise RecipeError(
            f"expected one contender with its options, got the keys {', '.join(map(str, rest))}.",
            where="contenders",
            remedy="Write {network: mlp, training: {…}} or {boosted_trees: {…}}.",
        )
    ((name, options),) = rest.items()
    return [{"name": str(name), "as": label or str(name), "options": dict(options or {})}]


def _spec(name: str, task: Task) -> dict[str, Any]:
    if name in names("network") and name not in names("contender"):  # "linear" is both; the simpler one is meant
        return _network(name, task)
    return {"name": name, "as": name, "options": {}}


def _network(name: str, task: Task) -> dict[str, Any]:
    return {"name": task.trainer, "as": network_label(name), "options": {"network": name}}


def _entry(spec: Mapping[str, Any], position: int, task: Task, forms: frozenset[str]) -> Entry:
    name = spec["name"]
    if ":" not in name and name not in names("contender"):
        raise not_found("contender", name, [*names("contender"), *names("network")], where=f"contenders.{position}")
    contender = find("contender", name)
    if task.name not in contender.tasks:
        raise RecipeError(
            f"'{name}' does not answer {task.name}, only {', '.join(sorted(contender.tasks))}.",
            where=f"contenders.{position}",
            remedy=f"Take it out, or choose among: {', '.join(everyone(task, forms))}.",
        )
    if name == task.trainer:  # others choose among the columns what their network reads
        _check_columns(str(spec["options"].get("network", "")), forms, position, task)
    label = spec["as"].rpartition(":")[2] if ":" in spec["as"] else spec["as"]
    if not label.replace("_", "").replace("-", "").isalnum():
        raise RecipeError(
            f"'{label}' cannot name a contender.",
            where=f"contenders.{position}",
            remedy="Use letters, digits, - and _; it becomes a folder's name.",
        )
    options = {**preset("contender", name), **spec["options"]}
    return Entry(label=label, made=contender(_options(contender, options, f"contenders.{spec['as']}")))


def _check_columns(network: str, forms: frozenset[str], position: int, task: Task) -> None:
    """Raises RecipeError where a network by name cannot read columns of these forms, naming some that can."""
    takes = reads(network) if network in names("network") else None
    if takes is None or task.trainer != Task.trainer or forms <= takes:
        return
    strange = ", ".join(sorted(forms - takes))
    suitable = [*first_choices(forms), *(name for name in names("network") if forms <= (reads(name) or frozenset()))]
    listed = ", ".join(list(dict.fromkeys(suitable))[:8])
    raise RecipeError(
        f"'{network}' reads columns of the form {', '.join(sorted(takes))}; there are some of the form {strange}.",
        where=f"contenders.{position}",
        remedy=f"Choose among: {listed}." if listed else "Leave those columns out with data.ignore.",
    )


def _options(contender: type[Contender], options: Mapping[str, Any], where: str) -> Config:
    try:
        return contender.Options.model_validate(options)
    except ValidationError as error:
        raise explain(error, contender.Options, where=where, lines={}) from None
