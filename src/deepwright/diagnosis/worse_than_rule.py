"""Worse than a rule: a contender is beaten on the test rows by a rule that anyone could apply by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing
from deepwright.diagnosis._views import best, lead

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record


class WorseThanRule(Diagnosis):
    """Speaks where the whole 95 % interval of the difference lies on the rule's side."""

    name: ClassVar[str] = "worse_than_rule"
    title: ClassVar[str] = "Worse than a rule"
    doctor: ClassVar[str] = "D-25"

    def check(self, record: Record) -> Iterator[Finding]:
        rule = best(record, "rule")
        if rule is None:
            return
        for scores in record.scores.values():
            by = lead(record, scores, rule) if scores.family != "rule" else None
            if by is None or by.high >= 0:
                continue
            wins = record.winner is not None and record.winner.name == scores.name
            yield self.found(
                "error" if wins else "warn",
                f"it scores {scores.score:.4g} on test, the rule '{rule.name}' {rule.score:.4g}: worse by "
                f"{-by.value:.3g} (95 % interval {-by.high:.3g} to {-by.low:.3g})",
                contender=scores.name,
                numbers={"score": scores.score, "rule": rule.score, "low": -by.high, "high": -by.low},
                cause="It learned something that does not hold on new rows, or failed to learn at all.",
                remedy=f"Mend its other findings first; as it is, leave it out and use '{rule.name}'.",
                edit={f"contenders.{scores.name}": None},
            )

    @classmethod
    def faulty(cls) -> Example:
        scores = [standing("majority", "rule", 0.8), standing("tabm", "deep", 0.6, train=0.99)]
        return healthy_run().but(scores=scores, verdict={"winner": "majority"})

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
