"""Calibration: whether what is said with 80 % is right eight times in ten."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import reliability, winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class Calibration(Figure):
    """A reliability diagram (DeGroot and Fienberg, 1983) with 95 % intervals, and the number of rows in each bin."""

    name: ClassVar[str] = "calibration"
    title: ClassVar[str] = "Calibration"
    caption: ClassVar[str] = (
        "On the dotted diagonal, what the winner says with 80 % happens eight times in ten. Below it, the winner is "
        "too sure of itself; above it, not sure enough. The bars below count the rows behind each dot."
    )

    def suits(self, record: Record) -> bool:
        answers = winner_answers(record, probability=True)
        return answers is not None and bool(np.isfinite(_pairs(answers)[1]).all())

    def height(self, record: Record) -> int:
        return 400

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = winner_answers(record, probability=True)
        assert answers is not None
        hit, chance, meaning = _pairs(answers)
        bins = reliability(hit, chance)
        grid = canvas.add_gridspec(2, 1, height_ratios=[4, 1])
        upper, lower = canvas.add_subplot(grid[0]), canvas.add_subplot(grid[1])
        upper.plot([0, 1], [0, 1], color=style.MUTED, linestyle=(0, (1, 2)), linewidth=1)
        for mean, share, low, high, _ in bins:
            upper.plot([mean, mean], [low, high], color=style.ACCENT, linewidth=1.6)
            upper.plot(mean, share, marker="o", markersize=7, color=style.ACCENT, markeredgecolor=style.PAPER)
        upper.set_ylabel("share that was right" if meaning == "answer" else f"share that was {meaning}")
        upper.set_ylim(-0.03, 1.03)
        upper.tick_params(labelbottom=False)
        counts, edges = np.histogram(chance, bins=10, range=(0, 1))
        lower.bar(edges[:-1], counts, width=0.092, align="edge", color=style.ACCENT, alpha=0.45)
        lower.set_ylabel("rows")
        lower.set_xlabel("probability said" + (" for its answer" if meaning == "answer" else f" for {meaning}"))
        style.grid(upper, "both")
        for axes in (upper, lower):
            axes.set_xlim(-0.02, 1.02)

    def alt(self, record: Record) -> str:
        answers = winner_answers(record, probability=True)
        assert answers is not None
        hit, chance, _ = _pairs(answers)
        bins = reliability(hit, chance)
        return "; ".join(f"said {mean:.0%}, was {share:.0%} ({rows} rows)" for mean, share, _, _, rows in bins) + "."


def _pairs(answers: Answers) -> tuple[np.ndarray, np.ndarray, str]:
    """Whether it was so, the chance said, and of what: the second of two classes, the answer given, or a tag."""
    assert answers.probability is not None
    if answers.truth.ndim == 2:
        return answers.truth.ravel(), answers.probability.ravel(), "a tag of the row"
    if len(answers.classes) == 2:
        return answers.truth == 1, answers.probability[:, 1], style.short(answers.classes[1], 20)
    rows = np.arange(len(answers))
    return answers.truth == answers.prediction, answers.probability[rows, answers.prediction], "answer"
