"""Using: the verbs that put a model to work or something to the test: predict, probe, check, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from deepwright.cli.options import DataArgument, Json, Overrides, Query, Quiet, RunArgument, Target, Trust, print_json


def add(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(predict)
    app.command()(induce)
    app.command()(generate)
    for verb in (probe, check, doctor):
        app.command()(verb)


def predict(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="A .csv, .parquet or .jsonl file (also .gz); otherwise CSV to the terminal."),
    ] = None,
    contender: Annotated[Optional[str], typer.Option(help="Another than the winner.")] = None,  # noqa: UP045
    query: Query = None,
    why: Annotated[bool, typer.Option("--why", help="Also a column `why`, for rules: which fired, on what.")] = False,
    trust: Trust = [],  # noqa: B006
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict the rows of a file, in order, in bounded memory.

    Columns out: row (from 1), prediction, probability and one p(LABEL) a class for classes, and `unseen`: the columns
    whose value training never showed.
    """
    from deepwright.api.run import load
    from deepwright.api.telling import teller

    tell = teller(quiet or json)
    found = load(run, trust=trust)
    frames = found.predictions(data, contender=contender, query=query, why=why)
    name = contender or found.winner
    if out is None:
        _print_frames(frames, as_json=json)
        return
    from deepwright.shipping.tables import write_table

    counts = {"rows": 0, "unseen": 0}
    write_table(_counted(frames, counts, tell), out, inputs=[data])
    tell.clear()
    if counts["unseen"]:
        tell.line(f"{counts['unseen']} rows hold values that training never showed; see the column `unseen`.")
    if json:
        print_json({"run": str(run), "contender": name, "out": str(out), **counts})
    else:
        tell.line(f"{counts['rows']} predictions by {name} in {out}")


def generate(
    run: RunArgument,
    prompt: Annotated[str, typer.Option(help="What a text begins with.")] = "",
    count: Annotated[int, typer.Option("--count", "-n", help="How many texts or rows.")] = 1,
    length: Annotated[int, typer.Option(help="Characters of each text.")] = 300,
    temperature: Annotated[float, typer.Option(help="0 always takes the likeliest, above 1 evens out.")] = 1.0,
    top_k: Annotated[Optional[int], typer.Option(help="Draw only among so many of the likeliest.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Of the draws; the same seed gives the same things.")] = 0,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="Rows: a .csv, .parquet or .jsonl file. Text: any file."),
    ] = None,
    contender: Annotated[Optional[str], typer.Option(help="Another than the winner.")] = None,  # noqa: UP045
    trust: Trust = [],  # noqa: B006
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """New things like those a run learned from: text as it is written, or rows.

    Examples:

      deepwright generate runs/char-gpt-20261121-153012 --prompt "ROMEO:" --temperature 0.8 --top-k 20

      deepwright generate runs/digits-20261121-153012 -n 100 -o digits.parquet
    """
    from deepwright.api.run import load
    from deepwright.api.telling import teller
    from deepwright.cli.generating import deliver

    found = load(run, trust=trust)
    order = {"prompt": prompt, "count": count, "length": length, "temperature": temperature, "top_k": top_k}
    pieces = found.generate(contender=contender, **order, seed=seed)
    told = deliver(pieces, out, as_json=json, quiet=quiet)
    if json:
        print_json({"run": str(run), "contender": contender or found.winner, **told})
    elif out is not None:
        teller(quiet).line(f"Written to {out}")


def induce(
    data: DataArgument,
    target: Target = None,
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="A .yaml file; otherwise the terminal.")] = None,  # noqa: UP045
) -> None:
    """Write down, as rules a person may edit, what a small tree finds in the data; for the contender rule_base.

    deepwright induce penguins --target species -o rules.yaml

    deepwright run recipe.yaml, with the contender {rule_base: {rules: rules.yaml}}
    """
    from deepwright.api.inducing import induce as find_rules
    from deepwright.core.files import write_text

    if target is None:
        from deepwright.cli.doing import _no_target

        raise _no_target(data, None)
    rules = find_rules(data, target)
    if out is None:
        print(rules)
    else:
        write_text(out, rules)


def probe(
    what: Annotated[str, typer.Argument(help="lr, batch, overfit or gradient.")],
    data: DataArgument,
    overrides: Overrides = None,
    target: Target = None,
    network: Annotated[str, typer.Option(help="A network's name.")] = "mlp",
    json: Json = False,
) -> None:
    """Try a network on your data before training it.

    lr: which learning rates make the loss fall (range test).  batch: how rows per second grow with the batch.
    overfit: can the network learn eight rows by heart? If not, something is wrong.
    gradient: do its gradients agree with finite differences?
    """
    from deepwright.api.probing import probe as try_out

    if target is None:
        from deepwright.cli.doing import _no_target

        raise _no_target(data, None)
    found = try_out(what, data, target, network=network, overrides=overrides or [])
    if json:
        print_json(found.content)
    else:
        from rich.console import Console

        Console().print(found)


def check(
    family: Annotated[str, typer.Argument(help="network, contender, task, metric, kind or finding.")],
    name: Annotated[str, typer.Argument(help="A name, or your own class as package.module:Class.")],
    json: Json = False,
) -> None:
    """Put a component to its family's contract, your own too: every promise, kept or not."""
    from deepwright.evaluation.contracts import check as run_contract

    promises: list[dict[str, Any]] = []
    for promise, problem in run_contract(family, name):
        promises.append({"promise": promise, "kept": problem is None, "problem": problem})
        if not json:
            print(f"  {'kept' if problem is None else 'BROKEN':<7} {promise}" + (f": {problem}" if problem else ""))
    broken = [p for p in promises if not p["kept"]]
    if json:
        print_json({"family": family, "name": name, "promises": promises, "broken": len(broken)})
    else:
        print(f"{len(promises) - len(broken)} of {len(promises)} promises kept.")
    if broken:
        raise typer.Exit(2)


def doctor(json: Json = False) -> None:
    """Is this machine ready? Python, packages, processor, memory, accelerator, disk; and what to do about it."""
    from deepwright.api.environment import environment

    found = environment()
    if json:
        print_json(found)
        return
    for item in found["items"]:
        print(f"  {'ok ' if item['ok'] else '!! '} {item['what']:<18} {item['found']}")
        if item["remedy"]:
            print(f"      {item['remedy']}")


def _print_frames(frames: Any, *, as_json: bool) -> None:
    import sys

    for i, frame in enumerate(frames):
        if as_json:
            sys.stdout.write(frame.write_ndjson())
        else:
            from deepwright.shipping.tables import csv_text

            sys.stdout.write(csv_text(frame, header=i == 0))


def _counted(frames: Any, counts: dict[str, int], tell: Any) -> Any:
    for frame in frames:
        counts["rows"] += frame.height
        counts["unseen"] += int((frame["unseen"] != "").sum())
        tell.progress("predict", None, f"{counts['rows']:,} rows")
        yield frame
