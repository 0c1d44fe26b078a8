"""Undertrained: the clock ended a network before one pass over the rows, or before early stopping could have a say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run, standing
from deepwright.diagnosis._views import cut_short, nothing_to_gain, recipe, rows_in

if TYPE_CHECKING:
    from deepwright.evaluation.parts import Scores
    from deepwright.evaluation.record import Record

_MOST = 10
"""Times the budget that is asked for at most; beyond it the network is too large for the time."""


class Undertrained(Diagnosis):
    """Only where the wall-clock ended training: so many epochs that were asked for are no mistake. Silent where
    validation had nothing left to gain."""

    name: ClassVar[str] = "undertrained"
    title: ClassVar[str] = "Undertrained: the time ended first"
    doctor: ClassVar[str] = "D-22"

    def check(self, record: Record) -> Iterator[Finding]:
        for scores in record.scores.values():
            if cut_short(scores) and not nothing_to_gain(record, scores):
                yield self._say(record, scores, recipe(record))

    def _say(self, record: Record, scores: Scores, tree: Mapping[str, Any]) -> Finding:
        deep = scores.deep
        assert deep is not None  # cut_short asked
        patience = deep.plan.get("patience") or 0
        wanted = max(1, patience + 1)
        factor = _factor(wanted / deep.epochs if deep.epochs > 0 else math.inf)
        numbers: dict[str, float | int | str] = {"epochs": deep.epochs, "wanted": wanted, "patience": patience}
        if math.isfinite(scores.fit_seconds):
            numbers["seconds"] = scores.fit_seconds
        spent = f"{scores.fit_seconds:.3g} s" if "seconds" in numbers else "its time"
        seen = (
            f"{deep.epochs:.2g} of a pass over the {rows_in(record, 'train'):,} training rows"
            if deep.epochs < 1
            else f"{deep.epochs:.3g} epochs, and early stopping waits for {patience} without progress"
        )
        much = deep.epochs <= 0 or wanted / deep.epochs > _MOST
        return self.found(
            "warn",
            f"the clock ended training after {spent}: {seen}",
            contender=scores.name,
            numbers=numbers,
            cause="The network is too large, or the time too short, for so many rows."
            if much
            else "The time ended before validation could say that training was enough.",
            remedy=f"Give it {factor} times the time"
            + ("; a smaller network, or fewer rows (data.rows), needs less of it." if much else "."),
            edit=_edit(scores, factor, tree),
        )

    @classmethod
    def faulty(cls) -> Example:
        return healthy_run().but(scores=[*healthy_run().scores[:2], _timed(0.4)])

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run().but(scores=[*healthy_run().scores[:2], _timed(40)])


def _factor(short_by: float) -> int:
    return int(min(_MOST, max(2, math.ceil(short_by)))) if math.isfinite(short_by) else _MOST


def _edit(scores: Scores, factor: int, tree: Mapping[str, Any]) -> dict[str, Any] | None:
    """Its own limit where it has one, else that of the run; None where neither is a number."""
    own = scores.deep.plan.get("time") if scores.deep else None
    if isinstance(own, int | float):
        return {f"contenders.{scores.name}.training.time": factor * own}
    whole = tree.get("time")
    return {"time": factor * whole} if isinstance(whole, int | float) else None


def _timed(epochs: float) -> dict[str, Any]:
    """A network that the clock ended after so many epochs, the last of them the best."""
    scores = standing("tabm", "deep", 0.85, plan={"patience": 16})
    deep = {**scores["deep"], "stopped": "time", "epochs": epochs, "best_epoch": epochs}
    return {**scores, "fit_seconds": 40.0, "deep": deep}
