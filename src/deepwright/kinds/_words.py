"""Texts cut into words or characters, vectorised; and the counts of their n-grams."""

from __future__ import annotations

import numpy as np
import polars as pl

TERM = r"[\p{L}\p{N}_]{2,}"
"""Words for TF-IDF: runs of two or more letters, digits or underscores, as scikit-learn's default has them."""
TOKEN = r"[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]"
"""Tokens for networks: runs of letters, digits and underscores, and every other sign by itself."""
CHARACTER = r"(?s)."
"""Every character by itself; runs of white space count as one blank."""


def lowered(column: pl.Series, *, characters: bool) -> pl.Series:
    """Lower case, missing as empty; for characters runs of white space become one blank."""
    texts = column.cast(pl.String).fill_null("").str.to_lowercase()
    return texts.str.replace_all(r"\s\s+", " ") if characters else texts


def ngrams(column: pl.Series, *, characters: bool, longest: int) -> pl.DataFrame:
    """Every n-gram of 1 to `longest` words (or characters) with its row: columns row (UInt32), term (String)."""
    pieces = lowered(column, characters=characters).str.extract_all(CHARACTER if characters else TERM)
    frame = pl.DataFrame({"term": pieces}).with_row_index("row").filter(pl.col("term").list.len() > 0).explode("term")
    sizes, joiner = [frame], "" if characters else " "
    for _ in range(longest - 1):
        # One word longer: join each n-gram with the word that follows it in the same row.
        last, steps = sizes[-1], len(sizes)
        longer = last.with_columns(
            (pl.col("term") + joiner + frame["term"].shift(-steps)).alias("term"),
            (pl.col("row") == frame["row"].shift(-steps)).alias("same"),
        )
        sizes.append(longer.select("row", pl.when("same").then("term").alias("term")))
    return pl.concat(sizes).drop_nulls() if len(sizes) > 1 else frame


def token_lists(column: pl.Series, *, characters: bool) -> pl.Series:
    """(B,) lists of tokens, [] for missing."""
    return lowered(column, characters=characters).str.extract_all(CHARACTER if characters else TOKEN)


def padded(tokens: pl.Series, known: pl.Enum, length: int) -> np.ndarray:
    """(B, length) int64 ids: 0 padding, 1 unknown, 2 and on the known tokens in order; longer texts are cut."""
    cut = tokens.list.head(length)
    lengths = cut.list.len().cast(pl.Int64).to_numpy()
    out = np.zeros((len(tokens), length), dtype=np.int64)
    flat = cut.filter(cut.list.len() > 0).explode()
    ids = flat.cast(known, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 2
    rows = np.repeat(np.arange(len(tokens)), lengths)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[rows, places] = ids
    return out
