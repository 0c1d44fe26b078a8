"""Tags: any number of labels in one cell, as a list or as a text such as "a;b"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._shared import count, is_blank, known_values, read_state, shorten
from deepwright.kinds._tags import BRACKETS, parse_tags, tag_form

_MOST = 200
"""Tags with a field of their own."""
_LEAST_SHARE = 0.2
"""Share of the texts that must hold several tags."""


class Tags(Kind):
    """Lists of labels; texts with ";", "|" or "," between them; lists written as texts ("['a', 'b']").

    One number field a tag, 1 where the row has it: the 200 most frequent tags that training showed often enough
    (one row in 50, at most 5 rows). Other tags are ignored; missing counts as no tag. The same for classical models.
    """

    name = "tags"

    @classmethod
    def example(cls) -> pl.Series:
        cells = ["drama;war", "comedy", "drama", "comedy;romance", "war;history", "drama;romance", None, "history"]
        return pl.Series("genres", cells * 3)

    def recognise(self, column: pl.Series) -> Guess:
        dtype = column.dtype
        if isinstance(dtype, pl.List) and (dtype.inner == pl.String or dtype.inner.is_integer()):
            return Guess(confidence=1.0, reason=f"lists of {'texts' if dtype.inner == pl.String else 'whole numbers'}")
        if dtype != pl.String:
            return Guess(confidence=0.0, reason=f"values of type {dtype}")
        form = tag_form(column.head(2000))
        if form is None:
            return Guess(confidence=0.0, reason="no separator between tags")
        return _guess(column, form)

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        if not len(column):
            raise DataError("a tags column needs at least one training row.", where=f"column '{column.name}'")
        form = tag_form(column)
        least = int(min(5, max(1, len(column) // 50)))
        flat = parse_tags(column, form).explode().drop_nulls().alias("tag")
        counts = flat.to_frame().group_by("tag").len("count").sort("count", "tag", descending=[True, False])
        kept = counts.filter(pl.col("count") >= least)["tag"].to_list()[:_MOST]
        state = TagsState(
            column=column.name,
            form=form,
            tags=tuple(kept),
            rare=tuple(counts["tag"].to_list()[len(kept) :]),
            missing=int(column.null_count()) if column.dtype != pl.String else int(is_blank(column).sum()),
        )
        return TagsEncoder(state)

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return TagsEncoder(read_state(TagsState, state, self.name))


class TagsState(Config):
    """What a tags column learned from the training rows."""

    column: str
    form: str | None
    """Separator, "[]" for lists written as texts, None for lists."""
    tags: tuple[str, ...]
    """With a field of their own, the most frequent first."""
    rare: tuple[str, ...]
    """Seen in training, but without a field."""
    missing: int


class TagsEncoder(Encoder):
    """A fitted tags column."""

    kind = "tags"

    def __init__(self, state: TagsState) -> None:
        self.column = state.column
        self._state = state
        self._known = known_values(state.tags, state.column)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(Field(form="number", name=f"{self.column}={tag}") for tag in self._state.tags)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        hot = self._multi_hot(column)
        return {field.name: hot[:, index] for index, field in enumerate(self.fields)}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        return self._multi_hot(column).astype(np.float64), [field.name for field in self.fields]

    def _multi_hot(self, column: pl.Series) -> np.ndarray:
        """(B, K) float32."""
        hot = np.zeros((len(column), len(self._state.tags)), dtype=np.float32)
        codes = self._flat(column).select("row", pl.col("tag").cast(self._known, strict=False).to_physical())
        codes = codes.drop_nulls()
        hot[codes["row"].to_numpy(), codes["tag"].cast(pl.Int64).to_numpy()] = 1.0
        return hot

    def _flat(self, column: pl.Series) -> pl.DataFrame:
        """Row and tag of every tag."""
        lists = parse_tags(column, self._state.form)
        return pl.DataFrame({"tag": lists}).with_row_index("row").explode("tag").drop_nulls()

    def unseen(self, column: pl.Series) -> pl.Series:
        """Rows with a tag that training never showed."""
        flat = self._flat(column)
        strange = flat.filter(~flat["tag"].is_in([*self._state.tags, *self._state.rare]))["row"].to_numpy()
        flags = np.zeros(len(column), dtype=bool)
        flags[strange] = True
        return pl.Series(column.name, flags)

    def describe(self) -> str:
        known = self._state
        parts = [f"{count(len(known.tags), 'tag')}: {shorten(list(known.tags))}"]
        if known.rare:
            parts.append(f"{len(known.rare):,} rare ones left out")
        if known.form:
            parts.append("lists written as texts" if known.form == BRACKETS else f"separated by '{known.form}'")
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        return ", ".join(parts)

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")


def _guess(column: pl.Series, form: str) -> Guess:
    """Texts are tags when many hold several and the pieces are short and repeat; commas need more, prose has them."""
    known = column.filter(~is_blank(column))
    pieces = parse_tags(known, form)
    several = float((pieces.list.len() > 1).mean() or 0.0)  # type: ignore[arg-type]
    flat = pieces.explode().drop_nulls()
    distinct, total = flat.n_unique(), len(flat)
    words = float((flat.str.count_matches(r"\s+") + 1).mean() or 1.0)  # type: ignore[arg-type]
    reason = f"{several:.0%} of the texts hold several of {distinct:,} tags, " + (
        "written as lists" if form == BRACKETS else f"separated by '{form}'"
    )
    plausible = several >= _LEAST_SHARE and words <= 3 and distinct <= 1000 and distinct < known.n_unique() * 1.5 + 2
    repeats = total / max(distinct, 1)
    if not plausible or repeats < (5 if form == "," else 2):
        return Guess(confidence=0.1 if several >= _LEAST_SHARE and form != "," else 0.0, reason=reason)
    return Guess(confidence=0.93 if form != "," else 0.86, reason=reason)
