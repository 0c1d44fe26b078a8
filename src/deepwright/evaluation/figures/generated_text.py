"""What the contenders say when left to themselves; a learner also while it was learning."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._speech import on_the_way, speeches, visible
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_COLUMNS, _LINES, _STEPS = 62, 5, 4
_ROW, _HEAD, _GAP = 17, 20, 10


class GeneratedText(Figure):
    """A few lines each, under who said them."""

    name: ClassVar[str] = "generated_text"
    title: ClassVar[str] = "What it says when left to itself"
    caption: ClassVar[str] = (
        "Each text is drawn character by character from the model's chances (temperature 0.8, a little surer than "
        "they are), beginning with nothing. `deepwright generate RUN` makes more."
    )

    def suits(self, record: Record) -> bool:
        return bool(_texts(record))

    def height(self, record: Record) -> int:
        return 6 + sum(_HEAD + _ROW * len(lines) + _GAP for _, lines in _texts(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.set_xlim(0, style.WIDTH)
        axes.set_ylim(self.height(record) - 6, 0)
        axes.axis("off")
        top = 0.0
        for head, lines in _texts(record):
            axes.text(2, top + _HEAD / 2, head, fontsize=11, color=style.ACCENT, va="center")
            for number, line in enumerate(lines):
                place = top + _HEAD + _ROW * (number + 0.5)
                axes.text(14, place, line, family="DejaVu Sans Mono", fontsize=10.5, color=style.INK, va="center")
            top += _HEAD + _ROW * len(lines) + _GAP

    def alt(self, record: Record) -> str:
        return " ".join(f"{head}: “{' / '.join(lines)}”." for head, lines in _texts(record))


def _texts(record: Record) -> list[tuple[str, list[str]]]:
    """Who, or when, and what; the winner last of all, so that one reads from nonsense to sense."""
    found = []
    for name, speech in reversed(speeches(record).items()):
        shown = on_the_way(record, name)[:-1]
        picked = [shown[round(i * (len(shown) - 1) / (_STEPS - 1))] for i in range(_STEPS)] if shown else []
        for step in dict.fromkeys(picked):
            found.append((f"{style.short(name, 24)} after {step.step:,} steps", _wrapped(step.text, 2)))
        found.append((style.short(name, 24), _wrapped(speech.sample, _LINES)))
    return [(head, lines) for head, lines in found if lines]


def _wrapped(text: str, most: int) -> list[str]:
    """At most so many lines, broken where the text breaks and where they are full; blank lines left out."""
    plain = ["".join(c if c == " " else visible(c) for c in line) for line in text.split("\n") if line.strip()]
    lines = [part for line in plain for part in textwrap.wrap(line, _COLUMNS, break_on_hyphens=False)]
    return lines[:most]
