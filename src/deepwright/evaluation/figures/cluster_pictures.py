"""What each cluster looks like, where a row is a picture: the mean of its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._clusters import grid_of, profile_of
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_ACROSS = 5
_CLUSTERS = 10


class ClusterPictures(Figure):
    """Columns called pixel_ROW_COLUMN are put back in their place."""

    name: ClassVar[str] = "cluster_pictures"
    title: ClassVar[str] = "What the clusters look like"
    caption: ClassVar[str] = (
        "The mean picture of each cluster of the training rows, the largest cluster first; dark is a high value. A "
        "clear picture says that its rows are alike, a smudge that they are not."
    )

    def suits(self, record: Record) -> bool:
        profile = profile_of(record)
        return profile is not None and grid_of(profile["names"]) is not None

    def height(self, record: Record) -> int:
        profile = profile_of(record)
        clusters = min(len(profile["sizes"]), _CLUSTERS) if profile else 1
        return 20 + 110 * -(-clusters // _ACROSS)

    def draw(self, record: Record, canvas: Canvas) -> None:
        profile = profile_of(record)
        assert profile is not None
        grid = grid_of(profile["names"])
        assert grid is not None
        clusters = min(len(profile["sizes"]), _CLUSTERS)
        low, high = float(profile["means"].min()), float(profile["means"].max())
        shade = (profile["means"] - low) / max(high - low, 1e-12)  # (K, M)
        panels = canvas.subplots(-(-clusters // _ACROSS), _ACROSS, squeeze=False).ravel()
        for k, axes in enumerate(panels):
            axes.set_axis_off()
            if k < clusters:
                _picture(axes, grid, shade[k])
                axes.set_title(f"{k + 1} · {int(profile['sizes'][k]):,} rows", fontsize=11, color=style.INK)

    def alt(self, record: Record) -> str:
        profile = profile_of(record)
        assert profile is not None
        told = [f"cluster {k + 1} of {int(size):,} rows" for k, size in enumerate(profile["sizes"][:_CLUSTERS])]
        return f"Mean pictures of {', '.join(told)}."


def _picture(axes: Axes, grid: tuple[np.ndarray, np.ndarray], shade: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = grid
    for row, column, value in zip(rows, columns, shade, strict=True):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=style.INK, alpha=round(float(value), 3)))
    frame = (columns.min(), rows.min()), columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
    axes.add_patch(Rectangle(*frame, facecolor="none", edgecolor=style.FAINT, linewidth=0.8))
    axes.set_xlim(columns.min() - 0.1, columns.max() + 1.1)
    axes.set_ylim(rows.max() + 1.1, rows.min() - 0.1)
    axes.set_aspect("equal")
