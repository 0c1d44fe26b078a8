"""Which class is taken for which: counts, and the shares of each true class as shade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST = 20


class Confusion(Figure):
    """A row a true class, a column a predicted one; beyond 20 classes, the ones most confused."""

    name: ClassVar[str] = "confusion"
    title: ClassVar[str] = "Confusion matrix"
    caption: ClassVar[str] = (
        "Rows are the true classes, columns what the winner said; the numbers count test rows, the shade is the share "
        "of the true class. All rows on the diagonal would be perfect."
    )

    def suits(self, record: Record) -> bool:
        answers = winner_answers(record) if isinstance(record.task, TargetTask) else None
        return answers is not None and len(answers.classes) >= 2 and answers.truth.ndim == 1

    def height(self, record: Record) -> int:
        answers = winner_answers(record)
        shown = min(_MOST, len(answers.classes)) if answers else 2
        return 150 + min(64, max(17, 330 // shown)) * shown

    def draw(self, record: Record, canvas: Canvas) -> None:
        answers = winner_answers(record)
        assert answers is not None
        names, counts, total = _table(answers)
        axes = canvas.add_subplot()
        _cells(axes, counts, total)
        labels = [style.short(name, 22 if len(names) < 8 else 14) for name in names]
        tilt: Any = {"rotation": 0, "ha": "center"} if sum(map(len, labels)) < 42 else {"rotation": 60, "ha": "right"}
        axes.set_xticks(range(len(names)), labels, rotation_mode="anchor", **tilt)
        axes.set_yticks(range(len(names)), labels)
        axes.tick_params(labelcolor=style.INK, labelsize=12 if len(names) <= 12 else 10)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)

    def alt(self, record: Record) -> str:
        answers = winner_answers(record)
        assert answers is not None
        names, counts, _ = _table(answers)
        wrong = counts - np.diag(np.diag(counts))
        flat = [(int(wrong[i, j]), names[i], names[j]) for i, j in zip(*np.nonzero(wrong), strict=True)]
        worst = [f"{style.short(a)} taken for {style.short(b)} {n} times" for n, a, b in sorted(flat, reverse=True)[:3]]
        right = int((answers.truth == answers.prediction).sum())
        size = len(answers.classes)
        some = f" (of {size} classes, the {len(names)} most confused are shown)" if len(names) < size else ""
        return f"{right} of {len(answers)} test rows are right{some}. Most confused: {'; '.join(worst) or 'none'}."


def _table(answers: Answers) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of the classes shown, counts (true, predicted) among them, and each one's number of true rows."""
    size = len(answers.classes)
    known = answers.truth >= 0
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (answers.truth[known], answers.prediction[known]), 1)
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    shown = np.sort(np.argsort(-wrong, kind="stable")[:_MOST])
    return [answers.classes[k] for k in shown], counts[np.ix_(shown, shown)], counts.sum(axis=1)[shown]


def _cells(axes: Axes, counts: np.ndarray, total: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    shares = counts / np.maximum(total, 1)[:, None]
    size = 12 if len(counts) <= 6 else 10 if len(counts) <= 12 else 8
    for i, j in np.ndindex(*counts.shape):
        place = (j - 0.47, i - 0.46)
        axes.add_patch(Rectangle(place, 0.94, 0.92, facecolor=style.FAINT, alpha=0.35))
        if counts[i, j]:
            colour = style.ACCENT if i == j else style.WARM
            axes.add_patch(Rectangle(place, 0.94, 0.92, facecolor=colour, alpha=0.12 + 0.88 * shares[i, j]))
            said = f"{counts[i, j]:,}" + (f"\n{shares[i, j]:.0%}" if len(counts) <= 6 else "")
            ink = style.PAPER if shares[i, j] > 0.5 else style.INK
            axes.text(j, i, said, ha="center", va="center", fontsize=size, color=ink, linespacing=1.3)
