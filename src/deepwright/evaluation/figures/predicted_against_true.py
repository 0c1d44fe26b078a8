"""Predicted against true: every test row as a dot beside the line where both are equal."""

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


class PredictedAgainstTrue(Figure):
    """The winner's test rows; both axes share one scale."""

    name: ClassVar[str] = "predicted_against_true"
    title: ClassVar[str] = "Predicted against true"
    caption: ClassVar[str] = (
        "On the line, the winner was right; below it, it said too little. Flattened ends mean that extremes are "
        "pulled to the middle."
    )

    def suits(self, record: Record) -> bool:
        return _answers(record) is not None

    def height(self, record: Record) -> int:
        return 400

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = _answers(record)
        assert answers is not None
        shown = some(len(answers))
        axes = canvas.add_subplot()
        both = np.r_[answers.truth, answers.prediction]
        pad = 0.04 * (both.max() - both.min()) or 1.0
        ends = (both.min() - pad, both.max() + pad)
        axes.plot(ends, ends, color=style.MUTED, linestyle=(0, (1, 2)), linewidth=1)
        x, y = answers.truth[shown], answers.prediction[shown]
        axes.plot(x, y, "o", color=style.ACCENT, markersize=4, alpha=dot_alpha(len(answers)), mew=0)
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        axes.set_aspect("equal")
        target = style.short(record.run.task.target if record.run.task else "", 24)
        axes.set_xlabel(f"true {target}")
        axes.set_ylabel(f"predicted {target}")
        axes.locator_params(nbins=6)
        style.grid(axes, "both")
        style.thousands(axes, "x", "y")

    def alt(self, record: Record) -> str:
        answers = _answers(record)
        assert answers is not None
        low, high = (style.number(float(end)) for end in (answers.truth.min(), answers.truth.max()))
        said = f"{len(answers)} test rows, truth from {low} to {high}"
        if len(answers) > 2 and answers.truth.std() > 0 and answers.prediction.std() > 0:
            said += f", correlation {np.corrcoef(answers.truth, answers.prediction)[0, 1]:.2f}"
        return said + "."


def _answers(record: Record) -> Answers | None:
    answers = winner_answers(record) if isinstance(record.task, TargetTask) else None
    if answers is None or answers.classes or answers.truth.ndim != 1:
        return None
    known = np.isfinite(answers.truth) & np.isfinite(answers.prediction)
    return answers.take(np.flatnonzero(known)) if known.any() else None
