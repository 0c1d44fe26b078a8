"""Skewed accuracy: accuracy as the metric where one class holds most rows; always answering it already looks good."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run
from deepwright.diagnosis._views import Z95, standard_error

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_MOST = 2 / 3
"""Share of the largest class that counts as skewed, once its 95 % interval lies above."""


class SkewedAccuracy(Diagnosis):
    """The largest class is counted on all rows (facts.json); Wilson's interval says how sure its share is."""

    name: ClassVar[str] = "skewed_accuracy"
    title: ClassVar[str] = "Accuracy on skewed classes"
    doctor: ClassVar[str] = "D-24"

    def check(self, record: Record) -> Iterator[Finding]:
        task = record.run.task
        if task is None or task.name != "classification" or task.metric.name != "accuracy":
            return
        target = next((facts for facts in record.facts.columns if facts.name == task.target), None)
        if target is None or not target.top:
            return
        label, largest = max(target.top, key=lambda entry: entry[1])
        rows = max((record.run.data.rows if record.run.data else 0) - target.missing, sum(n for _, n in target.top))
        if rows <= 0 or _wilson_low(largest, rows) <= _MOST:
            return
        share = largest / rows
        evidence = f"{share:.1%} of {rows:,} rows are '{label}'"
        numbers: dict[str, float | int | str] = {"largest_share": share, "rows": rows, "largest": str(label)}
        winner = record.winner
        if winner is not None and math.isfinite(winner.score + standard_error(winner)):
            ahead = winner.score - share
            numbers |= {"winner_ahead": ahead, "standard_error": standard_error(winner)}
            no_more = ", no more than the error of measurement" if ahead < 2 * standard_error(winner) else ""
            evidence += f"; {winner.name} has accuracy {winner.score:.3g}, {ahead:+.3f} over always saying so{no_more}"
        yield self.found(
            "warn",
            evidence,
            numbers=numbers,
            cause="Accuracy counts rows, and nearly all rows are of one class, so the others hardly count.",
            remedy="Choose by balanced accuracy, which counts every class the same; class weights may help it.",
            edit={"task.metric": "balanced_accuracy"},
        )

    @classmethod
    def faulty(cls) -> Example:
        return healthy_run(share=0.06)

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run(share=0.5)


def _wilson_low(hits: int, rows: int) -> float:
    """Lower end of Wilson's 95 % interval of a share."""
    share, z = hits / rows, Z95
    middle = share + z * z / (2 * rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return (middle - half) / (1 + z * z / rows)
