"""How the returns of single episodes are spread, contender by contender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import contenders
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_LANE = 46


class Returns(Figure):
    """A lane a contender, a dot a test episode; dots of about the same return stand above each other."""

    name: ClassVar[str] = "returns"
    title: ClassVar[str] = "Returns of single episodes"
    caption: ClassVar[str] = (
        "Each dot is one test episode; a taller stack is more of them, the long line the mean. All contenders met the "
        "same episodes. A mean hides whether an agent is always fair, or mostly good and sometimes lost."
    )

    def suits(self, record: Record) -> bool:
        return record.run.task is not None and record.run.task.name == "control" and bool(contenders(record))

    def height(self, record: Record) -> int:
        return 62 + _LANE * len(contenders(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes, names = canvas.add_subplot(), contenders(record)
        winner = record.winner.name if record.winner else None
        found = {name: _returns(record, name) for name in names}
        everything = np.concatenate(list(found.values()))
        span = (float(everything.min()), float(everything.max()))
        bins = {name: _bins(values, span) for name, values in found.items()}
        apart = min(0.09, 0.8 / max(np.bincount(places).max() for places in bins.values()))
        for lane, (name, values) in enumerate(found.items()):
            _draw_lane(axes, lane, values, bins[name], apart, style.ACCENT if name == winner else style.MUTED)
        axes.set_yticks(range(len(names)), [style.short(name, 22) for name in names], color=style.INK)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("return of an episode")
        axes.margins(x=0.05)
        style.thousands(axes, "x")
        style.grid(axes, "x")

    def alt(self, record: Record) -> str:
        told = []
        for name in contenders(record):
            values = _returns(record, name)
            least, middle, most = (style.number(value) for value in np.percentile(values, [0, 50, 100]))
            told.append(f"{name} from {least} to {most}, median {middle}")
        return f"Returns of {len(_returns(record, contenders(record)[0]))} test episodes: {'; '.join(told)}."


def _returns(record: Record, name: str) -> np.ndarray:
    """(B,)"""
    answers: Any = record.answers(name)
    return answers.prediction


def _bins(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """(B,) which of 60 equal parts of the span each value lies in"""
    low, high = span
    return np.minimum(np.floor(60 * (values - low) / max(high - low, 1e-12)), 59).astype(int)


def _draw_lane(axes: Axes, lane: int, values: np.ndarray, bins: np.ndarray, apart: float, colour: str) -> None:
    """Dots of a bin stand around the lane's middle."""
    place = np.empty(len(values))
    for number in np.unique(bins):
        mine = np.flatnonzero(bins == number)
        place[mine] = lane + apart * (np.arange(len(mine)) - (len(mine) - 1) / 2)
    axes.plot(values, place, ".", markersize=4, color=colour, alpha=0.55, markeredgewidth=0, clip_on=False)
    mean = float(values.mean())
    axes.plot([mean, mean], [lane - 0.42, lane + 0.42], color=colour, linewidth=2.2)
