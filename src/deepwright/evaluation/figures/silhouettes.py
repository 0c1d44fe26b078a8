"""How well each row lies in its cluster: the silhouette of every row, cluster by cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import clusters_of, colour
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_POINTS = 300


class Silhouettes(Figure):
    """Rousseeuw's picture: a blade for each cluster, its rows sorted; the dashed line is the mean of all."""

    name: ClassVar[str] = "silhouettes"
    title: ClassVar[str] = "Silhouette of every row"
    caption: ClassVar[str] = (
        "Each test row as a line, sorted within its cluster: to the right it lies well inside, at 0 on the border to "
        "the next cluster, to the left it would rather belong there. Thick blades are large clusters; blades that "
        "reach past the dashed mean are clear ones."
    )

    def suits(self, record: Record) -> bool:
        answers = clusters_of(record)
        return answers is not None and len(np.unique(answers.prediction)) >= 2

    def height(self, record: Record) -> int:
        return 320

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = clusters_of(record)
        assert answers is not None
        axes, values = canvas.add_subplot(), answers.more["silhouette"]
        gap = max(1.0, len(values) / 60)
        bottom, ticks = 0.0, []
        for k in np.unique(answers.prediction):
            own = np.sort(values[answers.prediction == k])
            thinned = own[np.unique(np.linspace(0, len(own) - 1, min(len(own), _POINTS)).astype(int))]
            heights = (
                bottom + np.linspace(0, len(own), len(thinned)) if len(own) > 1 else np.array([bottom, bottom + 1])
            )
            blade = thinned if len(own) > 1 else np.repeat(own, 2)
            axes.fill_betweenx(heights, 0, blade, color=colour(int(k)), alpha=0.8, linewidth=0)
            ticks.append((bottom + len(own) / 2, f"{int(k) + 1} · {own.mean():.2f}"))
            bottom += len(own) + gap
        mean = float(values.mean())
        axes.axvline(mean, color=style.INK, linestyle=(0, (4, 3)), linewidth=1.2)
        axes.axvline(0, color=style.MUTED, linewidth=0.8)
        axes.annotate(f"mean {mean:.2f}", (mean, bottom), xytext=(4, -2), textcoords="offset points", fontsize=11)
        axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks], color=style.INK)
        axes.set_ylim(-gap, bottom + 2 * gap)
        axes.set_xlabel("silhouette coefficient")
        axes.set_ylabel("cluster · its mean")
        style.grid(axes, "x")

    def alt(self, record: Record) -> str:
        answers = clusters_of(record)
        assert answers is not None
        values = answers.more["silhouette"]
        told = [
            f"cluster {k + 1} has mean {values[answers.prediction == k].mean():.2f}"
            for k in np.unique(answers.prediction)
        ]
        below = float((values < 0).mean())
        return (
            f"Mean {values.mean():.2f}; {', '.join(told[:10])}; {below:.0%} of the rows are nearer to another cluster."
        )
