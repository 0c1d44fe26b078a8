"""Class labels as texts: how values of a target column become names, in which order they stand, and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

_YES = frozenset({"1", "yes", "y", "true", "t", "positive", "pos", "spam", "churned", "fraud", "default", "bad"})


def labels_of(target: pl.Series) -> pl.Series:
    """(B,) texts, null kept: whole floats lose their ".0", so that 1.0 in one file and 1 in another are one class."""
    if target.dtype.is_float():
        known = target.fill_nan(None)
        whole = ((known % 1 == 0) & (known.abs() < 2.0**53)).fill_null(False)
        integers = known.set(~whole, None).cast(pl.Int64).cast(pl.String)
        return integers.zip_with(whole, known.cast(pl.String)).alias(target.name)
    return target.cast(pl.String)


def label_codes(target: pl.Series, classes: Sequence[str], unknown: int) -> np.ndarray:
    """(B,) int64 position of each label in `classes`; `unknown` for others and for missing ones."""
    codes = labels_of(target).replace_strict(
        list(classes), list(range(len(classes))), default=unknown, return_dtype=pl.Int64
    )
    return codes.fill_null(unknown).to_numpy().astype(np.int64)


def in_order(counts: Mapping[str, int], positive: str | None = None) -> tuple[str, ...]:
    """Labels by number where all are numbers, else by alphabet; of two, the positive one last.

    Positive is the one named; else, where labels are numbers, the larger; else the one that reads as yes; else the
    rarer; else the later in the alphabet.
    """
    numbers = {label: _number(label) for label in counts}
    numeric = all(number is not None for number in numbers.values())
    ordered = sorted(counts, key=lambda label: (numbers[label], label)) if numeric else sorted(counts)
    if len(ordered) != 2:
        return tuple(ordered)
    yes = [label for label in ordered if label.lower() in _YES]
    if positive is None and not numeric:
        if len(yes) == 1:
            positive = yes[0]
        elif counts[ordered[0]] < counts[ordered[1]]:
            positive = ordered[0]
    last = positive or ordered[1]
    return *(label for label in ordered if label != last), last


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None
