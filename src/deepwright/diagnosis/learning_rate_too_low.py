"""Learning rate too low: training ended while the loss was still falling, so more was to be had from the same data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.diagnosis import Diagnosis, Example, Finding, curve, healthy_run
from deepwright.diagnosis._views import Curve, curves, cut_short, noise, nothing_to_gain, recipe

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_FEWEST = 5
_FALL = 0.01
"""Share of the loss by which it still falls an epoch."""
_ERRORS = 3.0
_TINY = 1e-5
"""Length of a step over the length of the weights below which nothing moves."""
_BARELY = 0.3
"""Share of the first loss that a whole training took off it, below which the rate is to blame rather than the end."""


class LearningRateTooLow(Diagnosis):
    """The fall over the last reports is a line fitted to them; it must be steep and clear of its own standard error.
    Where validation has turned by then, moves no more, or cannot get better than it is, more training would not help:
    silent. What the clock cut short is `undertrained`, unless its steps are what held it back."""

    name: ClassVar[str] = "learning_rate_too_low"
    title: ClassVar[str] = "Learning rate too low, or trained too short"
    doctor: ClassVar[str] = "D-22"

    def check(self, record: Record) -> Iterator[Finding]:
        for found in curves(record):
            scores = record.scores.get(found.contender)
            if found.stopped == "patience" or (scores is not None and nothing_to_gain(record, scores)):
                continue
            yield from self._look(found, recipe(record), cut=scores is not None and cut_short(scores))

    def _look(self, found: Curve, tree: Mapping[str, Any], *, cut: bool) -> Iterator[Finding]:
        known = np.isfinite(found.train) & np.isfinite(found.epoch)
        loss, epoch = found.train[known], found.epoch[known]
        if len(loss) < _FEWEST or loss[-1] <= 0:
            return
        size = max(_FEWEST, len(loss) // 5)
        fall, error = _slope(epoch[-size:], loss[-size:])
        per_epoch = -fall / float(loss[-1])
        if not (per_epoch > _FALL and -fall > _ERRORS * error) or _settled(found, size):
            return
        ratio = found.update_ratio[np.isfinite(found.update_ratio)]
        tiny = len(ratio) > 0 and float(np.median(ratio)) < _TINY
        slow = tiny or loss[-1] > (1 - _BARELY) * loss[0]
        if cut and not slow:
            return
        yield self.found(
            "warn",
            f"training loss still fell by {per_epoch:.1%} an epoch at the end (from {loss[0]:.3g} to {loss[-1]:.3g} in "
            f"all{f', steps of {float(np.median(ratio)):.1g} of the weights' if tiny else ''})",
            contender=found.contender,
            numbers={
                "fall_per_epoch": per_epoch,
                "first_loss": float(loss[0]),
                "last_loss": float(loss[-1]),
                "standard_errors": -fall / error if error else _ERRORS,
            },
            cause="The steps are too short to arrive." if slow else "Training ended before the network was done.",
            remedy="Take ten times the learning rate." if slow else "Train twice as long.",
            edit=_edit(found, slow, tree),
        )

    @classmethod
    def faulty(cls) -> Example:
        return healthy_run().but(log=curve("tabm", [0.7 * math.exp(-0.015 * e) for e in range(20)], lr=1e-6))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line and its standard error; infinite error where the line is not determined."""
    spread = float(((x - x.mean()) ** 2).sum())
    if spread <= 0:
        return 0.0, math.inf
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    rest = y - y.mean() - slope * (x - x.mean())
    return slope, math.sqrt(float((rest**2).sum()) / max(len(x) - 2, 1) / spread)


def _settled(found: Curve, size: int) -> bool:
    """Whether validation has turned, or moves no more: then the rest of the training loss is learned by heart."""
    known = np.isfinite(found.valid) & np.isfinite(found.epoch)
    valid, epoch = found.valid[known], found.epoch[known]
    if len(valid) < _FEWEST:
        return False
    slope, _ = _slope(epoch[-size:], valid[-size:])
    return float(valid[-1]) > float(valid.min()) + noise(valid) or -slope < _FALL / 2 * abs(float(valid[-1]))


def _edit(found: Curve, slow: bool, tree: Mapping[str, Any]) -> dict[str, Any] | None:
    if slow:
        return None if found.rate is None else {found.key("lr"): min(1.0, 10 * found.rate)}
    for option in ("epochs", "steps", "time"):
        if found.plan.get(option) and found.stopped in (option, ""):
            return {found.key(option): 2 * found.plan[option]}
    whole = tree.get("time")
    return {"time": 2 * whole} if isinstance(whole, int | float) else None
