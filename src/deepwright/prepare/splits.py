"""Splits: which rows train, which choose, which test; exact shares, seeded, never an empty part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.recipe import SplitRecipe
from deepwright.core.table import PARTS, Split, Table
from deepwright.kinds._shared import is_blank, texts
from deepwright.prepare._dealing import Parts, deal, deal_stratified, sizes_of
from deepwright.prepare._order import order_of

_WORDS = {
    "train": ("train", "training", "fit", "learn"),
    "valid": ("valid", "validation", "val", "dev", "eval"),
    "test": ("test", "testing", "holdout"),
}
"""What people call the parts."""


def split(table: Table, target: str | None, recipe: SplitRecipe, *, stratify: bool = False) -> Split:
    """Deal the rows that have a target (all rows where there is none) to train, valid and test as the recipe says.

    stratify: the target is a class; `auto` then keeps its shares equal in all parts.
    Rows without a target go nowhere, and `how` says how many. Raises DataError with a remedy where a part would
    stay empty, RecipeError where the recipe lacks the column it needs, NotFoundError for a column that is not there.
    """
    frame = table.frame
    rows = np.flatnonzero(_usable(table, target))
    _refuse_too_few(len(rows), frame.height, target, table.origin.source)
    by = ("stratified" if stratify else "random") if recipe.by == "auto" else recipe.by
    if by == "stratified" and target is None:
        raise RecipeError("a stratified split needs a target.", where="data.split.by", remedy="Split at random.")
    groups: np.ndarray | None = None
    if by == "random":
        parts, note = _random(rows, recipe), "at random"
    elif by == "order":
        parts, note = _in_order(rows, recipe), "in order, the last rows last"
    elif by == "stratified" and target is not None:
        parts, note = _stratified(rows, frame.get_column(target), recipe, fallback=recipe.by == "auto")
    elif by == "group":
        groups = _group_ids(_column(frame, recipe))
        parts, note = _grouped(rows, groups, recipe)
    elif by == "time":
        parts, note = _by_time(rows, _column(frame, recipe), recipe)
    elif by == "column":
        classes = frame.get_column(target) if stratify and target is not None else None
        parts, note = _by_column(rows, _column(frame, recipe), recipe, classes)
    else:
        raise RecipeError(
            "a split by files needs the files.",
            where="data.split",
            remedy="Name test_source, or use another way to split.",
        )
    return _finished(parts, note, frame.height - len(rows), recipe.seed, groups)


def split_files(
    train: Table, target: str | None, recipe: SplitRecipe, files: Mapping[str, Table], *, stratify: bool = False
) -> tuple[Table, Split]:
    """Put given files for "valid" and "test" below the training file, and split accordingly.

    A part without a file is drawn from the training file by its share. Raises DataError where columns differ.
    """
    frames, parts, start = [train.frame], {}, train.frame.height
    for part in PARTS[1:]:
        if part in files:
            frames.append(_same_columns(files[part], train))
            parts[part] = np.arange(start, start + frames[-1].height)
            start += frames[-1].height
    frame = pl.concat(frames, how="vertical_relaxed")
    has_target = _usable(Table(frame=frame, origin=train.origin), target)
    rows = np.flatnonzero(has_target[: train.frame.height])
    parts = {part: numbers[has_target[numbers]] for part, numbers in parts.items()}
    shares = {part: getattr(recipe, part) for part in PARTS[1:] if part not in parts}
    drawn = _drawn(rows, shares, recipe.seed, frame.get_column(target) if stratify and target is not None else None)
    note = "by files (" + ", ".join(f"{part}: {table.origin.source}" for part, table in files.items()) + ")"
    if shares:
        note += f", {' and '.join(shares)} drawn from the training file"
    table = Table(frame=frame, origin=train.origin)
    return table, _finished({**drawn, **parts}, note, int((~has_target).sum()), recipe.seed, None)


def _usable(table: Table, target: str | None) -> np.ndarray:
    """(B,) bool: whether a row has a target; every row does where there is none."""
    if target is None:
        return np.ones(len(table), dtype=bool)
    if target not in table.columns:
        raise not_found("column", target, table.columns, where=table.origin.source)
    return ~is_blank(table.frame.get_column(target)).to_numpy()


def _refuse_too_few(rows: int, height: int, target: str | None, source: str) -> None:
    if rows >= 3:
        return
    missing = f" ({height - rows} of {height} rows have no value in '{target}')" if rows < height else ""
    raise DataError(
        f"expected at least 3 rows{' with a target' if target else ''} to train, choose and test; got {rows}{missing}.",
        where=source,
        remedy="Give more rows, or another target."
        if target
        else "Give more rows; a plain text has more of them with a smaller data.reading.passage.",
    )


def _column(frame: pl.DataFrame, recipe: SplitRecipe) -> pl.Series:
    if recipe.column is None:
        raise RecipeError(
            f"a split by {recipe.by} needs a column.",
            where="data.split.column",
            remedy=f"Name it, e.g. --split {recipe.by}:{frame.columns[0]}.",
        )
    if recipe.column not in frame.columns:
        raise not_found("column", recipe.column, frame.columns, where="data.split.column")
    return frame.get_column(recipe.column)


def _shares(recipe: SplitRecipe) -> dict[str, float]:
    if recipe.test + recipe.valid >= 1:
        raise RecipeError(
            f"test ({recipe.test:g}) and valid ({recipe.valid:g}) leave nothing to train on.",
            where="data.split",
            remedy="Use shares that add up to less than 1.",
        )
    return {"test": recipe.test, "valid": recipe.valid}


def _random(rows: np.ndarray, recipe: SplitRecipe) -> Parts:
    return deal(rows, sizes_of(len(rows), _shares(recipe)), recipe.seed)


def _in_order(rows: np.ndarray, recipe: SplitRecipe) -> Parts:
    """The first rows train, the next ones choose, the last ones test."""
    sizes = sizes_of(len(rows), _shares(recipe))
    train, valid = len(rows) - sizes["valid"] - sizes["test"], len(rows) - sizes["test"]
    return {"train": rows[:train], "valid": rows[train:valid], "test": rows[valid:]}


def _stratified(rows: np.ndarray, target: pl.Series, recipe: SplitRecipe, *, fallback: bool) -> tuple[Parts, str]:
    shares = _shares(recipe)
    try:
        parts, alone = deal_stratified(rows, target, shares, recipe.seed)
    except DataError:
        if not fallback:
            raise
        return _random(rows, recipe), f"at random (too few rows a class to stratify by {target.name})"
    note = f"stratified by {target.name}"
    if alone:
        note += f" ({alone} {'class' if alone == 1 else 'classes'} with a single row went to train)"
    return parts, note


def _group_ids(column: pl.Series) -> np.ndarray:
    """(B,) int64: the same number for the same value; a row without a value is a group of its own."""
    values = texts(column).to_frame("value").with_row_index("row")
    missing = is_blank(column)
    ids = values.select(pl.col("value").rank("dense")).to_series().cast(pl.Int64).fill_null(0).to_numpy().copy()
    holes = missing.to_numpy()
    ids[holes] = ids.max(initial=0) + 1 + np.arange(int(holes.sum()))
    return ids


def _grouped(rows: np.ndarray, groups: np.ndarray, recipe: SplitRecipe) -> tuple[Parts, str]:
    """Whole groups, the largest first, each to the part that lacks most; ties by the seed."""
    names, own, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
    if len(names) < 3:
        raise DataError(
            f"expected at least 3 groups in '{recipe.column}' for three parts; found {len(names)}.",
            where="data.split.column",
            remedy="Group by another column, or split at random.",
        )
    shares = _shares(recipe)
    lacking = np.array([1 - sum(shares.values()), shares["valid"], shares["test"]]) * len(rows)
    order = np.random.default_rng(recipe.seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    part_of, left = np.empty(len(names), dtype=np.int64), len(names)
    filled = np.zeros(3, dtype=bool)
    for group in order:
        # The last groups go to parts that have none yet, so that no part stays empty.
        choice = (
            int(np.argmax(lacking)) if left > (~filled).sum() else int(np.argmax(np.where(filled, -np.inf, lacking)))
        )
        part_of[group] = choice
        filled[choice] = True
        lacking[choice] -= counts[group]
        left -= 1
    parts = {part: rows[part_of[own] == index] for index, part in enumerate(PARTS)}
    return parts, f"whole groups of {recipe.column} ({len(names):,} groups)"


def _by_time(rows: np.ndarray, column: pl.Series, recipe: SplitRecipe) -> tuple[Parts, str]:
    """Oldest rows train, newest test; rows of the same time stay together; rows without a time train."""
    times = order_of(column)
    if times is None:
        raise DataError(
            f"expected dates, times or numbers to order the rows by; column '{column.name}' has {column.dtype}.",
            where="data.split.column",
            remedy="Name another column, or split at random.",
        )
    known = rows[~np.isnan(times[rows])]
    order = known[np.argsort(times[known], kind="stable")]
    sizes = sizes_of(len(order), _shares(recipe))
    borders = np.flatnonzero(np.diff(times[order]) > 0) + 1  # where the time changes
    if len(borders) < 2:
        raise DataError(
            f"expected at least 3 different times in '{column.name}'; found {len(borders) + 1}.",
            remedy="Order by another column, or split at random.",
        )
    test = _nearest_border(borders[1:], len(order) - sizes["test"])
    valid = _nearest_border(borders[borders < test], min(test, len(order) - sizes["test"]) - sizes["valid"])
    undated = np.setdiff1d(rows, known)
    parts = {"train": np.concatenate([order[:valid], undated]), "valid": order[valid:test], "test": order[test:]}
    note = f"in the order of {column.name}, the newest rows last"
    return parts, note + (f" ({len(undated)} rows without a time went to train)" if len(undated) else "")


def _nearest_border(borders: np.ndarray, wanted: int) -> int:
    return int(borders[np.argmin(np.abs(borders - wanted))])


def _drawn(rows: np.ndarray, shares: Mapping[str, float], seed: int, classes: pl.Series | None) -> Parts:
    """Parts of these rows, by classes where there are some and each has rows enough."""
    if classes is not None:
        try:
            return deal_stratified(rows, classes, shares, seed)[0]
        except DataError:
            pass
    return deal(rows, sizes_of(len(rows), shares), seed)


def _by_column(
    rows: np.ndarray, column: pl.Series, recipe: SplitRecipe, classes: pl.Series | None
) -> tuple[Parts, str]:
    part_of = {word: part for part, words in _WORDS.items() for word in words}
    said = texts(column).str.strip_chars().str.to_lowercase().gather(rows)
    unknown = said.filter(~said.is_in(list(part_of)) | said.is_null())
    if len(unknown):
        shown = ", ".join(repr(value) for value in unknown.unique(maintain_order=True).to_list()[:5])
        raise DataError(
            f"expected train, valid or test in every row of '{column.name}'; {len(unknown):,} rows hold {shown}.",
            where="data.split.column",
            remedy="Name a column that says the part of each row.",
        )
    names = said.replace_strict(part_of).to_numpy()
    parts = {part: rows[names == part] for part in PARTS}
    note = f"as column {column.name} says"
    for part in ("valid", "test"):
        if not len(parts[part]):
            if not len(parts["train"]):
                break
            # A share of the whole table, drawn from the training rows.
            share = {part: min(0.5, getattr(recipe, part) * len(rows) / len(parts["train"]))}
            drawn = _drawn(parts["train"], share, recipe.seed, classes)
            parts, note = {**parts, **drawn}, note + f", {part} drawn from train"
    return parts, note


def _same_columns(table: Table, train: Table) -> pl.DataFrame:
    missing = [column for column in train.columns if column not in table.columns]
    if missing:
        raise DataError(
            f"expected the columns of the training file; missing: {', '.join(missing)}.",
            where=table.origin.source,
            remedy="Add or rename them.",
        )
    try:
        return table.frame.select(train.columns).cast(dict(train.frame.schema))  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"values do not fit the types of the training file: {str(error).splitlines()[0]}.",
            where=table.origin.source,
            remedy="Read both files the same way, or mend the values.",
        ) from None


def _finished(parts: Parts, note: str, dropped: int, seed: int, groups: np.ndarray | None) -> Split:
    empty = [part for part in PARTS if not len(parts[part])]
    if empty:
        raise DataError(
            f"no row is left for {' and '.join(empty)} when the rows are split {note}.",
            where="data.split",
            remedy="Give more rows, other shares, or another way to split.",
        )
    drawn: dict[str, Any] = {part: np.sort(parts[part]).astype(np.int64) for part in PARTS}
    sizes = ", ".join(f"{len(drawn[part]):,} {part}" for part in PARTS)
    without = f"; {dropped:,} {'row' if dropped == 1 else 'rows'} without a target left out" if dropped else ""
    return Split(**drawn, how=f"{note}: {sizes}, seed {seed}{without}", groups=groups)
