"""Picture facts: sizes, formats, what cannot be read, and which pictures are the same or nearly so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.errors import DataError
from deepwright.kinds._examined import Examined, examine, near
from deepwright.kinds._picture_files import PictureFiles
from deepwright.kinds._pictures import Nature
from deepwright.kinds._shared import count, is_blank, texts

_WEIGHED = 20
"""Pictures whose bytes are counted to guess the others'."""
_FEWEST = 50
_SHOWN = 3


def spread(column: pl.Series, most: int, most_bytes: int) -> np.ndarray:
    """Rows of pictures, spread evenly, that are looked at: at most `most`, and about `most_bytes` of their bytes."""
    rows = np.flatnonzero(~is_blank(column).to_numpy())
    if not len(rows):
        return rows
    wanted = min(most, max(_FEWEST, int(most_bytes / max(1.0, _mean_bytes(column.gather(_evenly(rows, _WEIGHED)))))))
    return _evenly(rows, wanted)


def _evenly(rows: np.ndarray, wanted: int) -> np.ndarray:
    return rows if len(rows) <= wanted else rows[np.linspace(0, len(rows) - 1, wanted).round().astype(np.int64)]


def _mean_bytes(column: pl.Series) -> float:
    sizes = []
    with PictureFiles() as files:
        for value in column:
            try:
                sizes.append(len(files.content(value)[0]))
            except DataError:
                continue
    return float(np.mean(sizes)) if sizes else 0.0


def picture_facts(
    column: pl.Series, labels: pl.Series | None, *, most: int, most_bytes: int
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What a column of pictures holds, JSON-able, and what is suspicious about it.

    labels: (B,) the class of each row, where there are classes: the same picture in two of them contradicts itself.
    most, most_bytes: as `spread` says.
    """
    rows = spread(column, most, most_bytes)
    seen = examine(column.gather(rows))
    natures = [one for one in seen.natures if one is not None]
    fact: dict[str, Any] = {"looked_at": len(rows), "unreadable": len(rows) - len(natures)}
    if natures:
        fact |= _sizes(natures)
        fact["formats"] = dict(Counter(one.format for one in natures).most_common())
        fact["modes"] = dict(Counter(one.mode for one in natures).most_common())
    named = _Names(column, rows, None if labels is None else texts(labels))
    twins = _twins(seen, named)
    fact |= {"copies": len(twins.copies), "near_copies": len(twins.near), "contradictions": len(twins.contradictions)}
    found = [*_unreadable(seen, named), *twins.told(named, len(rows))]
    return fact, [{"column": column.name, "what": what, "evidence": evidence} for what, evidence in found]


def _sizes(natures: list[Nature]) -> dict[str, Any]:
    """Height and width of the smallest, the middle and the largest by area, and how many different sizes there are."""
    ordered = sorted({(one.height * one.width, one.height, one.width) for one in natures})
    areas = sorted((one.height * one.width, one.height, one.width) for one in natures)
    chosen = {"smallest": areas[0], "median": areas[len(areas) // 2], "largest": areas[-1]}
    return {name: list(size[1:]) for name, size in chosen.items()} | {"sizes": len(ordered)}


class _Names:
    """What pictures are called for people, and their classes."""

    def __init__(self, column: pl.Series, rows: np.ndarray, labels: pl.Series | None) -> None:
        self._values = column.gather(rows)
        self._rows = rows
        self._labels = None if labels is None else labels.gather(rows)

    def label(self, place: int) -> str | None:
        return None if self._labels is None else self._labels[place]

    def told(self, place: int) -> str:
        """ "cats/1.png", or "row 12" of bytes."""
        value = self._values[place]
        return "/".join(PurePath(value).parts[-2:]) if isinstance(value, str) else f"row {self._rows[place] + 1:,}"

    def pair(self, one: int, other: int, sign: str) -> str:
        return f"{self.told(one)} {sign} {self.told(other)}"


def _unreadable(seen: Examined, named: _Names) -> list[tuple[str, str]]:
    bad = [place for place, reason in enumerate(seen.reasons) if reason]
    if not bad:
        return []
    shown = "; ".join(f"{named.told(place)} ({seen.reasons[place]})" for place in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    looked = f"{len(bad):,} of {count(len(seen.reasons), 'picture')} looked at"
    return [("unreadable pictures", f"{looked}, treated as missing: {shown}{more}")]


@dataclass(frozen=True)
class _Twins:
    """Copies of a file, near copies (each as later picture → earlier one), and pairs of either whose classes differ."""

    copies: dict[int, int]
    near: dict[int, int]
    contradictions: list[tuple[int, int]]

    def told(self, named: _Names, looked_at: int) -> list[tuple[str, str]]:
        said = []
        for what, twins, sign, how in (
            ("copies", self.copies, "=", "repeat another"),
            ("near-duplicates", self.near, "≈", "are like another"),
        ):
            if twins:
                shown = "; ".join(named.pair(one, other, sign) for other, one in list(twins.items())[:_SHOWN])
                said.append((what, f"{len(twins):,} of {looked_at:,} looked at {how}: {shown}"))
        if self.contradictions:
            pairs = self.contradictions[:_SHOWN]
            shown = "; ".join(f"{named.pair(i, j, '≈')} ({named.label(i)}, {named.label(j)})" for i, j in pairs)
            said.append(("one picture, two classes", f"{count(len(self.contradictions), 'pair')}: {shown}"))
        return said


def _twins(seen: Examined, named: _Names) -> _Twins:
    copies: dict[int, int] = {}
    alike: dict[int, int] = {}
    contradictions = []
    for one, other in near(seen, seen):
        same = seen.digests[one] == seen.digests[other]
        (copies if same else alike).setdefault(other, one)
        if named.label(one) != named.label(other):
            contradictions.append((one, other))
    return _Twins(copies, {other: one for other, one in alike.items() if other not in copies}, contradictions)
