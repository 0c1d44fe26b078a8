"""Simple is enough: a rule or linear model does as well as the best network, within one standard error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing
from deepwright.diagnosis._views import component, lead, sign

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Scores
    from deepwright.evaluation.record import Record

_PLAIN = ("linear", "decision_tree")
"""Classical contenders that a person can read; rules are plain all the same."""


class SimpleIsEnough(Diagnosis):
    """Silent where the network is clearly worse: that is another finding."""

    name: ClassVar[str] = "simple_is_enough"
    title: ClassVar[str] = "A simple model is enough"
    doctor: ClassVar[str] = "D-88"

    def check(self, record: Record) -> Iterator[Finding]:
        ranked = [scores for scores in record.scores.values() if scores.score == scores.score]
        deep = [scores for scores in ranked if scores.family == "deep"]
        plain = [
            s for s in ranked if s.family == "rule" or (component(record, s.name) in _PLAIN and s.family != "deep")
        ]
        if not deep or not plain:
            return

        def standing(scores: Scores) -> float:
            return sign(record) * scores.score

        net, simple = max(deep, key=standing), max(plain, key=standing)
        by = lead(record, net, simple)
        if by is None or by.value > by.error or by.high < 0:
            return
        cost = net.fit_seconds / simple.fit_seconds if simple.fit_seconds > 0 else float("nan")
        price = f" and took {cost:,.0f} times as long to fit" if cost > 2 else ""
        yield self.found(
            "info",
            f"{net.name} scores {net.score:.4g}, {simple.name} {simple.score:.4g}: a difference of {by.value:+.3g} "
            f"where the standard error is {by.error:.2g}{price}",
            contender=net.name,
            numbers={"deep": net.score, "simple": simple.score, "difference": by.value, "standard_error": by.error},
            cause="What there is to learn in these rows is simple enough for a model that people can read.",
            remedy=f"Use '{simple.name}': it is faster, smaller and can be explained.",
            edit={f"contenders.{net.name}": None},
        )

    @classmethod
    def faulty(cls) -> Example:
        scores = [standing("majority", "rule", 0.5), standing("linear", "classical", 0.95)]
        return healthy_run().but(scores=[*scores, standing("tabm", "deep", 0.951)])

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
