"""Offers: which networks read columns of which forms, and which of them enter by default; read from their files, since
loading PyTorch takes seconds and naming a network should not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepwright.core.find import names, said
from deepwright.core.recipe import label, network_label

NETWORKS = "networks"
"""The entry of `contenders` that stands for the first choices among networks; {networks: {training: {…}}} with options
for each of them."""


def first_choices(forms: frozenset[str]) -> list[str]:
    """Networks that enter by default where columns of these forms are to be read: of those that their files call a
    first choice and that read all of them, the ones that are made for the fewest forms besides."""
    reading = {name: takes for name, takes in _named().items() if forms and forms <= takes}
    return [name for name, takes in reading.items() if not any(other < takes for other in reading.values())]


def is_first_choice(name: str) -> bool:
    """Whether there are columns for which this network enters by default."""
    return name in _named()


def reads(name: str) -> frozenset[str] | None:
    """The forms that a network takes; None where that is for its code to say."""
    takes = None if ":" in name else said("network", name, "takes")
    return takes if isinstance(takes, frozenset) else None


def written_out(entries: tuple[str | dict[str, Any], ...], forms: frozenset[str]) -> tuple[str | dict[str, Any], ...]:
    """The `contenders` of a recipe with the first choices for columns of these forms in the place of "networks".

    Who is named on its own is not named again.
    """
    own = {label(entry) for entry in entries}
    found: list[str | dict[str, Any]] = []
    for entry in entries:
        if entry != NETWORKS and not (isinstance(entry, Mapping) and NETWORKS in entry):
            found.append(entry)
            continue
        options = (entry[NETWORKS] or {}) if isinstance(entry, Mapping) else {}
        chosen = [name for name in first_choices(forms) if network_label(name) not in own]
        found += [{"network": name, **options} if options else name for name in chosen]
    return tuple(found)


def _named() -> dict[str, frozenset[str]]:
    """First choice → the forms it takes, the simplest first, as their files rank them."""
    ranked: dict[str, tuple[int, frozenset[str]]] = {}
    for name in names("network"):
        rank = (said("network", name, "first_choice") or {}).get(name)
        takes = reads(name)
        if rank is not None and takes:
            ranked[name] = (rank, takes)
    return {name: takes for name, (_, takes) in sorted(ranked.items(), key=lambda item: item[1][0])}
