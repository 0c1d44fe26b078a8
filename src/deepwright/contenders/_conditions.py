"""Conditions of rules: comparisons of a column or fact with a value, joined by all, any and not. Data, never code.

A comparison with a missing cell does not hold, whatever the operator (but `is missing`); `not` turns any outcome round.
"""

from __future__ import annotations

import datetime
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import polars as pl

from deepwright.kinds._shared import floats, is_blank, texts

Scalar = str | float | bool | datetime.date
Cells = Mapping[str, pl.Series]
"""Name of a column or fact → its cells, all of the same length B."""

_COMPARISON = re.compile(
    r"""\s*(?:`(?P<quoted>[^`]+)`|(?P<bare>.+?))
    (?:\s+(?P<state>is\s+not\s+missing|is\s+missing)\s*$
    |\s*(?P<sign>==|!=|<=|>=|<|>)\s*(?P<value>.+?)\s*$
    |\s+(?P<word>not\s+in|in|between|contains)\s+(?P<rest>.+?)\s*$)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_ITEM = re.compile(r"""\s*("(?:[^"]*)"|'(?:[^']*)'|[^,\]\["']+?)\s*(?:,|$)""")
_ORDER = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
OPERATORS = "==, !=, <, <=, >, >=, in, not in, between … and …, contains, is missing, is not missing"


@dataclass(frozen=True, kw_only=True)
class Condition(ABC):
    """What a rule asks."""

    @property
    @abstractmethod
    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons in it, in order."""

    @property
    @abstractmethod
    def specificity(self) -> int:
        """How many comparisons must hold at the least."""

    @abstractmethod
    def holds(self, cells: Cells) -> np.ndarray:
        """(B,) bool."""

    @abstractmethod
    def why(self, cells: Cells, row: int) -> str:
        """The condition with the row's own values, as far as it decides."""


@final
@dataclass(frozen=True, kw_only=True)
class Comparison(Condition):
    """name operator values: one value, two for between, any number for in and not in, none for is missing."""

    name: str
    operator: str
    values: tuple[Scalar, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return (self,)

    @property
    def specificity(self) -> int:
        return 1

    def holds(self, cells: Cells) -> np.ndarray:
        cell = cells[self.name]
        missing = is_blank(cell).to_numpy()
        if self.operator in ("is missing", "is not missing"):
            return missing if self.operator == "is missing" else ~missing
        return self._compare(cell) & ~missing

    def _compare(self, cell: pl.Series) -> np.ndarray:
        if self.operator in _ORDER:
            with np.errstate(invalid="ignore"):
                return _ORDER[self.operator](_measured(cell), _limit(self.values[0], cell))
        if self.operator == "between":
            measured = _measured(cell)
            with np.errstate(invalid="ignore"):
                return (measured >= _limit(self.values[0], cell)) & (measured <= _limit(self.values[1], cell))
        if self.operator == "contains":
            return _contains(cell, str(self.values[0]))
        equal = np.logical_or.reduce([_equals(cell, value) for value in self.values])
        return equal if self.operator in ("==", "in") else ~equal

    def why(self, cells: Cells, row: int) -> str:
        value = cells[self.name][row]
        if self.operator in ("is missing", "is not missing", "=="):
            return str(self)
        return f"{self} (it is {'missing' if value is None else _shown(value)})"

    def __str__(self) -> str:
        values = [_shown(value) for value in self.values]
        if self.operator == "between":
            return f"{self.name} between {values[0]} and {values[1]}"
        if self.operator in ("in", "not in"):
            return f"{self.name} {self.operator} [{', '.join(values)}]"
        return " ".join([self.name, self.operator, *values])


@final
@dataclass(frozen=True, kw_only=True)
class All(Condition):
    """Every part holds."""

    parts: tuple[Condition, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(comparison for part in self.parts for comparison in part.comparisons)

    @property
    def specificity(self) -> int:
        return sum(part.specificity for part in self.parts)

    def holds(self, cells: Cells) -> np.ndarray:
        return np.logical_and.reduce([part.holds(cells) for part in self.parts])

    def why(self, cells: Cells, row: int) -> str:
        return " and ".join(part.why(cells, row) for part in self.parts)

    def __str__(self) -> str:
        return "(" + " and ".join(map(str, self.parts)) + ")"


@final
@dataclass(frozen=True, kw_only=True)
class Either(Condition):
    """At least one part holds (`any` in the file)."""

    parts: tuple[Condition, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return tuple(comparison for part in self.parts for comparison in part.comparisons)

    @property
    def specificity(self) -> int:
        return min(part.specificity for part in self.parts)

    def holds(self, cells: Cells) -> np.ndarray:
        return np.logical_or.reduce([part.holds(cells) for part in self.parts])

    def why(self, cells: Cells, row: int) -> str:
        one = {name: cell[row : row + 1] for name, cell in cells.items()}
        true = [part.why(cells, row) for part in self.parts if part.holds(one)[0]]
        return " and ".join(true) or str(self)

    def __str__(self) -> str:
        return "(" + " or ".join(map(str, self.parts)) + ")"


@final
@dataclass(frozen=True, kw_only=True)
class Not(Condition):
    """The part does not hold."""

    part: Condition

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return self.part.comparisons

    @property
    def specificity(self) -> int:
        return self.part.specificity

    def holds(self, cells: Cells) -> np.ndarray:
        return ~self.part.holds(cells)

    def why(self, cells: Cells, row: int) -> str:
        values = {c.name: cells[c.name][row] for c in self.comparisons}
        shown = ", ".join(f"{name} is {'missing' if v is None else _shown(v)}" for name, v in values.items())
        return f"not {self.part} ({shown})"

    def __str__(self) -> str:
        return f"not {self.part}"


def comparison(text: str) -> Comparison:
    """`flipper_length_mm > 206`, `island in [Biscoe, Dream]`, `` `odd > name` is missing ``; raises ValueError."""
    match = _COMPARISON.match(text)
    if match is None:
        raise ValueError(f"expected 'COLUMN OPERATOR VALUE' with one of {OPERATORS}; got '{text}'")
    name = (match["quoted"] or match["bare"]).strip()
    if match["state"]:
        return Comparison(name=name, operator=" ".join(match["state"].split()), values=())
    if match["sign"]:
        value = scalar(match["value"])
        if match["sign"] in _ORDER and isinstance(value, (str, bool)):
            raise ValueError(f"'{match['sign']}' needs a number or a date, got '{match['value']}'")
        return Comparison(name=name, operator=match["sign"], values=(value,))
    return _worded(name, " ".join(match["word"].split()), match["rest"], text)


def scalar(text: str) -> Scalar:
    """A quoted text, number, true or false, date (2024-05-31), or else the text as it stands."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if _NUMBER.fullmatch(text):
        return float(text)
    if text in ("true", "false"):
        return text == "true"
    try:
        return datetime.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    except ValueError:
        return text


def as_text(value: Scalar) -> str:
    """The value as `texts` writes the cells of a column."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else str(value)
    return str(value)


def _worded(name: str, operator: str, rest: str, text: str) -> Comparison:
    if operator == "contains":
        return Comparison(name=name, operator=operator, values=(str(as_text(scalar(rest))),))
    if operator == "between":
        low, found, high = rest.partition(" and ")
        limits = (scalar(low), scalar(high))
        if not found or any(isinstance(limit, (str, bool)) for limit in limits):
            raise ValueError(f"expected 'COLUMN between LOW and HIGH' with numbers or dates; got '{text}'")
        return Comparison(name=name, operator=operator, values=limits)
    inner = rest[1:-1].strip() if rest.startswith("[") and rest.endswith("]") else ""
    items, place = [], 0
    while place < len(inner) and (match := _ITEM.match(inner, place)):
        items.append(scalar(match[1]))
        place = match.end()
    if not items or place < len(inner):
        raise ValueError(f"expected a list such as [a, b] after '{operator}'; got '{text}'")
    return Comparison(name=name, operator=operator, values=tuple(items))


def _measured(cell: pl.Series) -> np.ndarray:
    """(B,) float64, NaN where there is nothing to measure; times in their own unit."""
    return floats(cell.to_physical() if cell.dtype.is_temporal() else cell)


def _limit(value: Scalar, cell: pl.Series) -> float:
    if isinstance(value, datetime.date):
        if not cell.dtype.is_temporal():
            return float("nan")
        return float(pl.Series([value]).cast(cell.dtype).to_physical()[0])
    return float(value)


def _equals(cell: pl.Series, value: Scalar) -> np.ndarray:
    if cell.dtype.is_numeric() and isinstance(value, float):
        return floats(cell) == value
    if cell.dtype.is_temporal() and isinstance(value, datetime.date):
        return _measured(cell) == _limit(value, cell)
    return (texts(cell) == as_text(value)).fill_null(False).to_numpy()


def _contains(cell: pl.Series, part: str) -> np.ndarray:
    if isinstance(cell.dtype, pl.List):
        return cell.cast(pl.List(pl.String)).list.contains(part).fill_null(False).to_numpy()
    return texts(cell).str.to_lowercase().str.contains(part.lower(), literal=True).fill_null(False).to_numpy()


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
