"""Characters: text as a sequence of characters, every one of them kept; what language models read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field as Bounds

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._shared import count, is_blank, read_state, shorten, texts

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Codes: padding, which also stands before a text; a character that training never showed; the first known one."""
UNICODE = 1_112_064
"""Characters there can be: all code points but surrogates."""
_LONG = 200
"""Characters from which on a text, on average, reads as one to be modelled character by character."""
_WIDEST = 1_024
"""Characters of a text that table networks read at most."""


class Characters(Kind):
    """Text of any length, character by character: case, white space and line ends count.

    Codes: 0 is padding and stands before a text, 1 is a character that training rows did not show, then the characters
    of the training rows in the order of Unicode. A missing text is an empty one.
    For networks that read rows: the codes, as many as 99 of 100 training texts have, at most 1,024. `sequences` gives
    them all. For classical models: the share of each character in the text, and that of unknown ones.
    """

    name = "characters"

    @classmethod
    def example(cls) -> pl.Series:
        bases = np.random.default_rng(0).choice(list("ACGT"), size=(20, 240))
        return pl.Series("sequence", ["".join(row) + "\n" for row in bases] + [None])

    def recognise(self, column: pl.Series) -> Guess:
        if column.dtype != pl.String:
            return Guess(confidence=0.0, reason=f"values of type {column.dtype}")
        known = column.filter(~is_blank(column))
        if not len(known):
            return Guess(confidence=0.05, reason="no value at all")
        length = float(known.str.len_chars().mean())  # type: ignore[arg-type]
        distinct = known.n_unique() / len(known)
        # Words come first where there are words; long texts without any, such as genomes, are characters.
        words = float((known.head(1_000).str.count_matches(r"\s\S") + 1).mean())  # type: ignore[arg-type]
        sure = 0.9 if length >= _LONG and distinct > 0.5 and words < 2 else 0.6 if length >= _LONG else 0.05
        return Guess(confidence=sure, reason=f"{length:,.0f} characters on average in {count(len(known), 'row')}")

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        if not len(column):
            raise DataError("a column of characters needs at least one training row.", where=f"column '{column.name}'")
        rows = texts(column).fill_null("")
        lengths = rows.str.len_chars()
        points = _points(rows)
        return CharacterEncoder(
            CharacterState(
                column=column.name,
                characters=tuple(map(chr, np.unique(points).tolist())),
                length=int(min(_WIDEST, max(1, lengths.quantile(0.99, "higher") or 1))),
                total=len(points),
                rows=len(column),
                missing=int(is_blank(column).sum()),
            )
        )

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return CharacterEncoder(read_state(CharacterState, state, self.name))


class CharacterState(Config):
    """What a column of characters learned from the training rows."""

    column: str
    characters: tuple[str, ...]
    """Codes 2 and on, in the order of Unicode."""
    length: int = Bounds(ge=1, le=_WIDEST)
    """Characters that table networks read of each text."""
    total: int = Bounds(ge=0)
    """Characters in all training rows."""
    rows: int
    missing: int


class CharacterEncoder(Encoder):
    """A fitted column of characters."""

    kind = "characters"

    def __init__(self, state: CharacterState) -> None:
        self.column = state.column
        self._state = state
        known = state.characters
        if any(len(character) != 1 for character in known) or list(known) != sorted(set(known)):
            raise RunError("the stored characters are damaged.", where=f"schema.json, column '{state.column}'")
        self._points = np.array([ord(character) for character in known], dtype=np.int64)  # (V,) ascending

    @property
    def characters(self) -> tuple[str, ...]:
        """The V known ones, in the order of their codes, from code 2 on."""
        return self._state.characters

    @property
    def novelty(self) -> float:
        """The chance that the next character is one never seen: Laplace's, 1 / (characters seen + 1)."""
        return 1.0 / (self._state.total + 1.0)

    @property
    def stranger_nats(self) -> float:
        """What a character costs that training never showed: that it is new, and which one of Unicode it is.

        This way the chances of all texts there can be sum to 1, and no model gains by not knowing a character.
        """
        return -math.log(self.novelty) + math.log(UNICODE - len(self.characters))

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(form="tokens", name=self.column, size=FIRST + len(self.characters)),)

    def sequences(self, column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """(N,) int64 codes of all texts one behind the other, and (B,) int64 how many each of them has."""
        rows = texts(column).fill_null("")
        return self._codes(_points(rows)), rows.str.len_chars().cast(pl.Int64).to_numpy()

    def text(self, codes: np.ndarray) -> str:
        """The known characters that the codes stand for; U+FFFD for others."""
        known = self.characters
        return "".join(known[code - FIRST] if code >= FIRST else "\ufffd" for code in codes.tolist())

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        rows = texts(column).fill_null("").str.head(self._state.length)
        codes, lengths = self.sequences(rows)
        out = np.full((len(rows), self._state.length), PADDING, dtype=np.int64)
        out[np.arange(self._state.length) < lengths[:, None]] = codes
        return {self.column: out}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        codes, lengths = self.sequences(column)
        width = 1 + len(self.characters)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        cells = np.bincount(rows * width + codes - UNKNOWN, minlength=len(lengths) * width)
        shares = cells.reshape(len(lengths), width) / np.maximum(lengths, 1)[:, None]
        return shares, [f"{self.column}~unknown", *(f"{self.column}~{character}" for character in self.characters)]

    def unseen(self, column: pl.Series) -> pl.Series:
        """Texts with a character that training rows never showed."""
        codes, lengths = self.sequences(column)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        found = np.bincount(rows, weights=codes == UNKNOWN, minlength=len(lengths)) > 0
        return pl.Series(column.name, found & ~is_blank(column).to_numpy())

    def describe(self) -> str:
        known = self._state
        shown = shorten([repr(character)[1:-1] for character in known.characters if not character.isspace()], most=12)
        missing = f", {known.missing:,} missing" if known.missing else ""
        mean = known.total / max(1, known.rows)
        return f"{count(len(known.characters), 'character')} ({shown}), {mean:,.0f} in a text on average{missing}"

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")

    def _codes(self, points: np.ndarray) -> np.ndarray:
        if not len(self._points):
            return np.full(len(points), UNKNOWN, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._points, points), len(self._points) - 1)
        return np.where(self._points[places] == points, places + FIRST, UNKNOWN)


def _points(rows: pl.Series) -> np.ndarray:
    """(N,) int64 code points of all texts, one behind the other."""
    return np.frombuffer("".join(rows).encode("utf-32-le"), dtype="<u4").astype(np.int64)
