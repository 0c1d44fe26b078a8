"""Scenes: where an agent acts, drawn as they ended, and how their parts moved before; in pixels of the figure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.motion import Motion, Pose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FRAMES = 180
"""Poses of a part at most."""


@dataclass(frozen=True)
class Box:
    """A place on the figure."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Clock:
    """Of all scenes of a figure: seconds of a round, and steps that it shows."""

    seconds: float
    steps: int


class Scene(ABC):
    """One episode. `seen` (steps + 1, D) what was observed, `part` how the names of its moving parts begin."""

    second: float = 0.02
    """Seconds of one step, at natural speed."""

    def __init__(self, box: Box, shown: dict[str, Any], part: str) -> None:
        self.box, self.shown, self.part = box, shown, part
        self.seen = np.array(shown["observations"], dtype=np.float64)  # (T + 1, D)

    @abstractmethod
    def paint(self, axes: Axes) -> None:
        """Draw the end, each moving part with its own `gid`."""

    @abstractmethod
    def motions(self, clock: Clock) -> list[Motion]:
        """How those parts came there."""

    def _motion(
        self, name: str, clock: Clock, at: np.ndarray, turn: np.ndarray | None = None, *, frames: int = _FRAMES
    ) -> Motion:
        """A part that was at (T + 1, 2) pixels and turned by (T + 1,) degrees; drawn where it was last."""
        last = len(at) - 1
        kept = np.unique(np.linspace(0, last, min(frames, last + 1)).round().astype(int))
        turn = np.zeros(len(at)) if turn is None else turn
        poses = [
            (i / clock.steps, Pose(x=at[i, 0] - at[-1, 0], y=at[i, 1] - at[-1, 1], turn=turn[i] - turn[-1]))
            for i in kept.tolist()
        ]
        x, y = at[-1].tolist()
        return Motion(part=f"{self.part}-{name}", poses=poses, seconds=clock.seconds, centre=(x, y))


class CartPole(Scene):
    """A cart on a track of 4.8 and its pole; both fail beyond the ends, or beyond 12 degrees."""

    def paint(self, axes: Axes) -> None:
        from matplotlib.patches import FancyBboxPatch

        box, (x, y) = self.box, self._cart()[-1].tolist()
        axes.plot([box.left, box.left + box.width], [y + 9, y + 9], color=style.MUTED, linewidth=1.2)
        for end in (box.left, box.left + box.width):
            axes.plot([end, end], [y + 3, y + 15], color=style.MUTED, linewidth=1.2)
        cart = FancyBboxPatch((x - 15, y - 7), 30, 14, boxstyle="round,pad=0,rounding_size=3", facecolor=style.ACCENT)
        cart.set(gid=f"{self.part}-cart", clip_on=False)
        axes.add_patch(cart)
        turn, length = np.deg2rad(self._turn()[-1]), box.height - 36
        tip = (x + length * np.sin(turn), y - 7 - length * np.cos(turn))
        axes.plot(
            [x, tip[0]], [y - 7, tip[1]], color=style.WARM, linewidth=5, solid_capstyle="round", marker="o",
            markevery=[0], markersize=6, markerfacecolor=style.INK, markeredgecolor=style.INK, clip_on=False,
            gid=f"{self.part}-pole",
        )  # fmt: skip

    def motions(self, clock: Clock) -> list[Motion]:
        cart = self._cart()
        return [self._motion("cart", clock, cart), self._motion("pole", clock, cart - [0, 7], self._turn())]

    def _cart(self) -> np.ndarray:
        """(T + 1, 2) its middle"""
        box = self.box
        x = box.left + box.width * (0.5 + self.seen[:, 0] / 4.8)
        return np.stack([x, np.full(len(x), box.top + box.height - 18)], axis=1)

    def _turn(self) -> np.ndarray:
        return np.rad2deg(self.seen[:, 2])


class MountainCar(Scene):
    """A valley from -1.2 to 0.6, with a flag at 0.5."""

    def paint(self, axes: Axes) -> None:
        ground = self._place(np.linspace(-1.2, 0.6, 60))
        axes.plot(ground[:, 0], ground[:, 1] + 5, color=style.MUTED, linewidth=1.2)
        x, y = self._place(np.array([0.5]))[0]
        axes.plot([x, x], [y + 5, y - 18], color=style.INK, linewidth=1.2)
        axes.plot(x + 5, y - 15, marker=">", markersize=8, color=style.SERIES[2])
        x, y = self._place(self.seen[-1:, 0])[0]
        axes.plot(x, y, marker="o", markersize=10, color=style.ACCENT, clip_on=False, gid=f"{self.part}-car")

    def motions(self, clock: Clock) -> list[Motion]:
        return [self._motion("car", clock, self._place(self.seen[:, 0]))]

    def _place(self, x: np.ndarray) -> np.ndarray:
        box, high = self.box, 0.5 + 0.5 * np.sin(3 * x)
        return np.stack(
            [box.left + box.width * (x + 1.2) / 1.8, box.top + box.height - 10 - (box.height - 34) * high], axis=1
        )


class Acrobot(Scene):
    """Two links that hang from a point; the foot is to swing above the line."""

    second = 0.06

    def paint(self, axes: Axes) -> None:
        box, (hub, knee, foot) = self.box, (points[-1] for points in self._joints())
        line = hub[1] - self._length
        axes.plot([box.left, box.left + box.width], [line, line], color=style.FAINT, linewidth=1.2)
        ways = (("thigh", hub, knee, style.ACCENT), ("shin", knee, foot, style.WARM))
        for name, start, end, colour in ways:
            axes.plot(
                [start[0], end[0]], [start[1], end[1]], color=colour, linewidth=5, solid_capstyle="round", marker="o",
                markevery=[0], markersize=6, markerfacecolor=style.INK, markeredgecolor=style.INK, clip_on=False,
                gid=f"{self.part}-{name}",
            )  # fmt: skip

    def motions(self, clock: Clock) -> list[Motion]:
        hub, knee, _ = self._joints()
        first, second = self._angles()
        return [
            self._motion("thigh", clock, hub, -np.rad2deg(first)),
            self._motion("shin", clock, knee, -np.rad2deg(first + second)),
        ]

    @property
    def _length(self) -> float:
        return self.box.height / 4 - 4

    def _angles(self) -> tuple[np.ndarray, np.ndarray]:
        """(T + 1,) each, radians, 0 hangs down"""
        seen = self.seen
        return np.unwrap(np.arctan2(seen[:, 1], seen[:, 0])), np.unwrap(np.arctan2(seen[:, 3], seen[:, 2]))

    def _joints(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T + 1, 2) each: where it hangs, its knee, its foot"""
        first, second = self._angles()
        middle = [self.box.left + self.box.width / 2, self.box.top + self.box.height / 2]
        hub = np.tile(middle, (len(first), 1))
        knee = hub + self._length * np.stack([np.sin(first), np.cos(first)], axis=1)
        return hub, knee, knee + self._length * np.stack([np.sin(first + second), np.cos(first + second)], axis=1)


class Map(Scene):
    """Places in rows; the letters say what they are, the line where the agent went."""

    second = 0.3

    def paint(self, axes: Axes) -> None:
        paint_map(axes, self.box, self.shown["map"])
        at = self._at()
        axes.plot(at[:, 0], at[:, 1], color=style.ACCENT, linewidth=1.4, alpha=0.45)
        x, y = at[-1].tolist()
        axes.plot(
            x, y, marker="o", markersize=12, color=style.ACCENT, markeredgecolor=style.PAPER, markeredgewidth=1.5,
            clip_on=False, gid=f"{self.part}-agent",
        )  # fmt: skip

    def motions(self, clock: Clock) -> list[Motion]:
        return [self._motion("agent", clock, self._at(), frames=1_000)]

    def _at(self) -> np.ndarray:
        size, left, top = map_frame(self.box, self.shown["map"])
        rows, columns = np.divmod(self.seen[:, 0], len(self.shown["map"][0]))
        return np.stack([left + size * (columns + 0.5), top + size * (rows + 0.5)], axis=1)


class Numbers(Scene):
    """Any other world: the first numbers of what was seen, and a line that runs along."""

    _MOST = 4

    def paint(self, axes: Axes) -> None:
        box, seen = self.box, self.seen[:, : self._MOST]
        low, high = seen.min(), seen.max()
        x = box.left + box.width * np.arange(len(seen)) / max(len(seen) - 1, 1)
        for number in range(seen.shape[1]):
            y = box.top + box.height * (1 - (seen[:, number] - low) / max(high - low, 1e-12))
            axes.plot(x, y, color=style.SERIES[number], linestyle=style.LINES[number], linewidth=1.4)
        end = box.left + box.width
        axes.plot([end, end], [box.top, box.top + box.height], color=style.INK, linewidth=1.2, gid=f"{self.part}-now")

    def motions(self, clock: Clock) -> list[Motion]:
        box, steps = self.box, len(self.seen) - 1
        x = box.left + box.width * np.arange(steps + 1) / max(steps, 1)
        return [self._motion("now", clock, np.stack([x, np.full(len(x), box.top)], axis=1), frames=2)]


_KNOWN: dict[str, tuple[type[Scene], int]] = {
    "CartPole": (CartPole, 4), "MountainCar": (MountainCar, 2), "Acrobot": (Acrobot, 6),
}  # fmt: skip
"""Environment → its scene, and how many numbers it must see."""


def scene_of(shown: dict[str, Any]) -> type[Scene]:
    """Which scene fits an episode."""
    if shown.get("map"):
        return Map
    scene, width = _KNOWN.get(shown["environment"].partition("-v")[0], (Numbers, 0))
    return scene if width <= len(shown["observations"][0]) else Numbers


def map_frame(box: Box, rows: Sequence[str]) -> tuple[float, float, float]:
    """Pixels of a place's side, and where the map begins, in the middle of the box."""
    size = min(box.width / len(rows[0]), box.height / len(rows))
    return size, box.left + (box.width - size * len(rows[0])) / 2, box.top + (box.height - size * len(rows)) / 2


def paint_map(axes: Axes, box: Box, rows: Sequence[str]) -> None:
    """The places: holes dark, the goal green, start and goal with their letters."""
    from matplotlib.patches import Rectangle

    size, left, top = map_frame(box, rows)
    colours = {"H": style.MUTED, "C": style.MUTED, "G": style.SERIES[2]}
    for number, letter in enumerate("".join(rows)):
        row, column = divmod(number, len(rows[0]))
        x, y = left + size * column, top + size * row
        colour = colours.get(letter, style.FAINT)
        axes.add_patch(Rectangle((x + 1, y + 1), size - 2, size - 2, facecolor=colour, clip_on=False))
        if letter in "SGH" and size >= 14:
            ink = style.MUTED if letter == "S" else style.PAPER
            axes.text(x + size / 2, y + size / 2, letter, ha="center", va="center", fontsize=11, color=ink)
