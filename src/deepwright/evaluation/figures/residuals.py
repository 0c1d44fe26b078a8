"""Residuals: where and by how much the winner is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import dot_alpha, some, winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class Residuals(Figure):
    """Truth minus prediction over the prediction, with its histogram beside it."""

    name: ClassVar[str] = "residuals"
    title: ClassVar[str] = "Residuals"
    caption: ClassVar[str] = (
        "Truth minus prediction, in the target's unit: above the line the winner said too little. A cloud without "
        "shape is good; a fan or a bend means there is something left to learn."
    )

    def suits(self, record: Record) -> bool:
        return _answers(record) is not None

    def height(self, record: Record) -> int:
        return 400

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = _answers(record)
        assert answers is not None
        off = answers.truth - answers.prediction
        shown = some(len(off))
        grid = canvas.add_gridspec(1, 2, width_ratios=[4, 1])
        cloud = canvas.add_subplot(grid[0])
        beside = canvas.add_subplot(grid[1], sharey=cloud)
        cloud.axhline(0, color=style.MUTED, linewidth=1)
        cloud.plot(
            answers.prediction[shown],
            off[shown],
            "o",
            color=style.ACCENT,
            markersize=4,
            alpha=dot_alpha(len(off)),
            mew=0,
        )
        bins = min(30, max(5, int(np.sqrt(len(off)))))
        beside.hist(off, bins=bins, orientation="horizontal", color=style.ACCENT, alpha=0.45)
        cloud.set_xlabel(f"predicted {style.short(record.run.task.target if record.run.task else '', 24)}")
        cloud.set_ylabel("truth − prediction")
        beside.set_xlabel("rows")
        beside.tick_params(labelleft=False)
        beside.spines["left"].set_visible(False)
        cloud.locator_params(axis="x", nbins=6)
        style.grid(cloud)
        style.thousands(cloud, "x", "y")

    def alt(self, record: Record) -> str:
        answers = _answers(record)
        assert answers is not None
        off = answers.truth - answers.prediction
        low, middle, high = np.quantile(off, [0.05, 0.5, 0.95])
        return (
            f"Truth minus prediction of {len(off)} test rows: median {style.number(middle)}, "
            f"nine of ten between {style.number(low)} and {style.number(high)}."
        )


def _answers(record: Record) -> Answers | None:
    answers = winner_answers(record) if isinstance(record.task, TargetTask) else None
    if answers is None or answers.classes or answers.truth.ndim != 1:
        return None
    known = np.isfinite(answers.truth) & np.isfinite(answers.prediction)
    return answers.take(np.flatnonzero(known)) if known.any() else None
