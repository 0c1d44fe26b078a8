"""Each tag's precision, recall and F1 on the test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_MOST = 25


class TagScores(Figure):
    """One line a tag, the most frequent first: F1 as a dot between precision and recall."""

    name: ClassVar[str] = "tag_scores"
    title: ClassVar[str] = "Precision, recall and F1 of each tag"
    caption: ClassVar[str] = (
        "P is precision (how many of those found are right), R is recall (how many are found), the dot is F1. "
        "The number of test rows with the tag stands beside its name."
    )

    def suits(self, record: Record) -> bool:
        answers = winner_answers(record)
        named = answers is not None and answers.truth.ndim == 2 and answers.truth.shape[1] == len(answers.classes)
        return answers is not None and named and bool(_rows(answers))

    def height(self, record: Record) -> int:
        answers = winner_answers(record)
        return 60 + 26 * len(_rows(answers)) if answers else 100

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = winner_answers(record)
        assert answers is not None
        axes = canvas.add_subplot()
        rows = _rows(answers)
        for place, (_, _, precision, recall, f1) in enumerate(rows):
            axes.plot([precision, recall], [place, place], color=style.FAINT, linewidth=3, zorder=1)
            axes.plot(f1, place, "o", color=style.ACCENT, markersize=7, zorder=3)
            for letter, value in (("P", precision), ("R", recall)):
                axes.text(value, place - 0.08, letter, ha="center", va="bottom", fontsize=10, color=style.MUTED)
        labels = [f"{style.short(name, 20)} ({count:,})" for name, count, *_ in rows]
        axes.set_yticks(range(len(rows)), labels, color=style.INK)
        axes.set_ylim(len(rows) - 0.4, -0.8)
        axes.set_xlim(-0.02, 1.03)
        axes.set_xlabel("share")
        axes.spines["left"].set_visible(False)
        style.grid(axes, "x")

    def alt(self, record: Record) -> str:
        answers = winner_answers(record)
        assert answers is not None
        return "F1 of each tag: " + ", ".join(f"{style.short(name)} {f1:.2f}" for name, *_, f1 in _rows(answers)) + "."


def _rows(answers: Answers) -> list[tuple[str, int, float, float, float]]:
    """Tag, test rows with it, precision, recall, F1; tags that no test row has are left out."""
    truth, said = answers.truth.astype(bool), answers.prediction.astype(bool)
    right, there, called = (truth & said).sum(axis=0), truth.sum(axis=0), said.sum(axis=0)
    order = [int(k) for k in np.argsort(-there, kind="stable") if there[k]]
    return [
        (
            answers.classes[k],
            int(there[k]),
            float(right[k] / max(1, called[k])),
            float(right[k] / there[k]),
            float(2 * right[k] / (there[k] + called[k])),
        )
        for k in order[:_MOST]
    ]
