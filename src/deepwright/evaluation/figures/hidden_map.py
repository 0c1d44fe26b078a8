"""Where an encoder puts rows: its hidden numbers along the two directions in which they differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import task_of
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST_LABELS = 12
_SHORT = 2
"""Letters of a label that can stand in the map itself."""


class HiddenMap(Figure):
    """A letter or digit for each row where labels are short, else a mark."""

    name: ClassVar[str] = "hidden_map"
    title: ClassVar[str] = "What is hidden behind a row"
    caption: ClassVar[str] = (
        "Each mark is a validation row at the mean of what the encoder takes to be hidden behind it, along the two "
        "directions that differ most. It never saw labels; where one keeps together, it found what they mean."
    )

    def suits(self, record: Record) -> bool:
        return task_of(record) is not None and _hidden(record) is not None

    def height(self, record: Record) -> int:
        return 400

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _hidden(record)
        assert found is not None
        _, x, y, labels = found
        axes = canvas.add_subplot()
        names = sorted(set(labels))
        for number, label in enumerate(names):
            rows = [i for i, own in enumerate(labels) if own == label]
            _marks(axes, x[rows], y[rows], label, number, words=0 < len(names) <= _MOST_LABELS and _short(names))
        if not names:
            axes.plot(x, y, ".", color=style.ACCENT)
        elif len(names) <= _MOST_LABELS and not _short(names):
            axes.legend(fontsize=10, frameon=False)
        axes.margins(0.04)
        axes.set_xlabel("1st direction")
        axes.set_ylabel("2nd direction")

    def alt(self, record: Record) -> str:
        found = _hidden(record)
        assert found is not None
        name, x, y, labels = found
        if not labels:
            return f"{len(x)} validation rows as {name} encodes them."
        places = np.stack([x, y], axis=1)  # (B, 2)
        away = np.square(places[:, None] - places).sum(axis=2)  # (B, B)
        np.fill_diagonal(away, np.inf)
        same = np.mean([labels[i] == labels[j] for i, j in enumerate(away.argmin(axis=1))])
        return f"{len(x)} validation rows as {name} encodes them; {same:.0%} lie next to one of the same label."


def _marks(axes: Axes, x: np.ndarray, y: np.ndarray, label: str, number: int, *, words: bool) -> None:
    colour = style.SERIES[number % len(style.SERIES)]
    if not words:
        mark = "os^Dvx"[(number // len(style.SERIES) + number) % 6]
        axes.plot(x, y, mark, markersize=4, color=colour, alpha=0.7, label=style.short(label, 16))
        return
    axes.plot(x, y, alpha=0, linestyle="")  # sets the limits
    for left, up in zip(x, y, strict=True):
        axes.text(left, up, label, fontsize=10, color=colour, ha="center", va="center", clip_on=True)


def _short(names: list[str]) -> bool:
    return all(0 < len(name) <= _SHORT for name in names)


def _hidden(record: Record) -> tuple[str, np.ndarray, np.ndarray, list[str]] | None:
    """Contender, x (B,), y (B,) and labels (B,), none where the run has none."""
    for name, shown in record.exhibits.items():
        hidden: Any = shown.get("hidden")
        if isinstance(hidden, dict) and hidden.get("x"):
            x, y = (np.array(hidden[axis], dtype=np.float64) for axis in ("x", "y"))
            return name, x, y, [str(label) for label in hidden.get("label") or []]
    return None
