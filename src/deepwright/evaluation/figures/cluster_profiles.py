"""What each cluster is like: the mean of every column in it, beside that of all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import grid_of, profile_of
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST = 18
_CLUSTERS = 10
_STRONG = 1.5
"""Standard deviations that give the full shade."""


class ClusterProfiles(Figure):
    """A row a measure, a column a cluster; of many measures those that differ most."""

    name: ClassVar[str] = "cluster_profiles"
    title: ClassVar[str] = "What the clusters are like"
    caption: ClassVar[str] = (
        "The mean of each column in each cluster of the training rows, in its own units, and of all rows at the right; "
        "of a category the share of a value. Shade says how many standard deviations a cluster is above (▲) or below "
        "(▼) the mean of all."
    )

    def suits(self, record: Record) -> bool:
        profile = profile_of(record)
        return profile is not None and bool(profile["names"]) and grid_of(profile["names"]) is None

    def height(self, record: Record) -> int:
        profile = profile_of(record)
        return 70 + 30 * (len(_order(profile)) if profile else 1)

    def draw(self, record: Record, canvas: Canvas) -> None:
        profile = profile_of(record)
        assert profile is not None
        axes, order = canvas.add_subplot(), _order(profile)
        clusters = min(len(profile["sizes"]), _CLUSTERS)
        for place, m in enumerate(order):
            for k in range(clusters):
                _cell(axes, k, place, _said(profile, m, profile["means"][k, m]), _apart(profile)[k, m], clusters)
            axes.text(clusters, place, _said(profile, m, profile["center"][m]), ha="center", va="center", fontsize=11)
        axes.set_yticks(range(len(order)), [style.short(profile["names"][m], 24) for m in order], color=style.INK)
        heads = [f"{k + 1}\n{int(size):,} rows" for k, size in enumerate(profile["sizes"][:clusters])]
        axes.set_xticks(range(clusters + 1), [*heads, f"all\n{int(profile['sizes'].sum()):,}"], color=style.INK)
        axes.tick_params(axis="x", labelsize=11 if clusters <= 5 else 9)
        axes.xaxis.tick_top()
        axes.set_xlim(-0.5, clusters + 0.5)
        axes.set_ylim(len(order) - 0.5, -0.5)
        for spine in axes.spines.values():
            spine.set_visible(False)

    def alt(self, record: Record) -> str:
        profile = profile_of(record)
        assert profile is not None
        told = []
        for k in range(min(len(profile["sizes"]), _CLUSTERS)):
            m = int(np.abs(_apart(profile)[k]).argmax())
            here, everyone = (_said(profile, m, v) for v in (profile["means"][k, m], profile["center"][m]))
            told.append(f"cluster {k + 1} stands out by {profile['names'][m]} {here} (all: {everyone})")
        return "; ".join(told) + "."


def _apart(profile: dict[str, Any]) -> np.ndarray:
    apart: np.ndarray = (profile["means"] - profile["center"]) / profile["spread"]
    return apart


def _order(profile: dict[str, Any]) -> list[int]:
    """Measures that differ most, in the order of the columns."""
    strength = np.abs(_apart(profile)).max(axis=0)
    return sorted(np.argsort(-strength, kind="stable")[:_MOST].tolist())


def _said(profile: dict[str, Any], measure: int, value: float) -> str:
    return f"{value:.0%}" if "=" in profile["names"][measure] else style.number(float(value))


def _cell(axes: Axes, k: int, place: int, said: str, apart: float, clusters: int) -> None:
    from matplotlib.patches import Rectangle

    strength = min(abs(apart) / _STRONG, 1.0)
    tint = style.WARM if apart > 0 else style.ACCENT
    axes.add_patch(Rectangle((k - 0.48, place - 0.46), 0.96, 0.92, facecolor=tint, alpha=0.04 + 0.76 * strength))
    mark = ("▲" if apart > 0 else "▼") if strength >= 0.33 and clusters <= 5 else ""
    ink = style.PAPER if strength > 0.75 else style.INK
    size = 11 if clusters <= 5 else 8
    axes.text(k, place, f"{said} {mark}".strip(), ha="center", va="center", fontsize=size, color=ink)
