"""Leakage: test rows or the target itself are known in training; scores are better than they will be in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run
from deepwright.diagnosis._views import recipe

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Check
    from deepwright.evaluation.record import Record

_CAUSES = {
    "target_leakage": "A column holds the answer: it is known only once the target is, or was made from it.",
    "duplicates_across_splits": "The same rows stand in training and in test, so remembering them looks like skill.",
    "groups_straddle": "Rows of the same group stand in training and in test, so knowing the group looks like skill.",
    "time_runs_backwards": "Training rows are later than test rows, so the model has seen the future.",
}
"""Id of a data check, up to its colon → why it is one. Other checks are no leaks."""


class Leakage(Diagnosis):
    """The data checks in run.json were made before anything was fitted, with evidence of their own."""

    name: ClassVar[str] = "leakage"
    title: ClassVar[str] = "Leakage"
    doctor: ClassVar[str] = "D-06"

    def check(self, record: Record) -> Iterator[Finding]:
        ignored = _ignored(recipe(record))
        for found in record.run.checks:
            kind = found.id.partition(":")[0]
            if kind in _CAUSES and found.severity != "info":
                if kind == "target_leakage":
                    # Each edit holds those before it, so that all of them applied in turn leave every column out.
                    ignored += [column for column in _columns(found) if column not in ignored]
                yield self.found(
                    found.severity,
                    found.message,
                    numbers={
                        key: value for key, value in found.numbers.items() if isinstance(value, int | float | str)
                    },
                    cause=_CAUSES[kind],
                    remedy=found.remedy or "Leave the column out, or split so that such rows stay together.",
                    edit=_edit(kind, found, ignored),
                )

    @classmethod
    def faulty(cls) -> Example:
        check = {
            "id": "target_leakage:width",
            "severity": "warn",
            "message": "column 'width' alone gives the target away: accuracy 1.0 where the majority class has 0.5",
            "numbers": {"score": 1.0, "majority": 0.5},
            "remedy": "Leave 'width' out if it is not known at prediction time.",
        }
        return healthy_run().but(run={"checks": [check]})

    @classmethod
    def healthy(cls) -> Example:
        check = {"id": "rare_class", "severity": "warn", "message": "class 'maybe' has 1 row", "numbers": {"rows": 1}}
        return healthy_run().but(run={"checks": [check]})


def _ignored(tree: Mapping[str, Any]) -> list[str]:
    data = tree.get("data")
    return list(data.get("ignore") or ()) if isinstance(data, dict) else []


def _columns(found: Check) -> list[str]:
    """The columns that a check of target leakage names: one, or the two that make the target together."""
    pair = found.numbers.get("columns")
    named = pair if isinstance(pair, list) else [found.id.partition(":")[2]]
    return [str(column) for column in named if column]


def _edit(kind: str, found: Check, ignored: list[str]) -> dict[str, Any] | None:
    column = found.id.partition(":")[2]
    if kind == "target_leakage" and column:
        return {"data.ignore": list(ignored)}
    if kind == "groups_straddle" and column:
        return {"data.split.by": "group", "data.split.column": column}
    if kind == "time_runs_backwards" and column:
        return {"data.split.by": "time", "data.split.column": column}
    if kind == "duplicates_across_splits":
        return {"data.distinct": True}
    return None
