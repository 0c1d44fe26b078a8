"""What training and test share and must not: the same rows, the same groups, the same time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from deepwright.core.table import Split
from deepwright.kinds._shared import count, is_blank, says_identifier, texts
from deepwright.prepare._order import order_of
from deepwright.prepare.checks import Check

_DUPLICATES = 0.005
"""Share of test rows with a twin in training from which it is said."""
_SOMEBODY = re.compile(
    r"^(patient|subject|participant|user|customer|client|speaker|author|household|session|student|employee)s?"
    r"([_\s-]?(id|no|nr|number|name|code))?$",
    re.IGNORECASE,
)
_STRADDLE = 0.05
"""Share of test rows whose group is in training too from which it is said."""


def duplicates(frame: pl.DataFrame, split: Split, kinds: Mapping[str, str], inputs: Sequence[str]) -> Iterator[Check]:
    """Test rows whose inputs are those of a training row (of free texts capitals and outer blanks apart).

    Where columns hold few values, equal rows meet by chance; then it is only mentioned.
    """
    columns = [_plain(frame.get_column(name), kinds[name]) for name in inputs if _hashable(frame.schema[name])]
    if not columns:
        return
    hashes = pl.DataFrame(columns).hash_rows(seed=0).to_numpy()
    order = np.argsort(hashes[split.train], kind="stable")
    known = hashes[split.train][order]
    place = np.minimum(np.searchsorted(known, hashes[split.test]), len(known) - 1)
    twin = known[place] == hashes[split.test]
    rows, share = int(twin.sum()), float(twin.mean())
    if rows < 2 or share <= _DUPLICATES:
        return
    # Free texts of any length and pictures are not equal by chance; without one, few values may explain it.
    chance = 0.0 if any(_prose(column) for column in columns) else _chance_of_twins(pl.DataFrame(columns)[split.train])
    examples = [
        f"row {test + 1} equals row {train + 1}"
        for test, train in zip(split.test[twin][:3], split.train[order][place[twin]][:3], strict=True)
    ]
    by_chance = chance > share / 4
    yield Check(
        id="duplicates_across_splits",
        severity="info" if by_chance else "warn",
        message=f"{count(rows, 'test row')} ({share:.1%}) have the same inputs as a training row "
        f"({'; '.join(examples)}){'; with so few different values they may meet by chance' * by_chance}",
        numbers={"rows": rows, "share": share, "share_by_chance": chance, "examples": examples},
        remedy="Keep one of each (data.distinct=true), or keep them together: --split group:COLUMN.",
    )


def straddling(frame: pl.DataFrame, split: Split, kinds: Mapping[str, str], target: str) -> Iterator[Check]:
    """Columns that name people or things which have rows both in training and in test."""
    for name in frame.columns:
        somebody = says_identifier(name) or _SOMEBODY.search(name)
        if name == target or not somebody or kinds[name] not in ("id", "category", "number", "text"):
            continue
        column = frame.get_column(name)
        if column.dtype.is_float() or not _hashable(column.dtype):
            continue
        values = texts(column).set(is_blank(column), None)
        distinct = values.n_unique() - int(values.has_nulls())
        known = len(values) - values.null_count()
        if distinct < 20 or known < 1.5 * distinct:
            continue
        test = values.gather(split.test)
        shared = test.is_in(values.gather(split.train).drop_nulls().unique().implode()).fill_null(False)
        share = float(shared.mean() or 0.0)  # type: ignore[arg-type]
        if share > _STRADDLE:
            example = test.filter(shared)[0]
            yield Check(
                id=f"groups_straddle:{name}",
                severity="warn",
                message=f"{share:.0%} of the test rows belong to a '{name}' also in training ({example}, …); "
                f"{distinct:,} of them have {known / distinct:.1f} rows each",
                numbers={"share": share, "groups": distinct, "rows_per_group": known / distinct},
                remedy=f"If predictions are for new ones, split by them: --split group:{name}.",
            )


def backwards(frame: pl.DataFrame, split: Split, kinds: Mapping[str, str], target: str) -> Iterator[Check]:
    """A file in the order of a time column, split so that training has seen what came after test rows."""
    for name in frame.columns:
        if name == target or kinds[name] != "time":
            continue
        times = order_of(frame.get_column(name))
        if times is None:
            continue
        known = times[~np.isnan(times)]
        steps = np.diff(known)
        if len(np.unique(known)) < 20 or max((steps >= 0).mean(), (steps <= 0).mean()) < 0.99:
            continue
        train, test = times[split.train], times[split.test]
        later = float((np.nanmax(train) > test).mean())
        if later > 0.5 and np.nanmedian(train) > np.nanmin(test):
            yield Check(
                id=f"time_runs_backwards:{name}",
                severity="warn",
                message=f"the rows stand in the order of '{name}', but {later:.0%} of the test rows are older than "
                "the newest training row: the model sees the future",
                numbers={"share": later},
                remedy=f"If predictions are for the future, split by time: --split time:{name}.",
            )
            return


def _plain(column: pl.Series, kind: str) -> pl.Series:
    if kind == "text" and column.dtype == pl.String:
        return column.str.strip_chars().str.to_lowercase()
    return column


def _prose(column: pl.Series) -> bool:
    """Texts of some length, or pictures."""
    if column.dtype != pl.String:
        return column.dtype == pl.Binary
    return float(column.str.len_chars().mean() or 0.0) > 25  # type: ignore[arg-type]


def _hashable(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() and dtype != pl.Object


def _chance_of_twins(train: pl.DataFrame) -> float:
    """Share of rows that would find a twin among the training rows if columns were independent of each other."""
    same = 1.0
    for column in train:
        counts = column.value_counts()[:, 1].cast(pl.Float64).to_numpy()
        same *= float((counts**2).sum() / counts.sum() ** 2)
    return float(-np.expm1(train.height * np.log1p(-min(same, 1 - 1e-12))))
