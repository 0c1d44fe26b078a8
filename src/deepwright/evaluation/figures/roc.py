"""ROC curves: how many positives are found for how many false alarms, at every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import both_sorts, roc
from deepwright.evaluation.figures._one_against_rest import Line, draw_lines, lines, said
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class Roc(Figure):
    """Two classes: a line a contender. More classes or tags: the winner's line for each against the rest."""

    name: ClassVar[str] = "roc"
    title: ClassVar[str] = "ROC curve"
    caption: ClassVar[str] = (
        "Each point is a threshold. The area under the line is the chance that a positive row gets a higher "
        "probability than a negative one; guessing gives the dotted diagonal, area 0.5."
    )

    def suits(self, record: Record) -> bool:
        return bool(_lines(record))

    def height(self, record: Record) -> int:
        return 380

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.plot([0, 1], [0, 1], color=style.MUTED, linestyle=(0, (1, 2)), linewidth=1)
        draw_lines(axes, _lines(record), "area", corner="lower right")
        axes.set_xlabel("false alarms: share of the negatives called positive")
        axes.set_ylabel("found: share of the positives")

    def alt(self, record: Record) -> str:
        return f"Area under the curve: {said(_lines(record))}."


def _lines(record: Record) -> list[Line]:
    return lines(record, roc, both_sorts)
