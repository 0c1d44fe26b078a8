"""Tags in a target column: lists as they are, or texts with a separator that is found once and kept."""

from __future__ import annotations

import polars as pl

SEPARATORS = ("|", ";", ",")


def separator_of(column: pl.Series) -> str | None:
    """The sign that most of the texts hold between tags; None for lists, or where single tags stand alone."""
    if isinstance(column.dtype, pl.List):
        return None
    texts = column.cast(pl.String).drop_nulls()
    counts = {sign: int(texts.str.contains(sign, literal=True).sum()) for sign in SEPARATORS}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else None


def split_tags(column: pl.Series, separator: str | None) -> list[list[str]]:
    """One list of distinct tags a row, trimmed, in order; [] for a missing value or an empty text."""
    if isinstance(column.dtype, pl.List):
        rows = column.cast(pl.List(pl.String)).to_list()
    else:
        rows = [None if text is None else _pieces(text, separator) for text in column.cast(pl.String).to_list()]
    return [list(dict.fromkeys(tag.strip() for tag in row or () if tag and tag.strip())) for row in rows]


def _pieces(text: str, separator: str | None) -> list[str]:
    return text.split(separator) if separator else [text]
