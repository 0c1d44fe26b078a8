"""Doing: the verbs that make or continue a run: fit, run, resume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from deepwright.cli.options import (
    DataArgument,
    Json,
    KindOption,
    Overrides,
    Query,
    Quiet,
    RunArgument,
    Target,
    Trust,
    pairs,
)

if TYPE_CHECKING:
    from deepwright.api.run import Run

_FAST = ["data.rows=300", "time=20s", "training.epochs?=2"]
"""`--fast`: every stage on a few rows."""

Fast = Annotated[bool, typer.Option("--fast", help="A dry run: every stage, on 300 rows, two epochs or 20 seconds.")]
Folder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--folder", help="Where the run goes; otherwise a new folder below runs/."),
]


def add(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(fit)
    app.command()(run)
    app.command()(resume)


def fit(
    data: DataArgument,
    overrides: Overrides = None,
    target: Target = None,
    task: Annotated[
        str, typer.Option(help="See `deepwright list tasks`; auto: by the target, or the columns.")
    ] = "auto",
    time: Annotated[str, typer.Option(help="For all contenders together: 60s, 5m, 1h, or none.")] = "5m",
    contenders: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Names with commas (`deepwright list contenders`), or all."),
    ] = None,
    metric: Annotated[Optional[str], typer.Option(help="What decides; otherwise by the data.")] = None,  # noqa: UP045
    kind: KindOption = [],  # noqa: B006
    ignore: Annotated[list[str], typer.Option(help="A column to leave out; repeatable.")] = [],  # noqa: B006
    query: Query = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="HOW[:COLUMN]", help="random, stratified, order, group:COLUMN, time:COLUMN, column:COLUMN."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the split and everything random.")] = 0,
    folder: Folder = None,
    fast: Fast = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The whole way: read, split, contest of rule, classical model and network, verdict, findings, report.

    Examples:

      deepwright fit penguins --target species

      deepwright fit houses.csv --target price --time 2m --kind zip=category

      deepwright fit houses.csv -t price --contenders rule,linear,random_forest,mlp training.lr=1e-3
    """
    from deepwright.api.fitting import fit as fit_data

    wanted = list(overrides or [])
    if query:
        wanted.append(f"data.query={query}")
    names = [name.strip() for name in contenders.split(",") if name.strip()] if contenders else None
    made = fit_data(
        data,
        target,
        task=task,
        time=None if time == "none" else time,
        contenders=names,
        metric=metric,
        kinds=pairs(kind, "--kind"),
        ignore=ignore,
        split=split,
        seed=seed,
        overrides=[*wanted, *(_FAST if fast else [])],
        folder=folder,
        quiet=quiet or json,
    )
    _show(made, json)


def run(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe file, a gallery name (`list recipes`), or a run folder.")
    ],
    overrides: Overrides = None,
    mend: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FINDING", help="Of a run folder: apply this finding's recipe edit, as a new run."),
    ] = None,
    folder: Folder = None,
    trust: Trust = [],  # noqa: B006
    fast: Fast = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe: a file, a gallery name, or a run folder's own recipe again.

    Examples:

      deepwright run xor

      deepwright run recipe.yaml training.lr=1e-3 data.split.seed=1

      deepwright run runs/houses-20261121-153012 --mend overfitting
    """
    from deepwright.api.fitting import run as run_recipe
    from deepwright.api.mending import mended

    wanted = [*(overrides or []), *(_FAST if fast else [])]
    if mend:
        made = run_recipe(mended(Path(recipe), mend, wanted, trust=trust), folder=folder, quiet=quiet or json)
    else:
        made = run_recipe(recipe, overrides=wanted, folder=folder, trust=trust, quiet=quiet or json)
    _show(made, json)


def resume(run: RunArgument, trust: Trust = [], json: Json = False, quiet: Quiet = False) -> None:  # noqa: B006
    """Go on with a run that was stopped or killed; it ends as if it had never been stopped."""
    from deepwright.api.fitting import resume as resume_run

    _show(resume_run(run, trust=trust, quiet=quiet or json), json)


def _show(made: Run, as_json: bool) -> None:
    from deepwright.cli.options import print_json
    from deepwright.cli.showing import print_run, run_json

    if as_json:
        print_json(run_json(made))
    else:
        print_run(made)


def _no_target(data: str, query: str | None) -> Exception:
    """Without a target: name the columns there are, so that the next try succeeds."""
    from deepwright.core.errors import RecipeError
    from deepwright.sources import open_table

    columns = open_table(data, query=query).columns
    shown = ", ".join(columns[:30]) + (" …" if len(columns) > 30 else "")
    return RecipeError("name the column to predict with --target.", where=data, remedy=f"The columns are: {shown}.")
