"""Checks: what is wrong with data and split, found before anything is fitted, with evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from deepwright.core.table import Split, Table
from deepwright.kinds._shared import count, is_blank, shorten, texts


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to know before the scores are believed.

    id:       "missing_target", "duplicates_across_splits", "picture_twins:COLUMN", "target_leakage:COLUMN" (of a pair
              "target_leakage:A+B"), "groups_straddle:COLUMN", "time_runs_backwards:COLUMN", "rare_class",
              "unseen_class", "class_imbalance", "few_rows", "small_test"; what a recipe lists under `allow` is not
              reported.
    severity: "info" worth knowing, "warn" scores may mislead, "error" scores will mislead.
    message:  with the evidence in numbers.
    """

    id: str
    severity: Literal["info", "warn", "error"]
    message: str
    numbers: dict[str, Any] = field(default_factory=dict)
    remedy: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As in run.json."""
        return asdict(self)


_RANK = {"error": 0, "warn": 1, "info": 2}


def check(
    table: Table,
    split: Split,
    kinds: Mapping[str, str],
    target: str | None,
    task: str,
    *,
    inputs: Sequence[str] | None = None,
) -> list[Check]:
    """Everything that is found, the worst first. What gives the target away is looked for in training rows only.

    inputs: the columns that models will see (None: all but the target and identifiers).
    target: None: only repeated rows are looked for.
    task:   name of the task; classes are checked for "classification" only.
    """
    from deepwright.prepare._giveaway import giveaways
    from deepwright.prepare._overlap import backwards, duplicates, straddling
    from deepwright.prepare._picture_overlap import picture_twins

    frame = table.frame
    seen = (
        [name for name in frame.columns if name != target and kinds[name] != "id"] if inputs is None else list(inputs)
    )
    if target is None:
        repeated = [*duplicates(frame, split, kinds, seen), *picture_twins(frame, split, kinds, seen, None)]
        return sorted(repeated, key=lambda one: _RANK[one.severity])
    found = [
        *_missing_target(frame.get_column(target)),
        *giveaways(frame[split.train], kinds, seen, target, task),
        *duplicates(frame, split, kinds, seen),
        *picture_twins(frame, split, kinds, seen, target),
        *straddling(frame, split, kinds, target),
        *backwards(frame, split, kinds, target),
        *(_classes(texts(frame.get_column(target)), split, target) if task == "classification" else ()),
        *_sizes(split, len(seen), task),
    ]
    return sorted(found, key=lambda one: _RANK[one.severity])


def _missing_target(column: pl.Series) -> Iterator[Check]:
    missing, rows = int(is_blank(column).sum()), len(column)
    if missing:
        yield Check(
            id="missing_target",
            severity="warn" if missing > 0.2 * rows else "info",
            message=f"{missing:,} of {count(rows, 'row')} have no value in '{column.name}' and are left out",
            numbers={"rows": missing, "share": missing / rows},
            remedy="If they can be labelled, label them; they can be predicted in any case.",
        )


def _classes(column: pl.Series, split: Split, target: str) -> Iterator[Check]:
    """Classes of a single row, classes that training lacks, classes of very different size."""
    rows = np.concatenate([split.train, split.valid, split.test])
    counts = column.gather(rows).alias("class").value_counts(name="rows").sort("rows", "class")
    alone = counts.filter(pl.col("rows") == 1)["class"].to_list()
    if alone:
        what = f"the class {shorten(alone)} has" if len(alone) == 1 else f"{len(alone)} classes ({shorten(alone)}) have"
        yield Check(
            id="rare_class",
            severity="warn",
            message=f"{what} a single row in '{target}': nobody can learn it and test it too",
            numbers={"classes": len(alone)},
            remedy="Merge it with another class, leave the row out, or collect more.",
        )
    known = column.gather(split.train)
    for part in ("valid", "test"):
        numbers = getattr(split, part)
        strange = column.gather(numbers)
        strange = strange.filter(~strange.is_in(known.unique().to_list()))
        if len(strange):
            names = sorted(set(strange.to_list()))
            yield Check(
                id="unseen_class",
                severity="warn",
                message=f"{count(len(strange), part + ' row')} of classes that training never shows: {shorten(names)}",
                numbers={"part": part, "rows": len(strange), "share": len(strange) / len(numbers)},
                remedy="They count as wrong. Split so that training has every class (data.split.by: stratified).",
            )
    yield from _imbalance(counts)


def _imbalance(counts: pl.DataFrame) -> Iterator[Check]:
    if counts.height < 2:
        return
    smallest, largest, total = counts["rows"][0], counts["rows"][-1], int(counts["rows"].sum())
    if smallest >= 0.25 * largest:
        return
    yield Check(
        id="class_imbalance",
        severity="info",
        message=f"classes differ in size: {counts['class'][-1]} has {largest / total:.1%} of the rows, "
        f"{counts['class'][0]} {smallest / total:.1%}; always saying the first is right that often",
        numbers={"largest": largest, "smallest": smallest, "majority": largest / total},
        remedy="Judge by a balanced metric; task.options.class_weights: balanced makes rare classes count more.",
    )


def _sizes(split: Split, inputs: int, task: str) -> Iterator[Check]:
    train, test = len(split.train), len(split.test)
    if train < 50 or train < 5 * inputs:
        yield Check(
            id="few_rows",
            severity="warn" if train < 30 or train < inputs else "info",
            message=f"{count(train, 'training row')} for {count(inputs, 'input column')}: easily learned by heart",
            numbers={"rows": train, "inputs": inputs},
            remedy="Collect more rows, use fewer columns (data.use), or trust the simplest model.",
        )
    if test < 100:
        if task == "classification":
            width = f"an accuracy is known to about ± {98 / np.sqrt(test):.0f} percentage points"
        else:
            width = f"an error is known to about ± {139 / np.sqrt(test):.0f} %"
        yield Check(
            id="small_test",
            severity="warn" if test < 30 else "info",
            message=f"the test part has {count(test, 'row')}: {width}",
            numbers={"rows": test},
            remedy="Collect more rows, or read differences smaller than the intervals as none.",
        )
