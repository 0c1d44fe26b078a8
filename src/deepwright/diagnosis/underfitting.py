"""Underfitting: a network hardly beats the rule on its own training rows, though others find more in the same data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing
from deepwright.diagnosis._views import best, lead, rows_in, sign, standard_error

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Scores
    from deepwright.evaluation.record import Record

_ERRORS = 2.0


class Underfitting(Diagnosis):
    """Silent where nobody beats the rule: then there may be nothing to learn, which is another finding."""

    name: ClassVar[str] = "underfitting"
    title: ClassVar[str] = "Underfitting"
    doctor: ClassVar[str] = "D-27"

    def check(self, record: Record) -> Iterator[Finding]:
        rule, task = best(record, "rule"), record.run.task
        if rule is None or task is None:
            return
        leads = {name: lead(record, scores, rule) for name, scores in record.scores.items() if scores.family != "rule"}
        ahead = {name for name, by in leads.items() if by is not None and by.low > 0}
        for scores in record.scores.values():
            if scores.family == "deep" and ahead - {scores.name}:
                yield from self._compare(record, scores, rule, task.metric.name)

    def _compare(self, record: Record, scores: Scores, rule: Scores, metric: str) -> Iterator[Finding]:
        own, plain = scores.train.get(metric, math.nan), rule.train.get(metric, math.nan)
        # The interval is of the test rows; on the (more) training rows the error shrinks with the root of their number.
        shrink = math.sqrt(max(rows_in(record, "test"), 1) / max(rows_in(record, "train"), 1))
        error = standard_error(scores) * shrink
        ahead = sign(record) * (own - plain)
        if not math.isfinite(ahead + error) or ahead > _ERRORS * error:
            return
        plan = scores.deep.plan if scores.deep else {}
        key = f"contenders.{scores.name}.training"
        end = next((option for option in ("epochs", "steps", "time") if plan.get(option)), None)
        yield self.found(
            "warn",
            f"{metric} on the training rows is {own:.3g}, the rule '{rule.name}' has {plain:.3g} there: no more than "
            f"{_ERRORS:g} standard errors of {error:.2g} ahead",
            contender=scores.name,
            numbers={"train": own, "rule_train": plain, "standard_error": error},
            cause="The network is too small, too held back or too short in training to fit even the rows it sees.",
            remedy="Train three times as long; then widen the network, or lower weight decay and dropout.",
            edit={f"{key}.{end}": 3 * plan[end]} if end else None,
        )

    @classmethod
    def faulty(cls) -> Example:
        scores = list(healthy_run().scores)
        return healthy_run().but(scores=[*scores[:2], standing("tabm", "deep", 0.5, train=0.51)])

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
