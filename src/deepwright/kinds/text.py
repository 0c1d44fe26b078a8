"""Texts: words or characters; TF-IDF for classical models, tokens for networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field as Bounds

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._dates import detect_format
from deepwright.kinds._shared import count, counted, floats, is_blank, known_values, read_state, shorten, texts
from deepwright.kinds._words import ngrams, padded, token_lists

if TYPE_CHECKING:
    import scipy.sparse

_ROWS = 100_000
"""Training rows that vocabularies are learned from; of more, so many are drawn with the seed."""
_MOST_TERMS = 20_000
_MOST_TOKENS = 20_000
_LONGEST = 256
"""Tokens of a text that networks read at most."""
_LONGEST_NGRAM = {"word": 2, "character": 3}


class Text(Kind):
    """Free text. Long texts are cut into words; short ones (names, codes: fewer than two words each) into characters.

    For networks: token ids in lower case, 0 padding, 1 a token that training rows did not show at least twice (once
    below 200 rows), then the 20,000 most frequent; as long as 99 of 100 training texts, at most 256.
    For classical models: TF-IDF exactly as scikit-learn's TfidfVectorizer with its defaults and smoothing, over one
    and two words (1 to 3 characters) in at least two training rows (one below 200), the 20,000 most frequent.
    Vocabularies come from at most 100,000 training rows. A missing text is an empty one.
    """

    name = "text"

    @classmethod
    def example(cls) -> pl.Series:
        subjects, verbs = ("the river", "an old bridge", "our boat", "a grey heron"), ("crosses", "watches", "leaves")
        texts = [f"{s.capitalize()} {v} {o}." for s in subjects for v in verbs for o in ("the town", "the mill")]
        return pl.Series("note", [*texts, None])

    def recognise(self, column: pl.Series) -> Guess:
        if column.dtype != pl.String:
            return Guess(confidence=0.0, reason=f"values of type {column.dtype}")
        known = column.filter(~is_blank(column))
        rows = len(known)
        if not rows:
            return Guess(confidence=0.2, reason="no value at all")
        head = known.head(100)
        if np.isfinite(floats(head)).mean() > 0.9 or detect_format(head) is not None:
            return Guess(confidence=0.0, reason="texts that are numbers or dates")
        counts = counted(known)
        distinct = counts.height
        gaps = counts["value"].str.strip_chars().str.count_matches(r"\s+")
        words = (rows + int((gaps * counts["count"].cast(pl.Int64)).sum())) / rows
        share = distinct / rows
        reason = f"{words:.1f} words on average, {distinct:,} distinct in {count(rows, 'row')}"
        return Guess(confidence=_sure(words, share, distinct), reason=reason)

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        if not len(column):
            raise DataError("a text column needs at least one training row.", where=f"column '{column.name}'")
        rows = texts(column)
        rows = rows.sample(_ROWS, seed=seed) if len(rows) > _ROWS else rows
        words = float((rows.drop_nulls().str.strip_chars().str.count_matches(r"\s+") + 1).mean() or 1.0)  # type: ignore[arg-type]
        unit: Literal["word", "character"] = "word" if words >= 2 else "character"
        least = 2 if len(rows) >= 200 else 1
        terms, idf = _terms(rows, unit, least)
        tokens = token_lists(rows, characters=unit == "character")
        counts = tokens.filter(tokens.list.len() > 0).explode().alias("token").to_frame().group_by("token").len("count")
        common = counts.filter(pl.col("count") >= least).sort("count", "token", descending=[True, False])
        state = TextState(
            column=column.name,
            unit=unit,
            tokens=tuple(common["token"].to_list()[:_MOST_TOKENS]),
            terms=terms,
            length=int(min(_LONGEST, max(1, tokens.list.len().quantile(0.99, "higher") or 1))),
            words=words,
            rows=len(column),
            missing=int(is_blank(column).sum()),
        )
        return TextEncoder(state, idf)

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        known = read_state(TextState, state, self.name)
        idf = arrays.get("idf")
        if idf is None or idf.shape != (len(known.terms),) or not np.isfinite(idf).all():
            raise RunError("the stored term weights are damaged.", where=f"column '{known.column}'")
        return TextEncoder(known, idf.astype(np.float64))


class TextState(Config):
    """What a text column learned from the training rows."""

    column: str
    unit: Literal["word", "character"]
    tokens: tuple[str, ...]
    """For networks: ids 2 and on, the most frequent first."""
    terms: tuple[str, ...]
    """For TF-IDF: the columns, in alphabetical order."""
    length: int = Bounds(ge=1, le=_LONGEST)
    """Tokens that networks read of each text."""
    words: float
    """On average in a training text."""
    rows: int
    missing: int


class TextEncoder(Encoder):
    """A fitted text column."""

    kind = "text"

    def __init__(self, state: TextState, idf: np.ndarray) -> None:
        self.column = state.column
        self._state = state
        self._idf = idf
        self._tokens = known_values(state.tokens, state.column)
        self._terms = known_values(state.terms, state.column)

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(form="tokens", name=self.column, size=2 + len(self._state.tokens)),)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        tokens = token_lists(texts(column), characters=self._state.unit == "character")
        return {self.column: padded(tokens, self._tokens, self._state.length)}

    def matrix(self, column: pl.Series) -> tuple[scipy.sparse.csr_matrix, list[str]]:
        import scipy.sparse

        grams = ngrams(
            texts(column),
            characters=self._state.unit == "character",
            longest=_LONGEST_NGRAM[self._state.unit],
        )
        codes = grams.select("row", pl.col("term").cast(self._terms, strict=False).to_physical().alias("code"))
        counts = codes.drop_nulls().group_by("row", "code").len("count").sort("row", "code")
        rows, places = (counts[name].cast(pl.Int64).to_numpy() for name in ("row", "code"))
        weights = counts["count"].cast(pl.Float64).to_numpy() * self._idf[places]
        norms = np.sqrt(np.bincount(rows, weights**2, minlength=len(column)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(column)))])
        shape = (len(column), len(self._state.terms))
        block = scipy.sparse.csr_matrix((weights / norms[rows], places, starts), shape=shape)
        return block, [f"{self.column}~{term}" for term in self._state.terms]

    def unseen(self, column: pl.Series) -> pl.Series:
        """Texts without a single known token."""
        known = (self.encode(column)[self.column] > 1).any(axis=1)
        return pl.Series(column.name, ~known & ~is_blank(column).to_numpy())

    def describe(self) -> str:
        known = self._state
        parts = [f"{known.words:.1f} words on average", f"{len(known.tokens):,} known {known.unit}s"]
        parts.append(f"networks read {count(known.length, known.unit)} of each")
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        return ", ".join(parts) + (f" (most frequent: {shorten(list(known.tokens))})" if known.unit == "word" else "")

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")

    def arrays(self) -> dict[str, np.ndarray]:
        return {"idf": self._idf}


def _sure(words: float, share: float, distinct: int) -> float:
    """Many words, or values that hardly repeat."""
    if words >= 8 and distinct > 100:
        return 0.92
    if words >= 4 and share > 0.1:
        return 0.88
    if words >= 2 and share > 0.5:
        return 0.82
    return 0.68 if share > 0.5 and distinct > 50 else 0.15


def _terms(rows: pl.Series, unit: str, least: int) -> tuple[tuple[str, ...], np.ndarray]:
    """The terms to count and their smoothed inverse document frequencies, ln((1 + rows) / (1 + rows with it)) + 1."""
    grams = ngrams(rows, characters=unit == "character", longest=_LONGEST_NGRAM[unit])
    counted = grams.group_by("term").agg(pl.len().alias("count"), pl.col("row").n_unique().alias("rows"))
    kept = counted.filter(pl.col("rows") >= least).sort("count", "term", descending=[True, False]).head(_MOST_TERMS)
    kept = kept.sort("term")
    return tuple(kept["term"].to_list()), np.log((1 + len(rows)) / (1 + kept["rows"].cast(pl.Float64).to_numpy())) + 1
