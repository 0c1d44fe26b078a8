"""Which task a target asks for, and why; said aloud, with how to change it."""

from __future__ import annotations

import polars as pl

from deepwright.core.errors import DataError, not_found
from deepwright.core.find import find, names
from deepwright.core.task import Task

_FEW = 10
"""Whole numbers with up to so many distinct values, each on five rows or more on average, read as classes."""
_ROWS_EACH = 5


def choose_task(kind: str, target: pl.Series, name: str = "auto") -> tuple[type[Task], str]:
    """The task for a target column of this kind, and why, with how to choose another.

    name: "auto", a built-in task, or the user's own "package.module:Class". Raises NotFoundError for an unknown name,
    DataError where the column cannot be asked so.
    """
    if name == "auto":
        return _automatic(kind, target)
    if ":" not in name and name not in names("task"):
        raise not_found("task", name, [*names("task"), "auto"], where="task.name")
    chosen: type[Task] = find("task", name)
    why = chosen.suits(kind, target)
    if why is None and ":" not in name:
        raise _refusal(kind, target, name)
    return chosen, f"{chosen.name}, as asked" + (f": {why}" if why else "")


def _automatic(kind: str, target: pl.Series) -> tuple[type[Task], str]:
    for name in _order(kind, target):
        task: type[Task] = find("task", name)
        why = task.suits(kind, target)
        if why is not None:
            others = [other for other in names("task") if other != name and find("task", other).suits(kind, target)]
            change = f"; for {others[0]} say task.name={others[0]}" if others else ""
            return task, f"{name}, for there are {why}{change}"
    raise _refusal(kind, target, "auto")


def _order(kind: str, target: pl.Series) -> list[str]:
    """Built-in tasks, the likelier first; a number is asked as a number unless it reads as a class."""
    if kind == "number" and not _reads_as_classes(target):
        return ["regression"]
    return ["tagging", "classification", "regression"]


def _reads_as_classes(target: pl.Series) -> bool:
    """Whether a number column holds classes: only 0 and 1 (or -1 and 1), or few whole numbers that repeat."""
    values = target.cast(pl.Float64).drop_nulls().drop_nans()
    distinct = values.unique()
    if not len(distinct) or not (distinct % 1 == 0).all():
        return False
    if set(distinct.to_list()) in ({0.0, 1.0}, {-1.0, 1.0}):
        return True
    return len(distinct) <= _FEW and len(values) >= _ROWS_EACH * len(distinct)


def _refusal(kind: str, target: pl.Series, name: str) -> DataError:
    """Why this column cannot be asked so, and what would do."""
    column, known = target.name, target.drop_nulls()
    fitting = [other for other in names("task") if find("task", other).suits(kind, target)]
    use = f"Use task.name={fitting[0]}" if fitting else "Name another target"
    return DataError(
        _reason(kind, known, name),
        where=f"column '{column}'",
        remedy=f"{use}, or say what the column is: --kind {column}=number for regression, --kind {column}=category for "
        f"classification, --kind {column}=tags for tagging.",
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
