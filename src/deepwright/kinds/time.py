"""Times: dates, datetimes and times of day; how long since the first, and where in the year, week and day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._dates import FORMATS, days_of, detect_format, has_date
from deepwright.kinds._shared import count, is_blank, read_state

Part = Literal["month", "weekday", "hour"]
_CYCLES: dict[Part, int] = {"month": 12, "weekday": 7, "hour": 24}
"""Calendar part → its length."""


class Time(Kind):
    """Dates, datetimes, times of day, also as texts in one format, which is detected once and kept.

    Fields: "NAME.elapsed" (days since the first training row, standardised, clipped to the training range widened by
    its own width), and for month, weekday and hour, where training has several, a point on the circle
    ("NAME.month.sin", "NAME.month.cos"); "NAME.missing" where training had any missing.
    For classical models: elapsed days, each part as a number and on the circle, NaN where missing.
    """

    name = "time"

    @classmethod
    def example(cls) -> pl.Series:
        days = [f"2024-{1 + i % 12:02}-{1 + 2 * i % 28:02} {i % 24:02}:30:00" for i in range(23)]
        return pl.Series("when", [*days, None])

    def recognise(self, column: pl.Series) -> Guess:
        dtype = column.dtype
        if dtype.is_temporal() and dtype != pl.Duration:
            return Guess(confidence=1.0, reason=f"values of type {dtype}")
        layout = detect_format(column)
        if layout is None:
            return Guess(
                confidence=0.0, reason=f"values of type {dtype}" if dtype != pl.String else "texts that are no dates"
            )
        rival = f"; {layout.rival} would read them too" if layout.rival else ""
        return Guess(
            confidence=0.95, reason=f"texts, {layout.share:.1%} of which are times like {layout.format}{rival}"
        )

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        layout = detect_format(column)
        form = layout.format if layout else None
        days = days_of(column, form)
        known = days[np.isfinite(days)]
        if not len(known):
            raise DataError(
                "expected dates or times; none of the training rows holds one that can be read.",
                where=f"column '{column.name}'",
                remedy=f"Give the column another kind: --kind {column.name}=category.",
            )
        elapsed = known - known.min()
        parts = _parts(known, dated := has_date(column, form))
        state = TimeState(
            column=column.name,
            format=form,
            dated=dated,
            start=float(known.min()),
            end=float(known.max()),
            mean=float(elapsed.mean()),
            sd=float(elapsed.std()),
            parts=tuple(name for name, values in parts.items() if values.min() < values.max()),
            missing=int(is_blank(column).sum()),
            unreadable=len(days) - len(known) - int(is_blank(column).sum()),
        )
        return TimeEncoder(state)

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        known = read_state(TimeState, state, self.name)
        if known.format is not None and known.format not in FORMATS:
            raise RunError(
                f"the stored time format '{known.format}' is none of ours.", where=f"column '{known.column}'"
            )
        return TimeEncoder(known)


class TimeState(Config):
    """What a time column learned from the training rows."""

    column: str
    format: str | None
    """Of texts; None where the column came as times."""
    dated: bool
    """Days, not only times of day."""
    start: float
    end: float
    """First and last training row, days since 1970."""
    mean: float
    sd: float
    """Of the days elapsed since `start`."""
    parts: tuple[Part, ...]
    """Those of month, weekday and hour that vary in training."""
    missing: int
    unreadable: int
    """Texts that do not fit the format; they count as missing."""


class TimeEncoder(Encoder):
    """A fitted time column."""

    kind = "time"

    def __init__(self, state: TimeState) -> None:
        self.column = state.column
        self._state = state
        self._span = (state.start - state.end, 2 * (state.end - state.start))
        names = ["elapsed", *(f"{part}.{side}" for part in state.parts for side in ("sin", "cos"))]
        names += ["missing"] * (state.missing + state.unreadable > 0)
        self._fields = tuple(Field(form="number", name=f"{state.column}.{name}") for name in names)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self._fields

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        days, known = self._days(column)
        elapsed = np.clip(days - self._state.start, *self._span)
        arrays = [np.where(known, (elapsed - self._state.mean) / (self._state.sd or 1.0), 0.0)]
        for part, values in self._varying(days).items():
            arrays += [np.where(known, side, 0.0) for side in _on_circle(values, _CYCLES[part])]
        arrays.append((~known).astype(np.float64))
        return {field.name: array.astype(np.float32) for field, array in zip(self._fields, arrays, strict=False)}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        days, known = self._days(column)
        arrays, names = [days - self._state.start], ["elapsed"]
        for part, values in self._varying(days).items():
            arrays += [values, *_on_circle(values, _CYCLES[part])]
            names += [part, f"{part}.sin", f"{part}.cos"]
        block = np.stack(arrays, axis=1)
        block[~known] = np.nan
        return block, [f"{self.column}.{name}" for name in names]

    def unseen(self, column: pl.Series) -> pl.Series:
        days = days_of(column, self._state.format)
        outside = (days < self._state.start) | (days > self._state.end)
        return pl.Series(column.name, outside | (np.isnan(days) & ~is_blank(column).to_numpy()))

    def describe(self) -> str:
        known = self._state
        parts = [f"{said(known.start, known.dated)} to {said(known.end, known.dated)}"]
        if known.parts:
            parts.append(f"with {', '.join(known.parts)}")
        if known.format:
            parts.append(f"read as {known.format}")
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        if known.unreadable:
            parts.append(f"{count(known.unreadable, 'text')} of another form count as missing")
        return ", ".join(parts)

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")

    def _days(self, column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """(B,) days, with the first training day where there is none, and (B,) bool: which rows have one."""
        days = days_of(column, self._state.format)
        known = np.isfinite(days)
        return (days if known.all() else np.where(known, days, self._state.start)), known

    def _varying(self, days: np.ndarray) -> dict[Part, np.ndarray]:
        parts = _parts(days, self._state.dated)
        return {name: parts[name] for name in self._state.parts if name in parts}


def said(days: float, dated: bool) -> str:
    """A day or a time of day for people: "2011-01-31", "2011-01-31 14:30", "14:30"."""
    moment = np.datetime64("1970-01-01T00:00:00", "s") + np.timedelta64(round(days * 86_400), "s")
    day, _, clock = str(moment).partition("T")
    short = clock[:5] if clock.endswith(":00") else clock
    return short if not dated else day if clock == "00:00:00" else f"{day} {short}"


def _parts(days: np.ndarray, dated: bool) -> dict[Part, np.ndarray]:
    """Calendar parts of (B,) days: month 1 … 12, weekday 1 (Monday) … 7, hour 0 … 24 with its fraction."""
    whole = np.floor(days)
    hour = np.round((days - whole) * 24, 6)
    if not dated:
        return {"hour": hour}
    months = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return {"month": months.astype(np.float64), "weekday": (whole + 3) % 7 + 1, "hour": hour}


def _on_circle(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    angle = values * (2 * np.pi / length)
    return np.sin(angle), np.cos(angle)
