"""Target is noise: nobody beats the rule, and predictions fit the truth no better than truths dealt out anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.core.find import find, names
from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing
from deepwright.diagnosis._example import calibrated_predictions
from deepwright.diagnosis._views import best, lead, sign

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_FEWEST = 30
"""Test rows below which a weak signal would be missed as a rule, so that silence is all one can say."""
_DEALS = 200
_CHANCE = 0.05


class TargetIsNoise(Diagnosis):
    """A permutation test (Good, Permutation Tests, 2000) on the best contender that is no rule: its test score against
    the scores of the same predictions beside shuffled truths. Seeded, so that a run is always told the same."""

    name: ClassVar[str] = "target_is_noise"
    title: ClassVar[str] = "Nothing to learn"
    doctor: ClassVar[str] = "D-58"

    def check(self, record: Record) -> Iterator[Finding]:
        rule, learned = best(record, "rule"), best(record, "classical", "deep")
        if rule is None or learned is None:
            return
        leads = [lead(record, scores, rule) for scores in record.scores.values() if scores.family != "rule"]
        if any(by is None or by.low > 0 for by in leads):
            return
        chance = _chance(record, learned.name)
        if chance is None or chance[0] <= _CHANCE:
            return
        yield self.found(
            "warn",
            f"the best of them, {learned.name}, scores {learned.score:.4g} on {chance[1]:,} test rows, the rule "
            f"'{rule.name}' {rule.score:.4g}; {chance[0]:.0%} of {_DEALS} shuffled truths fit its predictions as well",
            numbers={"score": learned.score, "rule": rule.score, "p": chance[0], "rows": chance[1]},
            cause="The columns hold nothing about the target that these models can find.",
            remedy="Check that target and columns belong together row by row, then look for columns that say more.",
        )

    @classmethod
    def faulty(cls) -> Example:
        run = healthy_run()
        assert run.predictions is not None
        shuffled = run.predictions.with_columns(run.predictions["truth"].shuffle(seed=1))
        scores = [standing("majority", "rule", 0.5), standing("linear", "classical", 0.48)]
        return run.but(scores=[*scores, standing("tabm", "deep", 0.49)], predictions=shuffled)

    @classmethod
    def healthy(cls) -> Example:
        # Nobody beats the rule for sure, yet the predictions do know something about the truth.
        scores = [standing("majority", "rule", 0.75), standing("tabm", "deep", 0.78)]
        return healthy_run().but(scores=scores, predictions=calibrated_predictions(200, share=0.25))


def _chance(record: Record, contender: str) -> tuple[float, int] | None:
    """p of the permutation test and the number of test rows; None where it cannot be made."""
    task = record.run.task
    if task is None or record.predictions is None or task.metric.name not in names("metric"):
        return None
    if contender not in record.predictions["contender"]:
        return None
    answers = record.answers(contender)
    if answers is None or len(answers) < _FEWEST:
        return None
    metric, rng = find("metric", task.metric.name)(), np.random.default_rng(0)
    own = sign(record) * metric.score(answers)
    if not math.isfinite(own):
        return None
    dealt = []
    for _ in range(_DEALS):
        order = rng.permutation(len(answers))
        mixed = type(answers)(
            truth=answers.truth[order],
            prediction=answers.prediction,
            probability=answers.probability,
            classes=answers.classes,
        )
        dealt.append(sign(record) * metric.score(mixed))
    return (1 + sum(score >= own for score in dealt)) / (1 + _DEALS), len(answers)
