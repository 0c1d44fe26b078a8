"""Encoding: which columns are inputs, why the others are not, and the encoders fitted on the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.find import find
from deepwright.core.kind import Encoder
from deepwright.core.recipe import DataRecipe
from deepwright.kinds._shared import count_blank, is_blank
from deepwright.prepare.facts import distinct_values
from deepwright.prepare.infer import ColumnView

_COUNTED = 20_000
"""Rows in which distinct values are counted."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What preparation learned from the training rows.

    encoding: the encoders of the input columns.
    columns:  one object for each column of the table, as in schema.json: name, kind, why, role ("input", "target" or
              "ignored"), describe (of an ignored column: the reason), missing and distinct (in the
              training rows; distinct in at most 20,000 of them).
    """

    encoding: Encoding
    columns: list[dict[str, Any]]


def fit_encoding(
    train: pl.DataFrame,
    views: Mapping[str, ColumnView],
    target: str | None,
    recipe: DataRecipe,
    *,
    seed: int = 0,
    keeps_constants: bool = False,
) -> Fitted:
    """Fit the encoders of the input columns on the training rows.

    Left out, with the reason: columns the recipe ignores or does not use, identifiers, columns with one value only
    (those stay where `keeps_constants` says so).
    An identifier that was merely guessed comes back as a number where nothing else would be left.
    Raises NotFoundError for columns the recipe names and the table lacks, DataError where no input is left.
    """
    for key in ("ignore", "use"):
        for column in getattr(recipe, key) or ():
            if column not in train.columns:
                raise not_found("column", column, train.columns, where=f"data.{key}")
    left_out = _left_out(train, views, target, recipe, keeps_constants)
    inputs = [column for column in train.columns if column != target and column not in left_out]
    kinds = {column: views[column].kind for column in inputs}
    if not inputs:
        kinds = _last_resort(train, views, left_out)
        left_out = {column: why for column, why in left_out.items() if column not in kinds}
    encoders = _fit_all(train, kinds, {"scale": recipe.scale, **recipe.pictures.model_dump()}, seed)
    return Fitted(encoding=Encoding(encoders), columns=_report(train, views, target, left_out, encoders))


def _left_out(
    train: pl.DataFrame,
    views: Mapping[str, ColumnView],
    target: str | None,
    recipe: DataRecipe,
    keeps_constants: bool,
) -> dict[str, str]:
    """Column → why no model sees it."""
    reasons: dict[str, str] = {}
    for column in train.columns:
        if column == target:
            continue
        if column in recipe.ignore:
            reasons[column] = "the recipe ignores it"
        elif recipe.use is not None:
            if column not in recipe.use:
                reasons[column] = "the recipe does not use it"
        elif views[column].kind == "id":
            reasons[column] = f"identifier: {views[column].why}"
        elif not keeps_constants and (value := _only_value(train.get_column(column))) is not None:
            reasons[column] = value
    if recipe.use is not None and target in recipe.use:
        raise RecipeError(f"the target '{target}' cannot be an input too.", where="data.use", remedy="Leave it out.")
    return reasons


def _only_value(column: pl.Series) -> str | None:
    """Why a column cannot help: "always 5 in the training rows", "no value in the training rows"; None if it can."""
    if not len(column):
        return None
    first = column[0]
    # Most columns differ within a few rows: look there before counting everything.
    if column.dtype.is_nested() or column.head(100).n_unique() > 1:
        return None
    missing = is_blank(column)
    if missing.all():
        return "no value in the training rows"
    return None if column.n_unique() > 1 else f"always {first} in the training rows"


def _last_resort(train: pl.DataFrame, views: Mapping[str, ColumnView], left_out: dict[str, str]) -> dict[str, str]:
    """Row numbers are the only thing to learn from in some small tables: x = 1, 2, 3, …"""
    rescued = {
        column: "number"
        for column, why in left_out.items()
        if why.startswith("identifier") and views[column].why != "said so" and train.schema[column].is_integer()
    }
    if rescued:
        return rescued
    listed = "; ".join(f"'{column}': {why}" for column, why in left_out.items()) or "there is no other column"
    raise DataError(
        f"no input column is left ({listed}).",
        remedy="Name columns to use (data.use), or give one another kind, e.g. --kind COLUMN=category.",
    )


def _fit_all(
    train: pl.DataFrame, kinds: Mapping[str, str], options: Mapping[str, Any], seed: int
) -> tuple[Encoder, ...]:
    """One encoder a column, fitted side by side: the work is in polars and numpy, which let other threads run."""

    def fit(column: str) -> Encoder:
        return find("kind", kinds[column])().fit(train.get_column(column), seed=seed, options=options)

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return tuple(pool.map(fit, kinds))


def _report(
    train: pl.DataFrame,
    views: Mapping[str, ColumnView],
    target: str | None,
    left_out: Mapping[str, str],
    encoders: tuple[Encoder, ...],
) -> list[dict[str, Any]]:
    described = {encoder.column: (encoder.kind, encoder.describe()) for encoder in encoders}

    def report(name: str) -> dict[str, Any]:
        column = train.get_column(name)
        kind, describe = described.get(name, (views[name].kind, left_out.get(name, "")))
        if name == target:
            describe = "what is predicted"
        return {
            "name": name,
            "kind": kind,
            "why": views[name].why,
            "role": "target" if name == target else "input" if name in described else "ignored",
            "describe": describe,
            "missing": count_blank(column),
            "distinct": distinct_values(_thinned(column)),
        }

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return list(pool.map(report, train.columns))


def _thinned(column: pl.Series) -> pl.Series:
    return column.gather_every(-(-len(column) // _COUNTED)) if len(column) > _COUNTED else column
