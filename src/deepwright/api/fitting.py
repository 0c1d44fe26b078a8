"""Fitting: the whole way on one page, from a file to a verdict; `fit`, `run` and `resume`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from deepwright.api.book import Book, new_run_folder
from deepwright.api.contest import Standing, hold, judge, metric_values
from deepwright.api.entries import Entry, entries
from deepwright.api.ground import Ground, make_ground, read_data
from deepwright.api.recipes import apply_override, dump, load_recipe, validate
from deepwright.api.run import Run
from deepwright.api.starting import look_for_weights
from deepwright.api.telling import Teller, duration, teller
from deepwright.core.errors import DataError, DeepwrightError, RunError
from deepwright.core.recipe import Recipe

RUNS = Path("runs")
"""Where run folders go unless told, below the working directory."""


def fit(
    data: Any,
    target: str | None = None,
    *,
    task: str = "auto",
    time: float | str | None = 300,
    contenders: Sequence[str | Mapping[str, Any]] | str | None = None,
    metric: str | None = None,
    kinds: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    split: str = "auto",
    seed: int = 0,
    overrides: Sequence[str] = (),
    folder: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """From data to a verdict: contest, scores with intervals, findings, report, all in a run folder.

    data:       a path, a bundled data set's name, a polars or pandas frame, or a dict of NumPy arrays.
    target:     the column to predict; None for tasks without one, which may take a label to compare with.
    task:       a task's name, or "auto": by the target's kind, or by the columns where there is no target.
    time:       seconds, "60s", "5m" for all contenders together; None: as long as it takes.
    contenders: names or objects as in a recipe; "all"; None: those the task names, for a column to predict rule,
                linear, boosted trees and the default network.
    metric:     the primary metric; None: by the data.
    kinds:      column → kind, where the inferred one is not wanted.
    split:      "random", "stratified", "order", "group:COLUMN", "time:COLUMN", "column:COLUMN"; "auto": by the task.
    overrides:  recipe keys as "key=value": "training.lr=1e-3", "data.split.by=time".
    folder:     where the run goes; None: a new folder below `runs/`.

    Raises DataError or RecipeError for what cannot be used, saying where and how to mend it.
    """
    named = isinstance(data, (str, Path))
    content: dict[str, Any] = {
        "data": {
            "source": str(data) if named else "frame",
            "kinds": dict(kinds or {}),
            "ignore": list(ignore),
            "split": _split(split, seed),
        },
        "task": {"name": task, "target": target, "metric": metric},
        "time": time,
        "seed": seed,
    }
    if contenders is not None:
        content["contenders"] = [contenders] if isinstance(contenders, str) else list(contenders)
    for override in overrides:
        content = apply_override(content, override)
    recipe = validate(content, where="fit")
    return run(recipe, data=None if named else data, folder=folder, quiet=quiet)


def _split(split: str, seed: int) -> dict[str, Any]:
    by, _, column = split.partition(":")
    return {"by": by, "seed": seed, **({"column": column} if column else {})}


def run(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    *,
    overrides: Sequence[str] = (),
    data: Any = None,
    folder: str | Path | None = None,
    trust: Sequence[str] = (),
    quiet: bool = False,
) -> Run:
    """Run a recipe: a Recipe, its keys as a dict, a file, a run folder's recipe.yaml, or a gallery name such as "xor".

    data:  the frame, for recipes whose source is "frame".
    trust: of a run folder's recipe: classes of your own that it may name. Raises as `fit` does.
    """
    if isinstance(recipe, Mapping):
        recipe = validate(reduce(apply_override, overrides, recipe), where="recipe")
    elif not isinstance(recipe, Recipe):
        recipe = load_recipe(str(recipe), overrides, trust=trust)
    tell = teller(quiet)
    started = time.perf_counter()
    ground = make_ground(recipe, read_data(recipe, data), tell)
    recipe = ground.recipe
    wanted = entries(recipe, ground.task, ground.forms)  # what does not fit says so before a folder is made
    look_for_weights(wanted)
    name = recipe.name or Path(recipe.data.source).stem
    place = Path(folder) if folder else new_run_folder(RUNS, name)
    if (place / "run.json").exists():
        raise RunError("there is a run in this folder already.", where=str(place), remedy="Choose another folder.")
    book = Book(place)
    book.begin(dump(recipe), {"name": name, "parent": recipe.parent, "seed": recipe.seed, **ground.facts()})
    ground.keep(book)
    book.note(seconds={"prepare": round(time.perf_counter() - started, 3)})
    return _go(ground, wanted, book, tell)


def resume(folder: str | Path, *, data: Any = None, trust: Sequence[str] = (), quiet: bool = False) -> Run:
    """Go on with a run that was stopped or killed; it ends as if it had never been stopped.

    Contenders that are done are kept; a network goes on from its last checkpoint. A run that is done is only opened.
    data:  the same frame again, for runs that were given a frame.
    trust: classes of your own ("package.module:Class") that the run uses; a folder can never name one by itself.
    """
    book = Book(Path(folder))
    found = Run(folder)
    if found.state == "done":
        return found
    recipe = load_recipe(str(Path(folder) / "recipe.yaml"), trust=trust)
    tell = teller(quiet)
    ground = make_ground(recipe, read_data(recipe, data), tell)
    was = book.run().get("data", {}).get("fingerprint")
    if was != ground.table.origin.fingerprint:
        raise DataError(
            "the data changed since the run began.",
            where=ground.table.origin.source,
            remedy="Put the old file back, or start a new run.",
        )
    ground.keep(book)
    book.note(state="running")
    tell.line(f"Resuming {folder}")
    return _go(ground, entries(recipe, ground.task, ground.forms), book, tell)


def _go(ground: Ground, wanted: Sequence[Entry], book: Book, tell: Teller) -> Run:
    """From prepared data to the verdict, keeping the state of the run folder true whatever happens."""
    try:
        _contest_to_verdict(ground, wanted, book, tell)
    except KeyboardInterrupt:
        tell.clear()
        book.end("stopped")
        tell.line(f"Stopped; everything up to the last checkpoint is kept. Go on with: deepwright resume {book.folder}")
        raise
    except DeepwrightError as error:
        book.note(why=str(error))
        book.end("failed")
        raise
    except Exception as error:
        book.note(why=f"{type(error).__name__}: {error}")
        book.end("failed")
        raise
    return Run(book.folder)


def _contest_to_verdict(ground: Ground, wanted: Sequence[Entry], book: Book, tell: Teller) -> None:
    from deepwright.evaluation.verdict import choose_winner

    recipe = ground.recipe
    started = time.perf_counter()
    standings = hold(ground, wanted, book, tell, recipe.time, recipe.seed)
    contest = time.perf_counter() - started

    started = time.perf_counter()
    tell.progress("verdict", None, "scoring everyone once on the test rows")
    standing = {s.entry.label: s for s in standings if s.model is not None}
    winner = choose_winner(
        {label: s.valid for label, s in standing.items() if s.valid is not None},
        ground.metric,
        {label: s.entry.family for label, s in standing.items()},
        costs={label: s.scores["predict_microseconds_per_row"] or 0.0 for label, s in standing.items()},
        groups=ground.groups("valid"),
    )
    predictions = judge(standings, ground, book)
    _keep_judgement(ground, book, standings, predictions, winner)
    if ground.task.permutes:
        book.keep_json("importance.json", _importance(ground, standing[winner]))
    if recipe.learning_curve:
        from deepwright.api.growing import learning_curve

        curve = learning_curve(ground, standing[winner].entry, book, tell, recipe.time)
        book.keep_json("learning_curve.json", curve)
    book.note(seconds={"contest": round(contest, 3), "judge": round(time.perf_counter() - started, 3)})
    _finish(ground, book, tell)


def _keep_judgement(
    ground: Ground, book: Book, standings: Sequence[Standing], predictions: Mapping[str, Any], winner: str
) -> None:
    """Scores with intervals, predictions, the worst mistakes and the verdict."""
    from deepwright.evaluation.intervals import interval
    from deepwright.evaluation.verdict import verdict
    from deepwright.explanation.contact_sheet import picture_columns
    from deepwright.explanation.mistakes import worst_mistakes

    test, groups = ground.rows("test"), ground.groups("test")
    answers = {label: ground.answers(made, test) for label, made in predictions.items()}
    scores = {}
    for standing in standings:
        label = standing.entry.label
        complete = dict(standing.scores)
        if label in answers:
            values = metric_values(ground, answers[label])
            low, high = interval(ground.metric, answers[label], groups)
            complete |= {"test": values, "score": values[ground.metric.name], "low": low, "high": high}
        else:
            complete |= {"test": {}, "score": None, "low": None, "high": None}
        scores[label] = complete
        book.keep_scores(label, complete)
    book.keep_frame("predictions.parquet", ground.stacked("test", predictions))
    valid = {s.entry.label: s.predictions for s in standings if s.predictions is not None}
    book.keep_frame("validation.parquet", ground.stacked("valid", valid))
    inputs = test.select(ground.encoding.columns)
    wrong = worst_mistakes(
        ground.task,
        predictions[winner],
        ground.truth(test),
        inputs,
        ground.split.test,
        pictures=picture_columns(ground.encoding),
    )
    if wrong is not None:
        book.keep_frame("mistakes.parquet", wrong)
    made = verdict(winner, scores, answers, ground.metric, groups)
    book.keep_json("verdict.json", made)


def _importance(ground: Ground, standing: Standing) -> dict[str, Any]:
    from deepwright.explanation.permutation import importance

    assert standing.model is not None
    return {
        "contender": standing.entry.label,
        **importance(
            standing.model,
            ground.rows("valid"),
            ground.truth(ground.rows("valid")),
            ground.encoding.columns,
            ground.task,
            ground.metric,
            seconds=10.0,
            seed=0,
        ),
    }


def _finish(ground: Ground, book: Book, tell: Teller) -> None:
    """Findings and the page; then the run is done."""
    from deepwright.core.files import write_manifest
    from deepwright.diagnosis import diagnose
    from deepwright.evaluation.record import Record
    from deepwright.evaluation.report import write_report

    tell.progress("report", None, "looking for mistakes and writing the page")
    found = diagnose(Record(book.folder), silence=ground.recipe.silence)
    book.keep_json("findings.json", [finding.to_dict() for finding in found])
    seconds = book.run()["seconds"]
    book.note(seconds={"total": round(sum(seconds.values()), 3)})
    book.end("done")
    book.tidy()
    write_report(book.folder)
    write_manifest(book.folder)
    tell.clear()
    tell.line(f"Done in {duration(sum(seconds.values()))}.")
