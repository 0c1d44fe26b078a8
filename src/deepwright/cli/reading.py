"""Reading: the verbs that look at data and at runs: look, list, show, report, compare, diagnose."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deepwright.cli.options import DataArgument, Json, KindOption, Query, RunArgument, pairs, print_json


def add(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(look)
    app.command(name="list")(list_)
    for verb in (show, report, compare, diagnose):
        app.command()(verb)


def look(
    data: DataArgument,
    query: Query = None,
    kind: KindOption = [],  # noqa: B006
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw some pictures of each class, PNG.")] = None,
    json: Json = False,
) -> None:
    """What is in a file: columns, their kinds and why, missing values, ranges, histograms, suspicious things.

    Of pictures: sizes, formats, those that cannot be read, and those that are the same or nearly so.
    """
    from deepwright.api.looking import look as look_at
    from deepwright.api.telling import teller

    tell = teller(quiet=json)
    view = look_at(data, query=query, kinds=pairs(kind, "--kind"), sheet=sheet, progress=partial(tell.progress, "data"))
    tell.clear()
    if json:
        print_json(view.content)
        return
    from rich.console import Console

    Console().print(view)


def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="recipes, keys, tasks, networks, learners, kinds, contenders, metrics, findings, figures, sources, "
            "data, optimizers, schedules, losses, activations, initialisers, runs"
        ),
    ],
    json: Json = False,
) -> None:
    """What there is, with one line each."""
    from deepwright.cli.listing import listing, print_listing

    items = listing(what)
    if json:
        print_json({"items": items})
    else:
        print_listing(what, items)


def show(
    run: RunArgument,
    network: Annotated[bool, typer.Option("--network", help="The network layer by layer instead.")] = False,
    contender: Annotated[str | None, typer.Option(help="Whose network; the winner's, where it has one.")] = None,
    json: Json = False,
) -> None:
    """A run's numbers: the contest, the verdict, the findings; or its network, layer by layer.

    deepwright show runs/photos --network --contender resnet20
    """
    from deepwright.api.run import load
    from deepwright.cli.anatomy import networks_json, networks_of, print_networks
    from deepwright.cli.showing import print_run, run_json

    found = load(run)
    if network or contender:
        name, nets = networks_of(found, contender)
        if json:
            print_json(networks_json(found, name, nets))
        else:
            print_networks(name, nets)
    elif json:
        print_json(run_json(found))
    else:
        print_run(found)


def report(run: RunArgument, json: Json = False) -> None:
    """Write the run's page again (report.html, one file, opens offline) and say where it is."""
    from deepwright.api.run import load

    path = load(run).report()
    if json:
        print_json({"run": str(run), "report": str(path)})
    else:
        print(path)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more run folders.")],
    json: Json = False,
) -> None:
    """Runs side by side, and whether they may be compared at all (same data, same split, same metric)."""
    from deepwright.api.run import load
    from deepwright.evaluation.compare import compare as compare_records
    from deepwright.evaluation.compare import render

    compared = compare_records([load(run).record for run in runs])
    if json:
        print_json(compared)
        return
    from rich.console import Console

    Console().print(render(compared))


def diagnose(run: RunArgument, json: Json = False) -> None:
    """Look for mistakes in a run again: evidence, cause and the recipe edit that mends it."""
    from deepwright.api.run import load
    from deepwright.diagnosis import diagnose as find_mistakes

    findings = [finding.to_dict() for finding in find_mistakes(load(run).record)]
    if json:
        print_json({"run": str(run), "findings": findings})
        return
    from rich.console import Console

    from deepwright.evaluation.showing import show_findings

    Console().print(show_findings(load(run).record, findings))
