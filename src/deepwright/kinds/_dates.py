"""Dates and times as numbers of days, whatever they were stored as; text formats are detected once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from deepwright.kinds._shared import is_blank

FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M:%S%.f",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y-%m",
    "%Y/%m",
    "%H:%M:%S%.f",
    "%H:%M",
)
"""Text formats that are tried, in this order; of two that read equally much the earlier wins (day before month)."""

_LOOKS_LIKE = r"\d[-/:. ,]+\w|[A-Za-z] \d"
"""Every format has a digit, a sign between, and more after it: a cheap way to leave most texts alone."""
_SHARE = 0.95
"""Share of the texts that one format must read."""
_FIRST, _MOST = 100, 20_000
_YEARS = (1000, 3000)
"""Dates outside are taken for misread numbers."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a column of texts says its dates."""

    format: str
    share: float
    """Of the texts, 0 to 1, that it reads."""
    rival: str | None = None
    """Another order of day and month that reads just as many."""


def detect_format(column: pl.Series) -> Layout | None:
    """The one format that reads at least 95 % of a text column's values (up to 20,000, spread evenly), or None."""
    known = column.filter(~is_blank(column))
    if column.dtype != pl.String or not len(known):
        return None
    head = known.head(_FIRST)
    if head.str.contains(_LOOKS_LIKE).mean() < _SHARE - 0.05:  # type: ignore[operator]
        return None
    likely = [form for form in FORMATS if _share(head, form) >= _SHARE - 0.05]
    if not likely:
        return None
    sample = known.gather_every(-(-len(known) // _MOST))
    shares = {form: _share(sample, form) for form in likely}
    best = max(shares, key=lambda form: shares[form])
    if shares[best] < _SHARE:
        return None
    twin = {form for form, share in shares.items() if share == shares[best] and sorted(form) == sorted(best)} - {best}
    return Layout(format=best, share=shares[best], rival=min(twin) if twin else None)


def has_date(column: pl.Series, form: str | None) -> bool:
    """Does the column hold a day, and not only a time of day?"""
    return "%Y" in form or "%y" in form if form else column.dtype != pl.Time


def days_of(column: pl.Series, form: str | None) -> np.ndarray:
    """(B,) float64: days since 1970-01-01 on the column's own clock, NaN where missing or unreadable.

    Zoned times count as their wall-clock time, times of day as a fraction of a day, texts as `form` says.
    Values that are no times at all are all NaN.
    """
    dtype = column.dtype
    if dtype == pl.String and form:
        column = parse(column, form)
    if column.dtype == pl.Date:
        return column.cast(pl.Float64).to_numpy()
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            column = column.dt.replace_time_zone(None)
        return column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64).to_numpy() / 86_400e6
    if column.dtype == pl.Time:
        return column.to_physical().cast(pl.Float64).to_numpy() / 86_400e9
    return np.full(len(column), np.nan)


def parse(column: pl.Series, form: str) -> pl.Series:
    """A text column as dates, datetimes or times; null where the format does not fit or the year is absurd."""
    texts = column.str.strip_chars()
    if "%H" not in form and "%I" not in form:
        if "%d" not in form:  # a month alone means its first day
            texts, form = texts + form[2] + "01", form + form[2] + "%d"
        return _sane(texts.str.to_date(form, strict=False))
    if not has_date(column, form):
        if "%S" not in form:
            texts, form = texts + ":00", form + ":%S"
        return texts.str.to_time(form, strict=False)
    if "z" in form:
        zoned = texts.str.to_datetime(form, strict=False, time_unit="us")
        return _sane(zoned.dt.replace_time_zone(None))
    return _sane(texts.str.to_datetime(form, strict=False, time_unit="us"))


def _sane(dates: pl.Series) -> pl.Series:
    plausible = dates.dt.year().is_between(*_YEARS)
    return dates if plausible.all() else dates.set(~plausible.fill_null(False), None)


def _share(known: pl.Series, form: str) -> float:
    try:
        return 1 - parse(known, form).null_count() / len(known)
    except pl.exceptions.PolarsError:  # a format that does not go with these texts at all
        return 0.0
