"""Motion: parts of a drawn figure that move by themselves, as styles alone: no script, no file beside it.

A drawing shows where things end; its moving parts are carried back to where they began and come home again, over and
over. So a printed page, a PNG and a reader who asked for less motion see the end. The pointer on the picture, or the
keyboard's focus, holds it still.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

_SVG = "http://www.w3.org/2000/svg"
_REST = 0.06
"""Share of each round at its end during which nothing moves, so that the end can be seen."""
_STILL = (
    "svg:hover .moves,svg:focus .moves{animation-play-state:paused}"
    "@media (prefers-reduced-motion:reduce){.moves{animation:none!important}}"
    "@media print{.moves{animation:none!important}}"
)


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a part is, as against where it is drawn. Units: pixels of the figure, degrees clockwise."""

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    wide: float = 1.0
    """Factor on its width."""

    def css(self) -> str:
        """As a transform."""
        said = [f"translate({_short(self.x)}px,{_short(self.y)}px)"]
        said += [f"rotate({_short(self.turn)}deg)"]
        return " ".join(said + [f"scaleX({self.wide:.4g})"] * (self.wide != 1.0))


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One moving part.

    part:    the `gid` of an artist of the figure.
    poses:   each with its time, a share of the round from 0 to 1, in order; the last one should be `Pose()`.
    seconds: of a round.
    centre:  what it turns around, in pixels of the figure.
    leaps:   whether it jumps from pose to pose instead of gliding.
    """

    part: str
    poses: Sequence[tuple[float, Pose]]
    seconds: float
    centre: tuple[float, float] = (0.0, 0.0)
    leaps: bool = False


def animate(root: ET.Element, prefix: str, motions: Sequence[Motion]) -> set[str]:
    """Add the styles to an SVG whose parts are to be called PREFIX-PART; gives the parts, so that they keep ids."""
    if not motions:
        return set()
    there = {element.get("id"): element for element in root.iter() if element.get("id")}
    rules = [_STILL]
    for motion in motions:
        there[motion.part].set("class", "moves")
        rules += _rules(f"{prefix}-{motion.part}", motion)
    style = ET.Element(f"{{{_SVG}}}style")
    style.text = "".join(rules)
    root.insert(0, style)
    root.set("tabindex", "0")
    return {motion.part for motion in motions}


def _rules(name: str, motion: Motion) -> list[str]:
    poses = [(time * (1 - _REST), pose.css()) for time, pose in motion.poses]
    frames = "".join(f"{100 * time:.4g}%{{transform:{css}}}" for time, css in [*poses, (1.0, poses[-1][1])])
    way = "step-end" if motion.leaps else "linear"
    x, y = motion.centre
    return [
        f"@keyframes {name}{{{frames}}}",
        f"#{name}{{transform-origin:{_short(x)}px {_short(y)}px;"
        f"animation:{name} {motion.seconds:.3g}s {way} infinite}}",
    ]


def _short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if abs(value) >= 0.05 else "0"
