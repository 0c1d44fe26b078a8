"""Miscalibrated: the winner's probabilities do not come true as often as they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from deepwright.diagnosis import Diagnosis, Example, Finding, healthy_run

if TYPE_CHECKING:
    from deepwright.evaluation.record import Record

_FEWEST = 50
_LARGEST_GAP = 0.05
"""Expected calibration error that matters in practice; it must also be beyond what honest probabilities would show."""
_BINS = 10
_DRAWS = 200
_CHANCE = 0.01


class Miscalibrated(Diagnosis):
    """The calibration error of perfect probabilities is not 0 but grows as rows get fewer; it is compared with that of
    truths drawn from the stated probabilities (consistency resampling, Bröcker and Smith 2007)."""

    name: ClassVar[str] = "miscalibrated"
    title: ClassVar[str] = "Miscalibrated probabilities"
    doctor: ClassVar[str] = "D-79"

    def check(self, record: Record) -> Iterator[Finding]:
        winner, task, frame = record.winner, record.run.task, record.predictions
        if winner is None or task is None or frame is None or task.name != "classification":
            return
        rows = frame.filter(pl.col("contender") == winner.name)
        if "probability" not in rows.columns or "prediction" not in rows.columns or rows.height < _FEWEST:
            return
        stated = rows["probability"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        right = (rows["prediction"].cast(pl.String) == rows["truth"].cast(pl.String)).fill_null(False).to_numpy()
        if not np.isfinite(stated).all() or stated.min() < 0 or stated.max() > 1:
            return
        gap = _calibration_error(stated, right)
        rng = np.random.default_rng(0)
        honest = [_calibration_error(stated, rng.random(len(stated)) < stated) for _ in range(_DRAWS)]
        chance = (1 + sum(other >= gap for other in honest)) / (1 + _DRAWS)
        if gap <= _LARGEST_GAP or chance > _CHANCE:
            return
        over = float(stated.mean() - right.mean())
        yield self.found(
            "warn",
            f"it says {stated.mean():.1%} on average and is right in {right.mean():.1%} of {rows.height:,} test rows; "
            f"calibration error {gap:.3f}, where honest probabilities would show {np.median(honest):.3f}",
            contender=winner.name,
            numbers={"calibration_error": gap, "honest": float(np.median(honest)), "too_sure_by": over, "p": chance},
            cause="It is too sure of itself." if over > 0 else "It is less sure than it could be.",
            remedy="Rank by the probabilities but do not bet on them; smoothing the labels makes a network less sure.",
            edit={"task.options.label_smoothing": 0.05} if over > 0 and winner.family == "deep" else None,
        )

    @classmethod
    def faulty(cls) -> Example:
        run = healthy_run()
        assert run.predictions is not None
        sure = pl.col("probability") ** 0.2  # 0.6 becomes 0.9
        return run.but(predictions=run.predictions.with_columns(sure.clip(0.97, 1.0)))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()


def _calibration_error(stated: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of stated probability and share of hits over bins with equally many rows."""
    bins = np.array_split(np.argsort(stated, kind="stable"), _BINS)
    gaps = [abs(stated[rows].mean() - right[rows].mean()) * len(rows) for rows in bins if len(rows)]
    return float(sum(gaps) / len(stated))
