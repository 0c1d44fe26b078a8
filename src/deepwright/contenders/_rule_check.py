"""Checking rules against the training rows: what they name must be there; the nearest that is there is offered."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl

from deepwright.contenders._conditions import Comparison, as_text
from deepwright.contenders._inference import fact_value
from deepwright.contenders._lesson import Lesson, labels
from deepwright.contenders._rule_file import RuleFile
from deepwright.core.errors import RecipeError, nearest, not_found
from deepwright.kinds._shared import floats, texts

_FEW = 1_000
"""Distinct values up to which a value that is not among them may be a misspelt one."""


def check_rules(file: RuleFile, lesson: Lesson, columns: list[str], where: str) -> None:
    """Raises NotFoundError or RecipeError naming the line and the nearest name."""
    facts = file.facts
    for rule in file.rules:
        place = f"{where}, line {rule.line}"
        for fact in rule.facts:
            if fact in columns:
                raise RecipeError(f"the fact '{fact}' is named as a column is.", where=place, remedy="Rename the fact.")
        for comparison in rule.condition.comparisons:
            if comparison.name in facts:
                _check_fact(comparison, file, place)
            elif comparison.name in columns:
                _check_values(comparison, lesson.frame.get_column(comparison.name), place)
            else:
                raise not_found("column or fact", comparison.name, [*columns, *facts], where=place)
        _check_outcome(rule.then, lesson, place)
    _check_outcome(file.default, lesson, f"{where}, default")


def _check_fact(comparison: Comparison, file: RuleFile, place: str) -> None:
    if comparison.operator not in ("==", "!=", "in", "not in"):
        return
    known = {given for rule in file.rules if (given := fact_value(rule, comparison.name)) is not None}
    for value in comparison.values:
        if as_text(value) not in known:
            raise not_found(f"value of the fact '{comparison.name}'", as_text(value), known, where=place)


def _check_values(comparison: Comparison, column: pl.Series, place: str) -> None:
    if comparison.operator in ("<", "<=", ">", ">=", "between"):
        dated = any(isinstance(value, datetime.date) for value in comparison.values)
        measurable = column.dtype.is_temporal() if dated else np.isfinite(floats(column)).any()
        if not measurable and column.null_count() < len(column):
            raise RecipeError(
                f"'{comparison}' compares by size, but the column '{column.name}' holds no "
                f"{'dates' if dated else 'numbers'}.",
                where=place,
                remedy="Use ==, in or contains.",
            )
    elif comparison.operator in ("==", "!=", "in", "not in") and not column.dtype.is_numeric():
        known = texts(column).drop_nulls().unique().to_list()
        for value in comparison.values:
            guess = nearest(as_text(value), known) if len(known) <= _FEW and as_text(value) not in known else None
            # A value that merely never came up may come later; one that looks like another is misspelt.
            if guess is not None:
                raise not_found(f"value of the column '{column.name}'", as_text(value), known, where=place)


def _check_outcome(then: tuple[str, ...] | None, lesson: Lesson, place: str) -> None:
    if then is None:
        return
    if lesson.task.name == "regression":
        try:
            (_,) = map(float, then)
        except ValueError:
            raise RecipeError(f"expected one number to predict, got '{', '.join(then)}'.", where=place) from None
        return
    known = labels(lesson.task)
    for label in then:
        if label not in known:
            raise not_found("tag" if lesson.task.name == "tagging" else "class", label, known, where=place)
    if lesson.task.name == "classification" and len(then) != 1:
        raise RecipeError(f"expected one class to predict, got {len(then)}.", where=place)
