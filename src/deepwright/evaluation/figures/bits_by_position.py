"""How reading on helps: bits per character by how much of the text stands before."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._speech import Positions, speeches
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_MOST = 5


class BitsByPosition(Figure):
    """A line a contender over how many characters it has read, which double from place to place."""

    name: ClassVar[str] = "bits_by_position"
    title: ClassVar[str] = "Bits per character, by how much was read before"
    caption: ClassVar[str] = (
        "At the beginning of a text everything is hard to guess. A model that makes use of what it has read falls "
        "from there on, as far as its memory goes; one that only counts characters stays where it is."
    )

    def suits(self, record: Record) -> bool:
        return any(len(positions.bits) >= 3 for positions in _lines(record).values())

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        lines = _lines(record)
        for number, (name, positions) in enumerate(lines.items()):
            places = range(len(positions.bits))
            axes.plot(
                places, positions.bits, color=style.SERIES[number], linestyle=style.LINES[number],
                marker=style.MARKERS.get(record.scores[name].family, "o"), markersize=5, label=style.short(name, 22),
            )  # fmt: skip
        longest = max(lines.values(), key=lambda positions: len(positions.bits))
        axes.set_xticks(range(len(longest.bits)), _labels(longest))
        axes.set_xlabel("characters read before")
        axes.set_ylabel("bits per character")
        axes.set_ylim(bottom=0)
        style.grid(axes)
        axes.legend(frameon=False, fontsize=11, labelcolor=style.INK)

    def alt(self, record: Record) -> str:
        said = [
            f"{style.short(name)} from {positions.bits[0]:.2f} bits at the beginning to {positions.bits[-1]:.2f} after "
            f"{positions.starts[-1]:,} characters"
            for name, positions in _lines(record).items()
        ]
        return "; ".join(said) + "."


def _lines(record: Record) -> dict[str, Positions]:
    found = {name: speech.position for name, speech in speeches(record).items() if speech.position.bits}
    return dict(list(found.items())[:_MOST])


def _labels(positions: Positions) -> list[str]:
    return [
        f"{first:,}" if first == last else f"{first:,}+"
        for first, last in zip(positions.starts, positions.ends, strict=True)
    ]
