"""What figures of clusters share: whose clusters are shown, their colours and markers, clouds of points with names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepwright.core.metric import Answers
from deepwright.evaluation import style
from deepwright.evaluation.figures._curves import dot_alpha, winner_answers
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MARKERS = "os^Dv*PX<>"
_CELL = re.compile(r"\D*?_?(\d+)_(\d+)")


def clusters_of(record: Record) -> Answers | None:
    """The winner's clusters of the test rows; None in runs that group nothing."""
    answers = winner_answers(record)
    return answers if answers is not None and "point" in answers.more else None


def profile_of(record: Record) -> dict[str, Any] | None:
    """The winner's profile: names (M), sizes (K,), means (K, M), center and spread (M,) as arrays."""
    shown = record.exhibits.get(record.winner.name, {}).get("profile") if record.winner else None
    if not isinstance(shown, dict):
        return None
    arrays = {key: np.array(shown[key], dtype=np.float64) for key in ("sizes", "means", "center", "spread")}
    return {"names": [str(name) for name in shown["names"]], **arrays}


def latent_of(record: Record) -> tuple[str, dict[str, Any]] | None:
    """Whose latent space can be shown, and its map."""
    for name, shown in record.exhibits.items():
        if isinstance(shown.get("latent"), dict) and len(shown["latent"]["x"]) >= 3:
            return name, shown["latent"]
    return None


def grid_of(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """Row and column of each measure where all are cells of a picture ("pixel_3_5"), as (M,) each; else None."""
    found = [_CELL.fullmatch(name) for name in names]
    if len(found) < 16 or not all(found):
        return None
    places = np.array([[int(cell[1]), int(cell[2])] for cell in found if cell])
    return (places[:, 0], places[:, 1]) if places.max() < 64 else None


def colour(cluster: int) -> str:
    """Colours repeat after six clusters, markers after ten."""
    return style.SERIES[cluster % len(style.SERIES)]


def clouds(canvas: Canvas, place: np.ndarray, cluster: np.ndarray, labels: list[str | None], titles: list[str]) -> None:
    """Points (B, 2) by cluster, and beside them the same by label where any row has one. titles: of the two axes."""
    names = sorted({label for label in labels if label is not None})
    grid = canvas.add_gridspec(1, 2 if names else 1)
    left = canvas.add_subplot(grid[0])
    _cloud(left, place, cluster, [f"{k + 1}" for k in range(int(cluster.max()) + 1)])
    left.set_title("clusters", fontsize=12, color=style.MUTED)
    panels = [left]
    if names:
        right = canvas.add_subplot(grid[1], sharex=left, sharey=left)
        codes = np.array([names.index(label) if label is not None else -1 for label in labels])
        _cloud(right, place, codes, names)
        right.set_title("held-back labels", fontsize=12, color=style.MUTED)
        right.tick_params(labelleft=False)
        panels.append(right)
    for axes in panels:
        axes.set_xlabel(titles[0])
        axes.set_aspect("auto")
        axes.margins(0.06)
    left.set_ylabel(titles[1])


def _cloud(axes: Axes, place: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> None:
    from matplotlib.patheffects import withStroke

    alpha = dot_alpha(len(place))
    for k, name in enumerate(names):
        own = place[codes == k]
        if not len(own):
            continue
        axes.scatter(
            own[:, 0], own[:, 1], s=22, marker=MARKERS[k % len(MARKERS)], color=colour(k), alpha=alpha, linewidths=0
        )
        halo = [withStroke(linewidth=3, foreground=style.PAPER)]
        x, y = np.median(own, axis=0)
        dress: dict[str, Any] = {"fontsize": 12, "color": style.INK, "weight": "bold", "path_effects": halo}
        axes.text(x, y, style.short(name, 14), ha="center", va="center", **dress)


def main_directions(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, D) → (B, 2) on the two directions of most variance, and the share of the variance of each (2,)."""
    centred = points - points.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    place = centred @ (directions * signs[:, None])[:2].T
    shares = spread**2 / max(float((spread**2).sum()), 1e-300)
    if place.shape[1] < 2:
        return np.pad(place, ((0, 0), (0, 1))), np.pad(shares, (0, 1))
    return place, shares[:2]


def sizes_said(codes: np.ndarray) -> str:
    """ "cluster 1 has 40 rows, cluster 2 has 24"."""
    counts = np.bincount(codes)
    told = [f"cluster {k + 1} has {count:,}{' rows' if not k else ''}" for k, count in enumerate(counts)]
    return ", ".join(told[:10])
