"""The rows on a plane, coloured by their cluster, and by the held-back label."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.core.metric import Answers
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import clouds, clusters_of, main_directions, sizes_said
from deepwright.evaluation.figures._curves import some
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class ClusterMap(Figure):
    """The two directions in which the rows differ most (principal components); the winner's clusters."""

    name: ClassVar[str] = "cluster_map"
    title: ClassVar[str] = "Map of the clusters"
    caption: ClassVar[str] = (
        "Each mark is a test row, placed by the two directions in which rows differ most: what is alike lies close. "
        "What looks mixed here may still be apart in the directions that are not shown. Numbers stand in the middle of "
        "the clusters, names in the middle of the labels that nobody was told."
    )

    def suits(self, record: Record) -> bool:
        answers = clusters_of(record)
        return answers is not None and len(answers) >= 3

    def height(self, record: Record) -> int:
        return 300

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = clusters_of(record)
        assert answers is not None
        place, shares = main_directions(answers.more["point"])
        rows = some(len(answers), 1500)
        titles = [f"{which} direction: {share:.0%} of variance" for which, share in zip(_WHICH, shares, strict=True)]
        labels = _labels(answers)
        clouds(canvas, place[rows], answers.prediction[rows], [labels[row] for row in rows], titles)

    def alt(self, record: Record) -> str:
        answers = clusters_of(record)
        assert answers is not None
        _, shares = main_directions(answers.more["point"])
        return (
            f"{len(answers):,} test rows on two directions that hold {shares.sum():.0%} of their variance: "
            f"{sizes_said(answers.prediction)}."
        )


_WHICH = ("1st", "2nd")


def _labels(answers: Answers) -> list[str | None]:
    return [answers.classes[code] if code >= 0 else None for code in answers.truth]
