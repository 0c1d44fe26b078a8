"""Curves of one class against the rest, the same way for ROC and for precision and recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figures._curves import contenders_with_probability, thin, winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 6
_INSIDE = 3
"""Lines that leave room for their names among them; those of more stand above."""

Curve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, float]]


class Line(NamedTuple):
    """One curve with its name and area."""

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float


def lines(record: Record, curve: Curve, defined: Callable[[np.ndarray], bool]) -> list[Line]:
    """Two classes: every contender's curve for the last class. Else the winner's, for the six with most rows."""
    winner = winner_answers(record, probability=True)
    if winner is None or winner.probability is None:
        return []
    if len(winner.classes) == 2 and winner.truth.ndim == 1:
        found = contenders_with_probability(record)
        pairs = [(name, a.truth == 1, a.probability[:, 1]) for name, a in found.items() if a.probability is not None]
    else:
        truth = winner.truth if winner.truth.ndim == 2 else winner.truth[:, None] == np.arange(len(winner.classes))
        most = np.argsort(-truth.sum(axis=0), kind="stable")
        pairs = [(winner.classes[k], truth[:, k], winner.probability[:, k]) for k in most]
    drawn = [(name, hit, score) for name, hit, score in pairs if defined(hit) and np.isfinite(score).all()]
    return [Line(name, *curve(hit, score)) for name, hit, score in drawn[:_MOST]]


def draw_lines(axes: Axes, drawn: list[Line], area: str, corner: Any) -> None:
    """The curves, told apart by colour and line style, with their areas in the legend."""
    many = len(drawn) > _INSIDE
    for k, line in enumerate(drawn):
        label = f"{area} {line.area:.3f} · {style.short(line.name, 12 if many else 20)}"
        axes.plot(*thin(line.x, line.y), color=style.SERIES[k], linestyle=style.LINES[k], label=label)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.03)
    style.grid(axes, "both")
    look: dict[str, Any] = {"frameon": False, "fontsize": 11, "labelcolor": style.INK, "handlelength": 2.6}
    if many:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, **look)
    else:
        axes.legend(loc=corner, **look)


def said(drawn: list[Line]) -> str:
    """ "linear 0.93, tabm 0.91" """
    return ", ".join(f"{style.short(line.name)} {style.number(line.area)}" for line in drawn)
