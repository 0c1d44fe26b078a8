"""One validation episode of each contender, as it was lived: a moving picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._scenes import Box, Clock, Scene, scene_of
from deepwright.evaluation.motion import Motion
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_MOST, _ACROSS = 6, 2
_GAP, _TITLE, _SCENE, _FOOT = 24, 40, 116, 16
"""Pixels between two side by side, of a title, of what is below it, and below that."""
_SHORTEST, _LONGEST = 2.0, 16.0
"""Seconds of a round."""


class AgentReplay(Figure):
    """Everyone begins in the same place and moves by the same clock."""

    name: ClassVar[str] = "agent_replay"
    title: ClassVar[str] = "One episode, replayed"
    caption: ClassVar[str] = (
        "The first validation episode, from the same beginning and by the same clock for all: who stands still early "
        "has come to the end. It begins again by itself; the pointer on it, or the focus, holds it still."
    )

    def suits(self, record: Record) -> bool:
        return bool(_replays(record))

    def height(self, record: Record) -> int:
        return -(-len(_replays(record)) // _ACROSS) * (_TITLE + _SCENE + _FOOT)

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = plain_axes(canvas, self.height(record))
        for scene, (name, shown) in zip(_scenes(record), _replays(record).items(), strict=True):
            box = scene.box
            axes.text(box.left, box.top - 31, style.short(name, 24), va="center", weight="bold", color=style.INK)
            axes.text(box.left, box.top - 15, _said(shown), va="center", fontsize=11, color=style.MUTED)
            scene.paint(axes)

    def motions(self, record: Record) -> list[Motion]:
        scenes = _scenes(record)
        steps = max(len(scene.seen) for scene in scenes) - 1
        clock = Clock(min(max(steps * scenes[0].second, _SHORTEST), _LONGEST), steps)
        return [motion for scene in scenes for motion in scene.motions(clock)]

    def alt(self, record: Record) -> str:
        told = [f"{name}: {_said(shown)}" for name, shown in _replays(record).items()]
        return f"Episode {next(iter(_replays(record).values()))['episode']}. {'; '.join(told)}."


def _replays(record: Record) -> dict[str, dict[str, Any]]:
    """Contender → its episode, the best first."""
    found: dict[str, Any] = {name: shown.get("replay") for name, shown in record.exhibits.items()}
    return dict([(name, shown) for name, shown in found.items() if _sound(shown)][:_MOST])


def _sound(shown: Any) -> bool:
    """Whether an episode is one: observations of as many numbers each, a map whose places they are."""
    try:
        seen, rows = shown["observations"], shown["map"]
        width, places = len(seen[0]), len("".join(rows)) if rows else 0
        numbers = [number for one in seen for number in one]
        whole = len(seen) >= 2 and width > 0 and all(len(one) == width for one in seen)
        known = isinstance(shown["environment"], str) and isinstance(shown["episode"], str)
        ends = math.isfinite(shown["return"]) and isinstance(shown["steps"], int)
        inside = all(math.isfinite(n) and (not rows or 0 <= n < places) for n in numbers)
        return whole and known and ends and inside and (not rows or len({len(row) for row in rows}) == 1)
    except (TypeError, KeyError, IndexError):
        return False


def _scenes(record: Record) -> list[Scene]:
    """Two beside each other."""
    replays, scenes = _replays(record), []
    width = (style.WIDTH - _GAP - 4) / _ACROSS
    for place, shown in enumerate(replays.values()):
        row, column = divmod(place, _ACROSS)
        box = Box(2 + column * (width + _GAP), row * (_TITLE + _SCENE + _FOOT) + _TITLE, width, _SCENE)
        scenes.append(scene_of(shown)(box, shown, f"{place}"))
    return scenes


def _said(shown: dict[str, Any]) -> str:
    return f"return {style.number(shown['return'])} in {shown['steps']:,} steps"
