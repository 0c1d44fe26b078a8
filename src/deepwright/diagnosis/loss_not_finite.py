"""Loss not finite: the loss or its gradient became NaN or infinite; those steps were left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.diagnosis import Diagnosis, Example, Finding, curve, healthy_run
from deepwright.diagnosis._views import Curve, curves

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record


class LossNotFinite(Diagnosis):
    """One such step is one too many: arithmetic on finite rows gives finite losses, whatever the sample size."""

    name: ClassVar[str] = "loss_not_finite"
    title: ClassVar[str] = "Loss not finite"
    doctor: ClassVar[str] = "D-21"

    def check(self, record: Record) -> Iterator[Finding]:
        for found in curves(record):
            yield from self._look(found)

    def _look(self, found: Curve) -> Iterator[Finding]:
        skipped = int(found.skipped.sum())
        lost = int((~np.isfinite(found.train)).sum()) if np.isfinite(found.train).any() or skipped else 0
        if not (skipped or lost):
            return
        first = int(np.flatnonzero((found.skipped > 0) | ~np.isfinite(found.train))[0])
        edit: dict[str, float] = {} if found.rate is None else {found.key("lr"): found.rate / 10}
        if found.plan.get("clip") is None:
            edit[found.key("clip")] = 1.0
        yield self.found(
            "error" if not np.isfinite(found.train[-1]) or found.skipped[-1] else "warn",
            f"{skipped} steps had a loss or gradient that is not finite and {lost} of {len(found)} reports have no "
            f"finite training loss, first in report {first + 1}",
            contender=found.contender,
            numbers={"skipped": skipped, "reports": lost, "first_report": first + 1},
            cause="The numbers overflowed: a step too long, or inputs or targets of extreme size.",
            remedy="Take a tenth of the learning rate, clip the gradient, and look for extreme values in the columns.",
            edit=edit,
        )

    @classmethod
    def faulty(cls) -> Example:
        losses = [0.7, 0.6, 3.0, *([None] * 5)]
        return healthy_run().but(log=curve("tabm", losses, skipped=2))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
