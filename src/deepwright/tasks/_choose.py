"""Which task a table asks for, and why; said aloud, with how to change it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.find import find, names
from deepwright.core.task import TargetTask, Task

_FEW = 10
"""Whole numbers with up to so many distinct values, each on five rows or more on average, read as classes."""
_ROWS_EACH = 5


def choose_task(
    frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None, name: str = "auto"
) -> tuple[type[Task], str]:
    """The task for a table whose columns are of these kinds, and why, with how to choose another.

    target: the column to predict, or None. name: "auto", a built-in task, or the user's own "package.module:Class".
    Raises NotFoundError for an unknown name, DataError or RecipeError where the columns cannot be asked so.
    """
    if name == "auto":
        return _automatic(frame, kinds, target)
    if ":" not in name and name not in names("task"):
        raise not_found("task", name, [*names("task"), "auto"], where="task.name")
    chosen: type[Task] = find("task", name)
    why = chosen.asks(frame, kinds, target)
    if why is None and ":" not in name:
        raise _refusal(frame, kinds, target, chosen)
    return chosen, "as asked" + (f"; {why}" if why else "")


def _automatic(frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> tuple[type[Task], str]:
    for name in _order(frame, kinds, target):
        task: type[Task] = find("task", name)
        why = task.asks(frame, kinds, target)
        if why is not None:
            others = [other for other in _fitting(frame, kinds, target) if other != name]
            change = f"; for {others[0]} say task.name={others[0]}" if others else ""
            return task, f"{name}, for there are {why}{change}"
    raise _refusal(frame, kinds, target, None)


def _order(frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> list[str]:
    """Built-in tasks, the likelier first; a number is asked as a number unless it reads as a class."""
    if target is None:
        free = {name: find("task", name) for name in names("task")}
        free = {n: task for n, task in free.items() if not issubclass(task, TargetTask) and task.precedence >= 0}
        return sorted(free, key=lambda name: -free[name].precedence)
    if kinds[target] == "number" and not _reads_as_classes(frame.get_column(target)):
        return ["regression"]
    return ["tagging", "classification", "regression"]


def _fitting(frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> list[str]:
    """Tasks that these columns can be asked, of the sort that the user wants: of a target, or of the whole table."""
    found = []
    for name in names("task"):
        task: type[Task] = find("task", name)
        if issubclass(task, TargetTask) == (target is not None) and task.asks(frame, kinds, target):
            found.append(name)
    return found


def _reads_as_classes(target: pl.Series) -> bool:
    """Whether a number column holds classes: only 0 and 1 (or -1 and 1), or few whole numbers that repeat."""
    values = target.cast(pl.Float64).drop_nulls().drop_nans()
    distinct = values.unique()
    if not len(distinct) or not (distinct % 1 == 0).all():
        return False
    if set(distinct.to_list()) in ({0.0, 1.0}, {-1.0, 1.0}):
        return True
    return len(distinct) <= _FEW and len(values) >= _ROWS_EACH * len(distinct)


def _refusal(
    frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None, asked: type[Task] | None
) -> DataError | RecipeError:
    """Why these columns cannot be asked so, and what would do."""
    fitting = _fitting(frame, kinds, target)
    if asked is not None and not issubclass(asked, TargetTask):
        columns = ", ".join(f"{name} ({kind})" for name, kind in list(kinds.items())[:12])
        return DataError(
            f"{asked.name} cannot be asked of these columns: {columns}{' …' if len(kinds) > 12 else ''}.",
            where="task.name",
            remedy=f"Use task.name={fitting[0]}." if fitting else "Give a column another kind, or name a target.",
        )
    if target is None:
        shown = ", ".join(frame.columns[:30]) + (" …" if frame.width > 30 else "")
        return RecipeError(
            "name the column to predict with --target"
            + (f", or ask for {' or '.join(fitting)} with --task." if fitting else "."),
            where="task.target",
            remedy=f"The columns are: {shown}.",
        )
    column = frame.get_column(target)
    use = f"Use task.name={fitting[0]}" if fitting else "Name another target"
    return DataError(
        _reason(kinds[target], column.drop_nulls(), "auto" if asked is None else asked.name),
        where=f"column '{target}'",
        remedy=f"{use}, or say what the column is: --kind {target}=number for regression, --kind {target}=category for "
        f"classification, --kind {target}=tags for tagging.",
    )


def _reason(kind: str, known: pl.Series, name: str) -> str:
    if not len(known):
        return "expected a target to learn from, every value is missing."
    distinct, sample = known.n_unique(), f"{str(known[0])[:40]!r}"
    if distinct < 2:
        return f"expected a target that varies, every row says {sample}."
    if name == "regression":
        return f"regression predicts a number, this column is of kind {kind}, such as {sample}."
    if name == "tagging":
        return f"tagging predicts several tags for a row, this column is of kind {kind}, such as {sample}."
    if kind == "number":
        return f"{distinct:,} distinct numbers in {len(known):,} rows, such as {sample}, are no classes."
    return f"a column of kind {kind} with {distinct:,} distinct values in {len(known):,} rows is no target for a task."
