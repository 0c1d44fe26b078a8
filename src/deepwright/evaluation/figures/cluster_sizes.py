"""How many rows each cluster holds, and of which held-back labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import clusters_of, sizes_said
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST = 20


class ClusterSizes(Figure):
    """A row a cluster: counts by label where a label was held back, else one bar."""

    name: ClassVar[str] = "cluster_sizes"
    title: ClassVar[str] = "Who is in the clusters"
    caption: ClassVar[str] = (
        "Test rows of each of the winner's clusters, by the held-back label where there is one; the shade is the share "
        "of the cluster. One dark field in each row and column would be clusters that are the labels."
    )

    def suits(self, record: Record) -> bool:
        return clusters_of(record) is not None

    def height(self, record: Record) -> int:
        answers = clusters_of(record)
        return 100 + 30 * (int(answers.prediction.max()) + 1 if answers else 1)

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = clusters_of(record)
        assert answers is not None
        axes = canvas.add_subplot()
        clusters = int(answers.prediction.max()) + 1
        labels = _labels(answers)
        if labels:
            _table(axes, _counts(answers, labels), labels)
        else:
            counts = np.bincount(answers.prediction)
            axes.barh(range(clusters), counts, height=0.66, color=style.ACCENT, alpha=0.75)
            for k, count in enumerate(counts):
                axes.annotate(f"{count:,}", (count, k), xytext=(4, 0), textcoords="offset points", va="center")
            axes.set_xlabel("test rows")
        axes.set_yticks(range(clusters), [f"cluster {k + 1}" for k in range(clusters)], color=style.INK)
        axes.set_ylim(clusters - 0.5, -0.5)

    def alt(self, record: Record) -> str:
        answers = clusters_of(record)
        assert answers is not None
        labels = _labels(answers)
        if not labels:
            return f"Test rows: {sizes_said(answers.prediction)}."
        counts = _counts(answers, labels)
        told = [
            f"cluster {k + 1} is mostly {style.short(labels[int(row.argmax())])} ({int(row.max())} of {int(row.sum())})"
            for k, row in enumerate(counts)
            if row.sum()
        ]
        return "; ".join(told) + "."


def _labels(answers: Answers) -> list[str]:
    """Labels that test rows have, the most frequent ones where they are very many."""
    known = answers.truth[answers.truth >= 0]
    counts = np.bincount(known, minlength=len(answers.classes))
    shown = np.sort(np.argsort(-counts, kind="stable")[:_MOST])
    return [answers.classes[k] for k in shown if counts[k]]


def _counts(answers: Answers, labels: list[str]) -> np.ndarray:
    """(K, L) test rows of each cluster and label."""
    places = {answers.classes.index(label): place for place, label in enumerate(labels)}
    counts = np.zeros((int(answers.prediction.max()) + 1, len(labels)))
    for cluster, code in zip(answers.prediction, answers.truth, strict=True):
        if code in places:
            counts[cluster, places[code]] += 1
    return counts


def _table(axes: Axes, counts: np.ndarray, labels: list[str]) -> None:
    from matplotlib.patches import Rectangle

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for k, place in np.ndindex(*counts.shape):
        corner = (place - 0.48, k - 0.46)
        axes.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=style.FAINT, alpha=0.35))
        if counts[k, place]:
            axes.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=style.ACCENT, alpha=0.1 + 0.9 * shares[k, place]))
            ink = style.PAPER if shares[k, place] > 0.5 else style.INK
            axes.text(place, k, f"{int(counts[k, place]):,}", ha="center", va="center", color=ink, fontsize=11)
    tilt = 0 if sum(map(len, labels)) < 42 else 60
    axes.set_xticks(range(len(labels)), [style.short(label, 16) for label in labels], color=style.INK, rotation=tilt)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
