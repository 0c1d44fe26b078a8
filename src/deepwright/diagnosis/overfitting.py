"""Overfitting: the network learns the training rows by heart; validation gets worse while training still improves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.diagnosis import Diagnosis, Example, Finding, curve, healthy_run
from deepwright.diagnosis._views import Curve, curves, noise, rows_in

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_AFTER = 3
"""Reports after the best one that it takes to speak of a rise."""
_ERRORS = 3.0
"""Standard errors by which validation must have risen, and by which the loss on both parts must differ."""


class Overfitting(Diagnosis):
    """The mean loss over V validation rows is known to about its own size / sqrt(V), and the curve's own jitter comes
    on top; a rise must stand clear of both. Patience waits for a rise before it stops, so there the loss on both parts
    must also have differed at the best epoch already."""

    name: ClassVar[str] = "overfitting"
    title: ClassVar[str] = "Overfitting"
    doctor: ClassVar[str] = "D-26"

    def check(self, record: Record) -> Iterator[Finding]:
        for found in curves(record):
            yield from self._rise(found, max(rows_in(record, "valid"), 1))

    def _rise(self, found: Curve, rows: int) -> Iterator[Finding]:
        both = np.isfinite(found.train) & np.isfinite(found.valid)
        train, valid, epoch = found.train[both], found.valid[both], found.epoch[both]
        if len(valid) <= _AFTER:
            return
        best = int(valid.argmin())
        if len(valid) - 1 - best < _AFTER:
            return
        last_valid, last_train = float(np.median(valid[-_AFTER:])), float(np.median(train[-_AFTER:]))
        error = max(noise(valid), abs(float(valid[best])) / math.sqrt(rows))
        rise = last_valid - float(valid[best])
        if rise <= _ERRORS * error or last_train >= train[best] or last_valid - last_train <= _ERRORS * error:
            return
        patient = found.plan.get("patience") is not None
        if patient and valid[best] - train[best] <= _ERRORS * error:
            return
        decay = found.plan.get("weight_decay") or 0.0
        edit: dict[str, float] = {found.key("weight_decay"): min(0.3, max(0.01, 10 * decay))}
        if not patient:
            edit[found.key("patience")] = max(_AFTER, len(valid) // 5)
        yield self.found(
            "info" if patient else "warn",
            f"validation loss rose from {valid[best]:.3g} (epoch {epoch[best]:g}) to {last_valid:.3g} at the end, "
            f"{rise / error:.1f} standard errors, while training loss fell from {train[best]:.3g} to {last_train:.3g}",
            contender=found.contender,
            numbers={
                "best_valid_loss": float(valid[best]),
                "best_epoch": float(epoch[best]),
                "last_valid_loss": last_valid,
                "last_train_loss": last_train,
                "standard_errors": rise / error,
            },
            cause="The network went on to learn what is peculiar to the training rows after it had learned the rest.",
            remedy="Decay the weights more"
            + ("." if patient else ", and stop when validation has not got better for a while.")
            + " The weights of the best epoch were kept.",
            edit=edit,
        )

    @classmethod
    def faulty(cls) -> Example:
        epochs = range(40)
        train = [0.7 * math.exp(-0.12 * epoch) for epoch in epochs]
        valid = [0.35 + 0.35 * math.exp(-0.4 * epoch) + 0.02 * max(0, epoch - 10) for epoch in epochs]
        return healthy_run().but(log=curve("tabm", train, valid))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()
