"""Learning rate too high: the loss leaps up and down or climbs instead of falling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.diagnosis import Diagnosis, Example, Finding, curve, healthy_run
from deepwright.diagnosis._views import Curve, curves

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_FEWEST = 6
"""Reports that it takes to tell a leap from a bad start."""
_LEAP = 0.2
"""Median change between reports, as a share of the loss, that counts as leaping."""
_CLIMB = 1.5
"""Times the first loss at which the end has climbed."""


class LearningRateTooHigh(Diagnosis):
    """Leaps alone are no fault while the loss falls, and a flat loss without leaps has other causes: it takes both,
    no progress and leaps to and fro, or an end well above the start."""

    name: ClassVar[str] = "learning_rate_too_high"
    title: ClassVar[str] = "Learning rate too high"
    doctor: ClassVar[str] = "D-21"

    def check(self, record: Record) -> Iterator[Finding]:
        for found in curves(record):
            loss = found.train[np.isfinite(found.train)]
            if len(loss) >= _FEWEST and loss[0] > 0 and not found.own_goals:
                yield from self._look(found, loss)

    def _look(self, found: Curve, loss: np.ndarray) -> Iterator[Finding]:
        first, end = float(loss[0]), float(np.median(loss[-len(loss) // 3 :]))
        steps = np.diff(loss)
        leap = float(np.median(np.abs(steps)) / np.median(np.abs(loss)))
        turns = float(np.mean(steps[1:] * steps[:-1] < 0))
        climbs = end > _CLIMB * first
        # White noise around a level turns at two of three reports; below half of them it is drift, no oscillation.
        leaps = leap > _LEAP and turns > 0.5 and end > 0.9 * first
        if not (climbs or leaps):
            return
        seen = "climbed" if climbs else f"turned at {turns:.0%} of the reports, by {leap:.0%} of its size each time,"
        edit: dict[str, float] = {} if found.rate is None else {found.key("lr"): found.rate / 10}
        if found.plan.get("clip") is None:
            edit[found.key("clip")] = 1.0
        yield self.found(
            "error" if climbs else "warn",
            f"training loss {seen} from {first:.3g} in the first report to {end:.3g} in the last ones",
            contender=found.contender,
            numbers={"first_loss": first, "last_loss": end, "leap": leap, "turns": turns, "lr": found.rate or 0.0},
            cause="Each step is so long that it leaps over the valley it should walk down into.",
            remedy="Take a tenth of the learning rate, and clip the gradient.",
            edit=edit,
        )

    @classmethod
    def faulty(cls) -> Example:
        losses = [0.7, *(0.7 + (0.5 if epoch % 2 else -0.2) for epoch in range(30))]
        return healthy_run().but(log=curve("tabm", losses, update_ratio=0.3))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
