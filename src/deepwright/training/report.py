"""Report: what training tells its caller, between batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deepwright.core.errors import InternalError


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Where a step's loss or gradient was first not finite."""

    step: int
    """Steps taken before it."""
    epoch: float
    part: str
    loss: float
    parameters: tuple[str, ...] = ()
    """Of the part: those whose gradient is not finite."""
    rows: tuple[int, ...] = ()
    """Of the stream's rows (or of the batch, where a stream does not number them): those with inputs not finite."""

    def __str__(self) -> str:
        told = [f"after step {self.step} the loss of '{self.part}' was {self.loss:.6g}"]
        if self.parameters:
            told.append("gradients not finite in " + _shortened(self.parameters))
        if self.rows:
            told.append("values not finite in rows " + _shortened(self.rows))
        return "; ".join(told)


def _shortened(items: tuple[Any, ...], most: int = 5) -> str:
    shown = ", ".join(str(item) for item in items[:most])
    return shown + (f", … ({len(items)} in all)" if len(items) > most else "")


@dataclass(kw_only=True)
class Report:
    """What happened since the last report. While the caller holds it, training stands still between two batches.

    The learner's weights are then those to validate and save: the moving average where the plan has one. Whether
    they are in training or evaluation mode is the caller's to set; the engine sets its own when it goes on.
    """

    step: int
    """Optimizer steps taken since training began; skipped ones do not count."""
    epoch: float
    """Passes over the data, a fraction within one; 0 for streams without epochs."""
    losses: dict[str, float]
    """Part → mean loss since the last report; NaN when every step was skipped."""
    lr: dict[str, float]
    """Part → rate of its last step."""
    gradient_norm: float
    """Mean over the steps since the last report, before clipping."""
    update_ratio: float
    """Norm of one step (the first since the last report) over the norm of the weights it moved."""
    skipped: int
    """Steps since the last report whose loss or gradient was not finite; they moved nothing."""
    seconds: float
    """Wall-clock time since training began, of earlier processes too; the only entry that does not repeat exactly."""
    progress: float
    """Share of the training done, 0 to 1."""
    trouble: Trouble | None = None
    """The first step that was skipped since the last report."""
    ended: str | None = None
    """Why this report is the last: "epochs", "steps", "time", "stream", "patience" (once a score was set) or
    "not finite"."""

    _judge: Callable[[float], str | None] = field(repr=False)
    _snapshot: Callable[[], dict[str, Any]] = field(repr=False)
    _current: bool = field(default=True, repr=False)
    _score: float | None = field(default=None, repr=False)

    @property
    def score(self) -> float | None:
        """The caller's validation score, greater is better. Set it before asking for `state`, once.

        The engine then keeps the best weights, stops when patience is at its end and drives the plateau schedule.
        A score that is NaN is worse than any other.
        """
        return self._score

    @score.setter
    def score(self, value: float) -> None:
        self._must_be_current("score")
        if self._score is not None:
            raise InternalError("a report is scored once.")
        self._score = float(value)
        self.ended = self._judge(self._score) or self.ended

    def state(self) -> dict[str, Any]:
        """Everything that training needs to go on from here bit for bit, as a tree of tensors and JSON-able values.

        For `training.checkpoint.save`, and back into `train(..., state=...)`. The tensors are copies.
        """
        self._must_be_current("state")
        return self._snapshot()

    def _must_be_current(self, what: str) -> None:
        if not self._current:
            raise InternalError(f"training has gone on: a report's {what} belongs to the time until the next one.")
