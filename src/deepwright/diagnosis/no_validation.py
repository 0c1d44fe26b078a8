"""No validation: no rows were kept to choose by, so the choice and the early stop rest on training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run
from deepwright.diagnosis._views import recipe

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_FEWEST = 10
"""Validation rows below which the error of a share is 16 points and more: no choice can rest on it."""


class NoValidation(Diagnosis):
    """Silent for a single contender that is a rule: nothing was chosen."""

    name: ClassVar[str] = "no_validation"
    title: ClassVar[str] = "No validation rows"
    doctor: ClassVar[str] = "D-04"

    def check(self, record: Record) -> Iterator[Finding]:
        split = record.run.split
        chosen = len(record.scores) > 1 or any(scores.family == "deep" for scores in record.scores.values())
        if split is None or split.valid >= _FEWEST or not chosen or split.train < 5 * _FEWEST:
            return
        data = recipe(record).get("data")
        dealt = data.get("split") if isinstance(data, dict) else None
        by = dealt.get("by", "auto") if isinstance(dealt, dict) else "auto"
        edit: dict[str, object] = {"data.split.valid": 0.15}
        if by == "column":
            edit |= {"data.split.by": "auto", "data.split.column": None}
        if by == "files":
            edit |= {"data.split.valid_source": None}
        yield self.found(
            "error" if split.valid == 0 else "warn",
            f"{split.valid} validation rows beside {split.train:,} training and {split.test:,} test rows, with "
            f"{len(record.scores)} contenders to choose from",
            numbers={"valid": split.valid, "train": split.train, "test": split.test, "contenders": len(record.scores)},
            cause="What is chosen on the rows it was fitted to looks better than it is.",
            remedy="Deal 15 % of the rows to validation.",
            edit=edit,
        )

    @classmethod
    def faulty(cls) -> Example:
        split = {"data": {"source": "made.csv", "split": {"by": "column", "column": "part"}}}
        return healthy_run(valid=0).but(recipe=split)

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
