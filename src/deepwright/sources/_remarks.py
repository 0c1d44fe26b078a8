"""Remarks: what was done to the cells of a text table, said in one line each."""

from __future__ import annotations

import polars as pl

from deepwright.sources._cells import MISSING_NUMBER, cleaned
from deepwright.sources._passes import Settling

_SHOWN = 5


def remarks(frame: pl.DataFrame, settling: Settling) -> list[str]:
    """Notes on missing words, blank lines, notations, dates, and columns that nearly are numbers."""
    notes = []
    if settling.blank:
        notes.append(f"{settling.blank:,} blank {'line' if settling.blank == 1 else 'lines'} skipped.")
    notes += _missing(settling, frame)
    notes += _notations(settling)
    there = set(frame.columns)
    texts = [name for name, kind in settling.types.items() if kind.startswith("text") and name in there]
    for name in _mostly_numbers(frame.select(texts)):
        notes.append(_why_text(frame.get_column(name)))
    codes = [name for name in texts if settling.types[name] == "text:NA"]
    if codes:
        notes.append(f"NA stands among two-letter codes and is read as a value: {_some(codes)}.")
    return notes


def _missing(settling: Settling, frame: pl.DataFrame) -> list[str]:
    """ "Read as missing: 'NA' (bill_length_mm, sex), blanks (TotalCharges: 11 rows)." """
    by_word: dict[str, list[str]] = {}
    there = set(frame.columns)
    for name, words in settling.words.items():
        for word in {word.strip() or ("blanks" if word else "") for word in words}:
            if word and name in there:
                by_word.setdefault(word, []).append(f"{name}: {frame.get_column(name).null_count():,}")
    if not by_word:
        return []
    parts = [
        f"{word if word == 'blanks' else repr(word)} ({_some(places)})" for word, places in sorted(by_word.items())
    ]
    return [f"Read as missing (rows missing in a column): {', '.join(parts)}."]


def _notations(settling: Settling) -> list[str]:
    notes = []
    for kind, what in (("number:,", "decimal commas"), ("date:", "dates"), ("time:", "times")):
        names = [name for name, found in settling.types.items() if found.startswith(kind)]
        if names:
            notes.append(f"Read as {what}: {_some(names)}.")
    grouped = [name for name, found in settling.types.items() if found.startswith("number:") and len(found) > 8]
    if grouped:
        notes.append(f"Separators of thousands are taken out: {_some(grouped)}.")
    return notes


def _mostly_numbers(texts: pl.DataFrame) -> list[str]:
    """Columns in which more than half of the first values are numbers."""
    if not texts.width:
        return []
    head = texts.select(pl.all().drop_nulls().head(1000).cast(pl.Float64, strict=False).is_not_null().mean())
    return [name for name, share in head.row(0, named=True).items() if share is not None and share > 0.5]


def _why_text(column: pl.Series) -> str:
    """Why a column that looks like numbers stays text: leading zeros, too many digits, or a few words in between."""
    name = column.name
    values = column.to_frame().select(cleaned(pl.col(name), MISSING_NUMBER))[name]
    word = values.is_not_null() & values.cast(pl.Float64, strict=False).is_null()
    if not word.any():
        padded = bool(values.str.contains(r"^[+-]?0\d+$").any())
        why = "integers have leading zeros" if padded else "integers have more digits than a number keeps"
        return f"Column '{name}' stays text: {why}."
    shown, more = _examples(column, word)
    share = 100 * (1 - word.sum() / max(1, values.len() - values.null_count()))
    return (
        f"Column '{name}' stays text: {share:.1f} % are numbers, not so {shown}{more}; "
        "mend them, or say that they are missing (reading: missing)."
    )


def _examples(column: pl.Series, chosen: pl.Series) -> tuple[str, str]:
    """The first few different cells among the chosen, each with its row."""
    rows = chosen.arg_true()
    cells = column.gather(rows)
    first = cells.is_first_distinct()
    shown = list(zip(cells.filter(first), rows.filter(first), strict=True))
    return ", ".join(f"'{cell[:30]}' (row {row + 1})" for cell, row in shown[:3]), " …" if len(shown) > 3 else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
