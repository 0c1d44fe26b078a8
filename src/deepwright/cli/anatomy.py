"""Anatomy: `deepwright show RUN --network`: the networks of a run layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepwright.core.errors import RunError, not_found
from deepwright.core.files import check_manifest
from deepwright.evaluation.anatomy import Anatomy, anatomies, cells, folded, with_networks
from deepwright.evaluation.words import clean

if TYPE_CHECKING:
    from deepwright.api.run import Run


def networks_of(run: Run, contender: str | None) -> tuple[str, tuple[Anatomy, ...]]:
    """A contender's name and its networks: the one asked for, else the winner, else the best that has any.

    Raises NotFoundError for a name that did not take part, RunError where there is no network or on damage.
    """
    record = run.record
    if contender is not None and contender not in record.scores:
        raise not_found("contender", contender, record.scores, where=str(run.folder))
    for name in [contender] if contender else record.exhibits:
        room = run.folder / "contenders" / name
        if (room / "MANIFEST.json").exists():
            check_manifest(room)
    found = {contender: anatomies(record, contender)} if contender else with_networks(record)
    for name, nets in found.items():
        if nets:
            return name, nets
    others = [name for name in with_networks(record) if name != contender]
    who = f"'{contender}' has" if contender else "no contender of this run has"
    raise RunError(
        f"{who} no network to show." if contender else f"{who} a network to show.",
        where=str(run.folder),
        remedy=f"These have one: {', '.join(others)}." if others else "Name one in the contest: --contenders mlp.",
    )


def networks_json(run: Run, contender: str, nets: tuple[Anatomy, ...]) -> dict[str, Any]:
    """What `show RUN --network --json` prints; see docs/command-line.md."""
    return {"run": str(run.folder), "contender": contender, "networks": [_network_json(net) for net in nets]}


def print_networks(contender: str, nets: tuple[Anatomy, ...]) -> None:
    """A table for each network; repeated blocks stand once, with how often they occur."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False)
    for net in nets:
        pictures = bool(net.reads.pictures)
        table = Table(box=None, padding=(0, 1, 0, 0), show_footer=True, header_style="bold", footer_style="bold")
        for head, foot, right in (
            ("layer", "in all", False),
            ("kind", "", False),
            ("output", "", False),
            ("parameters", f"{net.parameters:,}", True),
            ("multiply-adds", f"{net.multiply_adds:,}", True),
            *([("sees", "", True)] if pictures else []),
        ):
            table.add_column(head, foot, justify="right" if right else "left", overflow="fold")
        for row in cells(folded(net), pictures=pictures):
            table.add_row(*(Text(clean(cell)) for cell in row))
        said = f"{contender}: {net.about}" if len(nets) == 1 else f"{contender}, {net.name}: {net.about}"
        console.print(Text(clean(f"{said}, reads {net.reads.said()}"), style="bold"))
        console.print(table)
        console.print()


def _network_json(net: Anatomy) -> dict[str, Any]:
    layers = [
        {"receptive_field" if key == "field" else key: value for key, value in layer.model_dump(mode="json").items()}
        for layer in net.layers
    ]
    return {
        "name": net.name,
        "about": net.about,
        "reads": net.reads.model_dump(mode="json"),
        "layers": layers,
        "totals": {"layers": len(layers), "parameters": net.parameters, "multiply_adds": net.multiply_adds},
    }
