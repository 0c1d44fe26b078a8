"""Ground: the data made ready: read, kinds, split, checks, the task and the encoding fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.find import find, names
from deepwright.core.metric import Answers, Metric
from deepwright.core.offers import written_out
from deepwright.core.recipe import Recipe
from deepwright.core.table import PARTS, Split, Table
from deepwright.core.task import TargetTask, Task

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from deepwright.api.book import Book
    from deepwright.api.telling import Teller
    from deepwright.prepare.infer import ColumnView


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every contender stands on. Nothing in it was learned from validation or test rows."""

    recipe: Recipe
    table: Table
    split: Split
    task: Task
    encoding: Encoding
    columns: list[dict[str, Any]]
    """One object a column, as in schema.json."""
    checks: list[dict[str, Any]]
    why_task: str

    def rows(self, part: str) -> pl.DataFrame:
        """The input columns, and the target where there is one, of "train", "valid" or "test"."""
        return self._parts[part]

    @property
    def forms(self) -> frozenset[str]:
        """Of the fields that the input columns give."""
        return self.encoding.signature.forms

    def groups(self, part: str) -> np.ndarray | None:
        """A group id for each row of a part, where rows belong together."""
        return None if self.split.groups is None else self.split.groups[getattr(self.split, part)]

    def answers(self, predictions: pl.DataFrame, rows: pl.DataFrame) -> Answers:
        """Predictions beside the truth of the same rows."""
        return self.task.answers(predictions, self.truth(rows))

    @property
    def target_task(self) -> TargetTask:
        """The task, where a column is to be predicted; raises RecipeError elsewhere."""
        if not isinstance(self.task, TargetTask):
            raise RecipeError(f"{self.task.name} predicts no column.", remedy="Name a target.")
        return self.task

    def truth(self, rows: pl.DataFrame) -> pl.Series:
        """What predictions of these rows are judged against."""
        return self.task.truth(rows, self.encoding)

    @cached_property
    def metric(self) -> Metric:
        """The one that chooses."""
        return self.metric_called(self.recipe.task.metric or self.task.metrics[0])

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of all that are reported, the primary one first."""
        first = self.recipe.task.metric or self.task.metrics[0]
        return (first, *(name for name in self.task.metrics if name != first))

    def metric_called(self, name: str) -> Metric:
        """A metric of the task by name; raises RecipeError where it does not fit, saying which do."""
        if ":" not in name and name not in names("metric"):
            raise not_found("metric", name, self.task.metrics, where="task.metric")
        metric: Metric = find("metric", name)()
        if self.task.name not in metric.tasks:
            raise RecipeError(
                f"{metric.title} does not fit {self.task.name}.",
                where="task.metric",
                remedy=f"Choose among: {', '.join(self.task.metrics)}.",
            )
        return metric

    def stacked(self, part: str, predictions: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Predictions of everyone, one below the other: contender, row, truth, and the task's columns."""
        import polars as pl

        rows = pl.Series("row", getattr(self.split, part), dtype=pl.Int64)
        truth = self.truth(self.rows(part)).alias("truth")
        frames = [
            made.with_columns(pl.lit(label).alias("contender"), rows, truth).select(
                "contender", "row", "truth", *made.columns
            )
            for label, made in predictions.items()
        ]
        return pl.concat(frames, how="diagonal_relaxed")

    # ---------------------------------------------------------------- for the run folder
    def facts(self) -> dict[str, Any]:
        """The parts of run.json that are known before anyone learns."""
        origin = self.table.origin
        metric = self.metric
        shown = {"name": metric.name, "title": metric.title, "greater_is_better": metric.greater_is_better}
        return {
            "data": {
                "source": origin.source,
                "format": origin.format,
                "fingerprint": origin.fingerprint,
                "rows": self.table.frame.height,
                "columns": self.table.frame.width,
                "notes": list(origin.notes),
            },
            "task": {
                "name": self.task.name,
                "target": self.task.target if isinstance(self.task, TargetTask) else None,
                "why": self.why_task,
                "metric": {**shown, "meaning": metric.meaning},
                "why_metric": "said so in the recipe" if self.recipe.task.metric else self.task.why_metric,
            },
            "split": {"how": self.split.how, **{part: len(rows) for part, rows in self.split}},
            "checks": self.checks,
        }

    def keep(self, book: Book) -> None:
        """Write schema.json, encoders.safetensors, facts.json and split.parquet; for pictures contact_sheet.parquet."""
        import numpy as np
        import polars as pl

        from deepwright.explanation.contact_sheet import contact_sheet
        from deepwright.prepare.facts import facts

        origin = self.table.origin
        book.keep_tensors("encoders.safetensors", self.encoding.arrays())
        book.keep_json(
            "schema.json",
            {
                "target": self.task.target,
                "reading": dict(origin.reading),
                "format": origin.format,
                "columns": self.columns,
                "task": {"name": self.task.name, "state": self.task.state()},
                "encoding": self.encoding.state(),
            },
        )
        kinds = {column["name"]: column["kind"] for column in self.columns}
        book.keep_json("facts.json", facts(self.table, kinds))
        sheet = contact_sheet(self.task, self.rows("train"), self.split.train, self.encoding, seed=self.recipe.seed)
        if sheet is not None:
            book.keep_frame("contact_sheet.parquet", sheet)
        rows = np.concatenate([rows for _, rows in self.split])
        parts = np.repeat(np.array(PARTS), [len(rows) for _, rows in self.split])
        book.keep_frame("split.parquet", pl.DataFrame({"row": rows, "part": parts}).sort("row"))

    @cached_property
    def _parts(self) -> dict[str, pl.DataFrame]:
        wanted = [*self.encoding.columns, *([self.task.target] if self.task.target else [])]
        frame = self.table.frame.select(wanted)
        return {part: frame[rows] for part, rows in self.split}


def read_data(recipe: Recipe, data: Any = None) -> Any:
    """What the recipe's source stands for: the given frame, or the path or bundled name itself."""
    if recipe.data.source != "frame":
        return recipe.data.source
    if data is None:
        raise DataError(
            "this recipe's data was a frame given in Python.",
            where="data.source",
            remedy="Give the same frame again: deepwright.run(recipe, data=frame).",
        )
    return data


def make_ground(recipe: Recipe, source: Any, tell: Teller) -> Ground:
    """Read and prepare; raises DataError or RecipeError before anything is learned or written."""
    from deepwright.prepare.checks import check
    from deepwright.prepare.encoding import fit_encoding
    from deepwright.prepare.infer import infer_kinds
    from deepwright.sources import open_table
    from deepwright.tasks import choose_task

    tell.progress("data", None, f"reading {source if isinstance(source, str) else 'the frame'}")
    reading, progress = recipe.data.reading, partial(tell.progress, "data")
    table = _thinned(open_table(source, query=recipe.data.query, reading=reading, progress=progress), recipe)
    recipe = _as_published(_asked(recipe, table), table)
    target = recipe.task.target
    if target is not None and target not in table.columns:
        raise not_found("column", target, table.columns, where=f"{table.origin.source}, target")
    views = infer_kinds(table.frame, recipe.data.kinds)
    kinds = {column: view.kind for column, view in views.items()}
    used = [column for column in table.columns if column == target or _is_used(column, recipe)]
    asked_of = {column: kinds[column] for column in used}
    task_type, why_task = choose_task(table.frame.select(used), asked_of, target, recipe.task.name)
    views = _read_as(task_type, views, recipe)
    kinds = {column: view.kind for column, view in views.items()}
    recipe = _completed(recipe, task_type)
    predicted = target if issubclass(task_type, TargetTask) else None  # else a label that is held back
    table, dealt = _deal(table, recipe, predicted, stratify=task_type.stratifies)
    train = table.frame[dealt.train]
    constants = task_type.keeps_constants
    fitted = fit_encoding(train, views, target, recipe.data, seed=recipe.seed, keeps_constants=constants)
    contenders = written_out(recipe.contenders or (), fitted.encoding.signature.forms)
    recipe = recipe.model_copy(update={"contenders": contenders})
    task = task_type.ask(train, target, fitted.encoding, recipe.task.options)
    checks = check(table, dealt, kinds, predicted, task.name, inputs=fitted.encoding.columns)
    _announce(table, dealt, task, why_task, recipe, tell)
    ground = Ground(
        recipe=recipe,
        table=table,
        split=dealt,
        task=task,
        encoding=fitted.encoding,
        columns=fitted.columns if predicted else _held_back(fitted.columns),
        checks=[found.to_dict() for found in checks if found.id not in recipe.allow],
        why_task=why_task,
    )
    for found in ground.checks:
        tell.line(f"  {found['severity']}: {found['message'].rstrip('.')}. {found['remedy'] or ''}")
    _ = ground.metric  # a metric that does not fit says so before anyone learns
    return ground


def _is_used(column: str, recipe: Recipe) -> bool:
    """Whether the recipe leaves the column in; what it leaves out asks for no task."""
    return column not in recipe.data.ignore and (recipe.data.use is None or column in recipe.data.use)


def _read_as(task: type[Task], views: Mapping[str, ColumnView], recipe: Recipe) -> dict[str, ColumnView]:
    """Input columns as the task reads them, where the recipe does not say otherwise."""
    return {
        column: replace(view, kind=task.reads_as[view.kind], why=f"{view.why}; {task.name} reads it so")
        if view.kind in task.reads_as and column != recipe.task.target and column not in recipe.data.kinds
        else view
        for column, view in views.items()
    }


def _held_back(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns of a task that predicts none: what is named beside the inputs is only compared with."""
    said = {"describe": "held back, to compare with"}
    return [column | said if column["role"] == "target" else column for column in columns]


def _asked(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with the target that the data is there for, where nobody names one and a column is to be predicted."""
    task, named = recipe.task, recipe.task.name
    predicts = named == "auto" or issubclass(find("task", named), TargetTask)
    if task.target is not None or table.origin.target is None or not predicts:
        return recipe
    return recipe.model_copy(update={"task": task.model_copy(update={"target": table.origin.target})})


def _as_published(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with the split that the data came with, where nobody asks for another; no model sees its column."""
    data, column = recipe.data, table.origin.part
    if column is None or column == recipe.task.target:
        return recipe
    if data.split.by == "auto":
        said = {"by": "column", "column": column}
        data = data.model_copy(update={"split": data.split.model_copy(update=said)})
    if column not in data.ignore and data.use is None:
        data = data.model_copy(update={"ignore": (*data.ignore, column)})
    return recipe.model_copy(update={"data": data})


def _completed(recipe: Recipe, task: type[Task]) -> Recipe:
    """The recipe with what the task decides where nobody has: who enters, and how rows are split."""
    data = recipe.data
    if data.split.by == "auto" and task.deals != "auto":
        by, _, column = task.deals.partition(":")
        dealt = {"by": by, "column": column or None}
        data = data.model_copy(update={"split": data.split.model_copy(update=dealt)})
    entrants = task.entrants if recipe.contenders is None else recipe.contenders
    return recipe.model_copy(update={"data": data, "contenders": entrants})


def _thinned(table: Table, recipe: Recipe) -> Table:
    """The table without rows of other values, without repeated ones, or a sample of it, where the recipe says so."""
    frame, notes, wanted = table.frame, list(table.origin.notes), recipe.data.rows
    for column, values in recipe.data.only.items():
        frame = _only(frame, column, values, table.origin.source)
        notes.append(f"Kept {frame.height:,} rows whose '{column}' is {', '.join(map(str, values))}.")
    if recipe.data.distinct:
        before, frame = frame.height, frame.unique(keep="first", maintain_order=True)
        notes.append(f"Dropped {before - frame.height:,} rows that repeat another one.")
    if wanted is not None and wanted < frame.height:
        notes.append(f"Drew {wanted:,} of {frame.height:,} rows.")
        frame = frame.sample(wanted, seed=recipe.data.split.seed, shuffle=False)
    mark = table.origin.fingerprint or _fingerprint(table.frame)
    return Table(frame=frame, origin=replace(table.origin, notes=tuple(notes), fingerprint=mark))


def _only(frame: pl.DataFrame, column: str, values: Sequence[Any], source: str) -> pl.DataFrame:
    """The rows whose value is one of these, compared as they are written; raises where there are none."""
    import polars as pl

    if column not in frame.columns:
        raise not_found("column", column, frame.columns, where=f"{source}, data.only")
    written = pl.lit(None) if frame.schema[column].is_nested() else pl.col(column).cast(pl.String, strict=False)
    kept = frame.filter(written.is_in([str(v).lower() if isinstance(v, bool) else str(v) for v in values]))
    if not kept.height:
        few = ", ".join(map(str, frame.get_column(column).unique(maintain_order=True).head(8)))
        raise DataError(
            f"no row has a '{column}' of {', '.join(map(str, values)) or 'nothing'}.",
            where=f"{source}, data.only",
            remedy=f"There are: {few}, …",
        )
    return kept


def _fingerprint(frame: pl.DataFrame) -> str:
    """Of a frame that was given in Python: sha256 over names, types and a hash of every row."""
    import hashlib

    found = hashlib.sha256(repr(frame.schema).encode())
    found.update(frame.hash_rows(seed=0).to_numpy().tobytes())
    return found.hexdigest()


def _deal(table: Table, recipe: Recipe, target: str | None, *, stratify: bool) -> tuple[Table, Split]:
    from deepwright.prepare.splits import split, split_files
    from deepwright.sources import open_table

    plan = recipe.data.split
    if plan.by != "files":
        return table, split(table, target, plan, stratify=stratify)
    files = {"valid": plan.valid_source, "test": plan.test_source}
    reading = dict(table.origin.reading)
    given = {part: open_table(path, reading=reading) for part, path in files.items() if path}
    return split_files(table, target, plan, given, stratify=stratify)


def _announce(table: Table, dealt: Split, task: Task, why: str, recipe: Recipe, tell: Teller) -> None:
    from deepwright import __version__

    tell.clear()
    wide = f"{len(table.columns)} column{'s' if len(table.columns) != 1 else ''}"
    tell.line(f"Deepwright {__version__} · {table.origin.source}: {len(table):,} rows, {wide}")
    for note in table.origin.notes:
        tell.line(f"  {note}")
    asked = f"{task.name} of '{task.target}'" if isinstance(task, TargetTask) else task.name
    tell.line(f"Task: {asked} ({why}; another with --task)")
    tell.line(f"Metric: {recipe.task.metric or task.why_metric}")
    tell.line(f"Split: {dealt.how}")
