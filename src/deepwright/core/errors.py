"""Errors: one tree; each says what was expected, what came and where, and how to mend it.

DeepwrightError
├── UserError              the caller can mend it: exit code 2
│   ├── DataError          a file, row, column or cell
│   ├── RecipeError        a recipe key or value, an option of the command line
│   ├── NotFoundError      a name that is not there (component, column, run); offers the nearest
│   ├── MissingExtraError  an optional dependency; names the extra to install
│   ├── RunError           a run folder: missing, damaged, of another version, hostile
│   └── TrainingError      training cannot go on: loss not finite again and again, no time left
└── InternalError          a promise of ours that does not hold: exit code 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DeepwrightError(Exception):
    """Root of every error raised on purpose.

    message: what was expected and what came.
    where:   file, row, column or key, e.g. "houses.csv, row 17, column 'price'".
    remedy:  what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{mend}"

    def as_dict(self) -> dict[str, str | None]:
        """The `error` object of `--json`."""
        kind = type(self).__name__
        return {"kind": kind, "message": self.message, "where": self.where, "remedy": self.remedy}


class UserError(DeepwrightError):
    """Something the caller can mend."""

    exit_code = 2


class DataError(UserError):
    """A file, row, column or cell cannot be used as it is."""


class RecipeError(UserError):
    """A recipe key or value, or an option of the command line, is not valid."""


class NotFoundError(UserError):
    """A name is not there; the remedy offers the nearest one."""


class MissingExtraError(UserError):
    """An optional dependency is not installed; the remedy names the extra."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed.",
            remedy=f"Install it with: pip install 'deepwright[{extra}]'",
        )


class RunError(UserError):
    """A run folder is missing, damaged, of another version, or hostile."""


class TrainingError(UserError):
    """Training cannot go on; what was reached before is kept."""


class InternalError(DeepwrightError):
    """A promise of ours that does not hold; please report it."""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `name` (case ignored), or None when nothing is close."""
    by_lower = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def not_found(what: str, name: str, choices: Iterable[str], *, where: str | None = None) -> NotFoundError:
    """A NotFoundError that lists the choices and offers the nearest: `raise not_found("column", "prise", columns)`."""
    known = sorted(choices)
    guess = nearest(name, known)
    shown = ", ".join(known[:20]) + (f", … ({len(known)} in all)" if len(known) > 20 else "")
    remedy = f"Did you mean '{guess}'? " if guess else ""
    return NotFoundError(
        f"there is no {what} '{name}'.",
        where=where,
        remedy=f"{remedy}There {'is' if len(known) == 1 else 'are'}: {shown}." if known else remedy or None,
    )
