"""The surest mistakes of the winner, each with its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import finish, pixels, tile
from deepwright.evaluation.record import Record
from deepwright.evaluation.words import cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_SHOWN = 12
_ACROSS = 4
_GAP = 10
_WORDS = 66


class PictureMistakes(Figure):
    """The worst first, row by row."""

    name: ClassVar[str] = "picture_mistakes"
    title: ClassVar[str] = "The worst mistakes as pictures"
    caption: ClassVar[str] = (
        "Test pictures that the winner was surest about, or furthest from, and got wrong: what it is, what the winner "
        "said (≠), and how sure of it or how far off. Some may be labelled wrongly."
    )

    def suits(self, record: Record) -> bool:
        return bool(_shown(record))

    def height(self, record: Record) -> int:
        return round(-(-len(_shown(record)) // _ACROSS) * (_side() + _WORDS))

    def draw(self, record: Record, canvas: Canvas) -> None:
        height, side = self.height(record), _side()
        axes = plain_axes(canvas, height)
        for place, entry in enumerate(_shown(record)):
            down, across = divmod(place, _ACROSS)
            left, top = 1 + across * (side + _GAP), 1 + down * (side + _WORDS)
            tile(axes, pixels(entry["picture"]), left, top, side)
            lines = (
                (style.short(entry["truth"], 15), style.INK, "normal"),
                (f"≠ {style.short(entry['said'], 12)}", style.WARM, "bold"),
                (entry["sure"], style.MUTED, "normal"),
            )
            for line, (said, colour, weight) in enumerate(lines):
                middle = top + side + 12 + 15 * line
                axes.text(left, middle, said, va="center", fontsize=11, color=colour, weight=weight)
        finish(axes, height)

    def alt(self, record: Record) -> str:
        told = [f"row {e['row'] + 1}, {e['truth']} taken for {e['said']} ({e['sure']})" for e in _shown(record)]
        return f"{len(told)} test pictures that were got wrong: {'; '.join(told)}."


def _side() -> float:
    return (style.WIDTH - _GAP * (_ACROSS - 1) - 2) / _ACROSS


def _shown(record: Record) -> list[dict[str, Any]]:
    """Row, picture, truth, what was said and how wrong, as texts."""
    frame = record.mistakes
    pictures = [name for name in frame.columns if name.startswith("picture:")] if frame is not None else []
    if frame is None or not pictures:
        return []
    share = record.run.task is not None and record.run.task.name == "classification"
    return [
        {
            "row": entry["row"],
            "picture": entry[pictures[0]],
            "truth": cell(entry["truth"], 24),
            "said": cell(entry["prediction"], 24),
            "sure": f"{entry.get('wrongness', 0):.0%} sure"
            if share
            else f"off by {style.number(entry.get('wrongness', 0))}",
        }
        for entry in frame.head(_SHOWN).iter_rows(named=True)
    ]
