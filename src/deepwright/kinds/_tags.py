"""Tags in a column: lists as they are, or texts whose form is found once and kept."""

from __future__ import annotations

import polars as pl

from deepwright.kinds._shared import is_blank, texts

SEPARATORS = (";", "|", ",")
"""Signs between tags that are recognised."""
BRACKETS = "[]"
"""The form of a list written as text: "['a', 'b']" or '["a", "b"]'."""

_QUOTED = r"""'([^']*)'|"([^"]*)"|([^,\[\]\s'"][^,\[\]'"]*)"""


def tag_form(column: pl.Series) -> str | None:
    """How texts hold their tags: BRACKETS, the separator that most rows hold, or None where tags stand alone."""
    if column.dtype != pl.String:
        return None
    known = column.filter(~is_blank(column)).str.strip_chars()
    if len(known) and known.str.contains(r"^\[.*\]$").mean() > 0.9:  # type: ignore[operator]
        return BRACKETS
    rows = {sign: int(known.str.contains(sign, literal=True).sum()) for sign in SEPARATORS}
    best = max(SEPARATORS, key=lambda sign: rows[sign])
    return best if rows[best] else None


def parse_tags(column: pl.Series, form: str | None = None) -> pl.Series:
    """(B,) lists of tags, trimmed, without empty ones and repeats, in order; null where missing.

    Takes lists, and texts like "a;b", "a|b", "a, b" and "['a', 'b']". `form` is what `tag_form` found in the
    training rows; None looks for it in these rows.
    """
    name = column.name
    if isinstance(column.dtype, pl.List | pl.Array):
        lists = column.cast(pl.List(pl.String))
    else:
        form = form or tag_form(column)
        written = texts(column)
        written = written.set(is_blank(written), None)
        lists = (
            _unbracketed(written)
            if form == BRACKETS
            else written.str.split(form)
            if form
            else written.reshape((-1, 1)).arr.to_list()
        )
    each = pl.element().str.strip_chars()
    trimmed = lists.to_frame("tags").select(
        pl.col("tags").list.eval(each.filter(each.str.len_chars() > 0).unique(maintain_order=True))
    )
    return trimmed.to_series().alias(name)


def _unbracketed(written: pl.Series) -> pl.Series:
    items = written.str.extract_all(_QUOTED)
    return items.to_frame("tags").select(pl.col("tags").list.eval(pl.element().str.strip_chars(" \t'\""))).to_series()
