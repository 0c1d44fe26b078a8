"""Infer: what each column of a table is, and why."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from deepwright.core.errors import not_found
from deepwright.core.find import find, names
from deepwright.core.kind import Guess, Kind

_ROWS = 20_000
"""Rows that kinds look at; more are thinned out evenly."""


@dataclass(frozen=True, kw_only=True)
class ColumnView:
    """A column as it was understood.

    kind:         name of a kind.
    why:          in words for people: "3 distinct texts in 344 rows", or "said so" when it was overridden.
    alternatives: other kinds that would do, the likelier first, each with its reason.
    """

    kind: str
    why: str
    alternatives: tuple[tuple[str, str], ...] = ()


def infer_kinds(frame: pl.DataFrame, overrides: Mapping[str, str] | None = None) -> dict[str, ColumnView]:
    """Column → what it is; `overrides` (column → kind, also "package.module:Class") win.

    Looks at 20,000 rows spread evenly. Raises NotFoundError naming the nearest column or kind.
    """
    overrides = dict(overrides or {})
    for column, kind in overrides.items():
        if column not in frame.columns:
            raise not_found("column", column, frame.columns, where=f"--kind {column}={kind}")
        if ":" not in kind and kind not in names("kind"):
            raise not_found("kind", kind, names("kind"), where=f"--kind {column}={kind}")
    sample = frame.gather_every(-(-frame.height // _ROWS)) if frame.height > _ROWS else frame
    kinds = {name: find("kind", name)() for name in names("kind")}

    def view(column: str) -> ColumnView:
        return _view(sample.get_column(column), kinds, overrides.get(column))

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:  # the work is in polars and numpy
        return dict(zip(frame.columns, pool.map(view, frame.columns), strict=True))


def _view(column: pl.Series, kinds: Mapping[str, Kind], override: str | None) -> ColumnView:
    guesses: list[tuple[str, Guess]] = [(name, kind.recognise(column)) for name, kind in kinds.items()]
    guesses.sort(key=lambda pair: -pair[1].confidence)
    if override is not None:
        return ColumnView(kind=override, why="said so", alternatives=((guesses[0][0], guesses[0][1].reason),))
    (best, guess), others = guesses[0], guesses[1:]
    likely = tuple((name, other.reason) for name, other in others if other.confidence >= 0.1)
    return ColumnView(kind=best, why=guess.reason, alternatives=likely)
