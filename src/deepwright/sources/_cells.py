"""Cells: what the texts of a column are (integers, numbers in which notation, booleans, dates), and reading them so.

A type is a short text, kept in `Origin.reading["types"]`: "empty", "integer", "number", "number:," (decimal comma),
"number:,." (decimal comma, points between thousands), "boolean", "date:%Y-%m-%d", "time:%Y-%m-%d %H:%M:%S", "text",
"text:NA" (text in which NA is a value). Everything is a polars expression over whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "<NA>", "#N/A", "?")
"""Words that are missing values in every column (with blanks around them or nothing but blanks too)."""

MISSING_NUMBER = (
    *MISSING,
    *("None", "none", "NONE", "na", "Na", "N.A.", "n.a.", "Null", "nil", "#NA", "-nan", "-NaN"),
    *("-", "--", ".", "#VALUE!", "#DIV/0!", "#NULL!", "missing", "Missing", "unknown", "Unknown"),
)
"""In columns of numbers, dates and booleans, where no such word can be a value, these are missing too."""

_PLAIN = r"^[+-]?\d+$"
_LONG = r"^[+-]?\d{19,}$"
_NUMBERS = {
    "number:,": r"^[+-]?\d*,\d+(?:[eE][+-]?\d+)?$",
    "number:,.": r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?$",
    "number:.,": r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$",
    "number:, ": r"^[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d+)?$",
    "number:. ": r"^[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:\.\d+)?$",
    "number:.'": r"^[+-]?\d{1,3}(?:['’]\d{3})+(?:\.\d+)?$",
}
"""Notations other than the plain one, each with what a grouped or marked number looks like in it."""

_GAPS = {"": "", ".": r"\.", ",": ",", " ": r"[ \u00a0\u202f]", "'": "['’]"}
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S%.f")
_SWAPPED = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y", "%d-%m-%Y": "%m-%d-%Y", "%m-%d-%Y": "%d-%m-%Y"}
_DAY_LIKE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
_DATED = (
    *(f"date:{day}" for day in _DAYS),
    *(f"time:{day}{gap}{clock}" for day in _DAYS for gap in (" ", "T") for clock in _CLOCKS),
    *(f"time:%Y-%m-%d{gap}%H:%M:%S{zone}" for gap in (" ", "T") for zone in ("Z", "%z")),
)


def dtype_of(kind: str) -> pl.DataType:
    """The polars type of a column type."""
    plain = {"integer": pl.Int64(), "boolean": pl.Boolean(), "number": pl.Float64(), "date": pl.Date()}
    stem = kind.partition(":")[0]
    return pl.Datetime("us") if stem == "time" else plain.get(stem, pl.String())


def cleaned(texts: pl.Expr, words: Sequence[str]) -> pl.Expr:
    """The texts without blanks around them, missing words null."""
    bare = texts.str.strip_chars()
    return pl.when(~bare.is_in(list(words))).then(bare).name.keep()


def read_as(texts: pl.Expr, kind: str) -> pl.Expr:
    """Clean texts as values of `kind`; null where a text is not of it."""
    stem, _, form = kind.partition(":")
    if kind in ("integer", "number"):
        return texts.cast(dtype_of(kind), strict=False)
    if stem == "number":
        return _in_notation(texts, kind)
    if stem == "boolean":
        lower = texts.str.to_lowercase()
        return pl.when(lower.is_in(["true", "false"])).then(lower == "true")
    if stem == "date":
        return texts.str.to_date(form, strict=False)
    if stem == "time":
        if form.endswith("%z"):
            return texts.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC").dt.replace_time_zone(None)
        return texts.str.to_datetime(form, strict=False, time_unit="us")
    return texts


def _in_notation(texts: pl.Expr, kind: str) -> pl.Expr:
    mark, gap = kind[7], kind[8:]
    ungrouped = r"\d*[.]\d+" if mark == "." else r"\d*,\d+"
    fits = texts.str.contains(_NUMBERS[kind]) | texts.str.contains(rf"^[+-]?(?:\d+|{ungrouped})$")
    bare = texts.str.replace_all(_GAPS[gap], "") if gap else texts
    if mark == ",":
        bare = bare.str.replace(",", ".", literal=True)
    return pl.when(fits).then(bare.cast(pl.Float64, strict=False))


def padded(texts: pl.Expr) -> pl.Expr:
    """(1,) whether an integer has leading zeros, as identifiers and postcodes do."""
    return texts.filter(texts.is_between(pl.lit("00"), pl.lit("0:"), closed="left")).str.contains(r"^0\d+$").any()


def infer(frame: pl.DataFrame, missing: Sequence[str] | None = None, decimal: str | None = None) -> dict[str, str]:
    """Column of texts → the narrowest type that all its values have, "text" where there is none.

    missing: words to take as missing in place of the built-in ones; decimal: the only decimal mark to consider.
    """
    words = missing if missing is not None else MISSING_NUMBER
    values = frame.select(cleaned(pl.all(), words))
    types = {name: "empty" for name, gone in _row(values.null_count()).items() if gone == frame.height}
    left = values.select([name for name in values.columns if name not in types])
    plain = ("integer", "number") if decimal in (None, ".") else ("integer",)
    for kind in (*plain, "boolean"):
        held = _holding(left, kind)
        types.update(dict.fromkeys(held, kind))
        left = left.drop(held)
    types.update({name: _unusual(left[name], decimal) for name in _maybe_numbers(left)})
    texts = [name for name in left.columns if types.get(name, "text") == "text"]
    codes = set(_codes(frame.select(texts))) if missing is None else set()
    return {name: types.get(name, "text:NA" if name in codes else "text") for name in frame.columns}


def _row(frame: pl.DataFrame) -> dict[str, object]:
    return frame.row(0, named=True) if frame.width else {}


def _holding(values: pl.DataFrame, kind: str) -> list[str]:
    """Columns whose every value is of that type without loss: padded and over-long integers are not numbers."""
    if not values.width:
        return []
    read = values.select(read_as(pl.all(), kind)).null_count()
    nulls = _row(values.null_count())
    held = [name for name, count in _row(read).items() if count == nulls[name]]
    if kind == "boolean" or not held:
        return held
    lossy = values.select(padded(pl.col(held)) | (pl.col(held).str.contains(_LONG).any() & (kind == "number")))
    return [name for name, lost in _row(lossy).items() if not lost]


def _maybe_numbers(values: pl.DataFrame) -> list[str]:
    """Columns whose first values all begin like a number or a date."""
    head = values.select(pl.all().drop_nulls().head(16).str.contains(r"^[+-]?[\d,.]").all())
    return [name for name, like in _row(head).items() if like]


def _unusual(column: pl.Series, decimal: str | None) -> str:
    """Dates, times and numbers in other notations; "text" where none takes every value."""
    values = column.drop_nulls().to_frame("x")
    probe = values.head(64)
    if _all(probe, pl.col("x").str.contains(_DAY_LIKE)):
        return next((kind for kind in _DATED if _reads(probe, kind) and _dated(values, kind)), "text")
    for kind, pattern in _NUMBERS.items():
        if decimal in (None, kind[7]) and _reads(probe, kind) and _reads(values, kind):
            marked = bool(values.select(pl.col("x").str.contains(pattern).any()).item())
            return kind if marked and not values.select(padded(pl.col("x"))).item() else "text"
    return "text"


def _all(values: pl.DataFrame, test: pl.Expr) -> bool:
    return bool(values.select(test.all()).item())


def _reads(values: pl.DataFrame, kind: str) -> bool:
    return _all(values, read_as(pl.col("x"), kind).is_not_null())


def _dated(values: pl.DataFrame, kind: str) -> bool:
    """Whether all values are such dates and could not just as well have day and month the other way round."""
    if not _reads(values, kind):
        return False
    other = next((kind.replace(day, swapped) for day, swapped in _SWAPPED.items() if day in kind), None)
    return other is None or not _reads(values, other)


def _codes(texts: pl.DataFrame) -> list[str]:
    """Columns where NA stands among two-letter codes (Namibia, North America) and is a value."""
    suspects = [name for name, met in _row(texts.select((pl.all() == "NA").any())).items() if met]
    return [name for name in suspects if _all_codes(texts[name].drop_nulls())]


def _all_codes(values: pl.Series) -> bool:
    return values.n_unique() >= 8 and bool(values.filter(values != "").str.contains("^[A-Z]{2}$").all())


def infer_columns(
    frame: pl.DataFrame, missing: Sequence[str] | None, decimal: str | None, delimiter: str
) -> tuple[dict[str, str], list[str]]:
    """Column → type, and notes on columns whose notation could be read in two ways.

    "1,234" may be a thousand or a bit more than one: other columns decide; where they do not, a semicolon between
    cells speaks for a decimal comma.
    """
    types = infer(frame, missing, decimal)
    if decimal is not None:
        return types, []
    doubtful = _doubtful(frame.select(name for name, kind in types.items() if kind in ("number", "number:,")), types)
    certain = {kind[7:8] or "." for name, kind in types.items() if kind.startswith("number") and name not in doubtful}
    notes = []
    for name in doubtful:
        if types[name] == "number" and certain == {","}:
            types[name] = "number:,."
        elif types[name] == "number:,":
            comma = certain == {","} or (certain != {"."} and delimiter == ";")
            types[name] = "number:," if comma else "number:.,"
            if certain not in ({","}, {"."}):
                read = "as decimal commas" if comma else "as separators of thousands"
                notes.append(f"Column '{name}': commas are read {read}; where that is wrong, say reading: decimal.")
    return types, notes


def _doubtful(frame: pl.DataFrame, types: dict[str, str]) -> list[str]:
    """Columns in which every mark could just as well stand between thousands."""
    doubtful: list[str] = []
    for kind, mark in (("number", "[.]"), ("number:,", ",")):
        names = [name for name in frame.columns if types[name] == kind]
        pattern = rf"^[+-]?[1-9]\d{{0,2}}{mark}\d{{3}}$|^[+-]?\d{{1,3}}$"
        both = frame.select(cleaned(pl.col(names), MISSING_NUMBER).drop_nulls().str.contains(pattern).all())
        doubtful += [name for name, fits in _row(both).items() if fits]
    return doubtful


def join(kind: str, found: str, *, again: bool) -> str:
    """The type that takes both; on a later pass (`again`) whatever does not nest becomes text."""
    if kind == "empty":
        return found
    if found == "empty":
        return kind
    if kind == "integer" and found.startswith("number"):
        return found
    if not again and kind != found and kind.startswith("number") and found.startswith("number:"):
        return found  # the notation showed only later: the next pass proves it on the whole column
    return "text"
