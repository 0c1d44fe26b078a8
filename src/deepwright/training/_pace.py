"""Pace: how far training is, when it ends and reports, and what rate belongs to that."""

from __future__ import annotations

import time
from typing import Any

from deepwright.core.plan import Plan
from deepwright.training.schedules import At, find_schedule

_STEPS_A_REPORT = 100
_COUNTS = ("batches", "rounds", "lost", "attempts", "skipped", "reports", "next_report")


class Pace:
    """Counts of what was done, and the clock.

    batches: handed out by the stream.            rounds: of as many batches as the plan accumulates.
    attempts: steps, skipped ones included.       lost: rounds whose steps were all skipped; the schedule stands still.
    """

    def __init__(self, plan: Plan, per_epoch: int | None) -> None:
        self.plan = plan
        self.per_epoch = per_epoch
        self.batches = self.rounds = self.lost = self.attempts = self.skipped = self.reports = 0
        self.dry = False  # the stream has no more batches
        self.round_seconds = 0.0
        self._every = plan.report_every or (None if per_epoch else _STEPS_A_REPORT)
        self.next_report = self._every or 0
        self._factor = find_schedule(plan.schedule)
        self._before = 0.0  # seconds of earlier processes
        self._began = self._paused_at = time.monotonic()
        self._pauses, self._pause_seconds = 0, 0.0

    @property
    def step(self) -> int:
        """Steps taken."""
        return self.attempts - self.skipped

    @property
    def epoch(self) -> float:
        """Passes over the data."""
        return self.batches / self.per_epoch if self.per_epoch else 0.0

    def batches_wanted(self) -> int:
        """Micro-batches of the next round; it does not reach over the end of an epoch."""
        if self.per_epoch is None:
            return self.plan.accumulate
        return min(self.plan.accumulate, self.per_epoch - self.batches % self.per_epoch)

    def progress(self) -> float:
        """Share of the training done, by whichever end is nearest."""
        share = 0.0
        if self.plan.epochs and self.per_epoch:
            rounds = self.plan.epochs * -(-self.per_epoch // self.plan.accumulate)
            share = (self.rounds - self.lost) / rounds
        if self.plan.steps:
            share = max(share, self.step / self.plan.steps)
        if self.plan.time:
            share = max(share, self.elapsed() / self.plan.time)
        return min(share, 1.0)

    def factor(self, drops: int) -> float:
        """What the peak rate is multiplied by in the next step."""
        epoch = (self.batches - 1) // self.per_epoch if self.per_epoch else self.reports
        return self._factor(self.plan, At(self.progress(), epoch, drops))

    def ended(self) -> str | None:
        """Which of the plan's ends is reached; a budget of time leaves room for a caller's turn after it."""
        plan = self.plan
        if plan.epochs and self.per_epoch and self.batches >= plan.epochs * self.per_epoch:
            return "epochs"
        if plan.steps and self.step >= plan.steps:
            return "steps"
        turn = self._pause_seconds / max(1, self._pauses)
        if plan.time and self.elapsed() + self.round_seconds / 2 + turn > plan.time:
            return "time"
        return "stream" if self.dry else None

    def report_is_due(self) -> bool:
        """Asked between two rounds."""
        if self._every is None and self.per_epoch:
            return self.batches % self.per_epoch == 0
        return self.attempts >= self.next_report

    def report_is_given(self) -> None:
        """The next one is due that many steps later."""
        if self._every is not None:
            self.next_report = self.attempts + self._every

    def start(self) -> None:
        """The clock."""
        self._began = self._paused_at = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since training began, earlier processes included."""
        return self._before + time.monotonic() - self._began

    def pause(self) -> None:
        """The caller's turn begins."""
        self._pauses += 1
        self._paused_at = time.monotonic()

    def resume(self) -> None:
        """The caller's turn is over."""
        if self._pauses:  # training's own start is no turn of the caller's
            self._pause_seconds += time.monotonic() - self._paused_at

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        return {name: getattr(self, name) for name in _COUNTS} | {"seconds": self.elapsed(), "every": self._every}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in _COUNTS:
            setattr(self, name, state[name])
        self._before = state["seconds"]
