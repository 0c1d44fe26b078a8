"""Precision against recall: how pure the found are when more are to be found, at every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import both_sorts, precision_recall
from deepwright.evaluation.figures._one_against_rest import Line, draw_lines, lines, said
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class PrecisionRecall(Figure):
    """Two classes: a line a contender. More classes or tags: the winner's line for each against the rest."""

    name: ClassVar[str] = "precision_recall"
    title: ClassVar[str] = "Precision and recall"
    caption: ClassVar[str] = (
        "Each point is a threshold. Unlike ROC it shows what rare positives cost; guessing gives a flat line at the "
        "share of positives. AP is the average precision."
    )

    def suits(self, record: Record) -> bool:
        return bool(_lines(record))

    def height(self, record: Record) -> int:
        return 380

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        draw_lines(axes, _lines(record), "AP", corner="lower left")
        axes.set_xlabel("recall: share of the positives that are found")
        axes.set_ylabel("precision: share of the found that are positive")

    def alt(self, record: Record) -> str:
        return f"Average precision: {said(_lines(record))}."


def _lines(record: Record) -> list[Line]:
    return lines(record, precision_recall, both_sorts)
