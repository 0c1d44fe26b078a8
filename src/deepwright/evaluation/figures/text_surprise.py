"""A passage of the validation text, each character coloured by how much it surprised the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._speech import Passage, speeches, visible
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_COLUMNS, _LENGTH, _PANELS = 56, 300, 2
_CELL, _ROW, _HEAD, _GAP = style.WIDTH / (_COLUMNS + 1), 19, 24, 10
_STRONGEST = 8.0
"""Bits at which the colour is full."""


class TextSurprise(Figure):
    """The same passage as two contenders read it, the winner first."""

    name: ClassVar[str] = "text_surprise"
    title: ClassVar[str] = "Where the text surprises"
    caption: ClassVar[str] = (
        "Each character of a validation text, the redder the more bits it cost: plain was expected, red was not. "
        "Beginnings of words cost most, their ends are easily guessed. ↵ is a line end."
    )

    def suits(self, record: Record) -> bool:
        return bool(_panels(record))

    def height(self, record: Record) -> int:
        return sum(_HEAD + _GAP + _ROW * len(_lines(passage)) for passage in _panels(record).values())

    def draw(self, record: Record, canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        axes.set_xlim(0, style.WIDTH)
        axes.set_ylim(self.height(record) - _GAP, 0)
        axes.axis("off")
        top = 0.0
        for name, passage in _panels(record).items():
            mean = float(np.mean(passage.bits[:_LENGTH]))
            head = f"{style.short(name, 24)}: {mean:.2f} bits a character here"
            axes.text(2, top + _HEAD / 2, head, fontsize=11, color=style.MUTED, va="center")
            top = _draw_passage(axes, passage, top + _HEAD) + _GAP

    def alt(self, record: Record) -> str:
        said = []
        for name, passage in _panels(record).items():
            bits = np.array(passage.bits[:_LENGTH])
            place = int(bits.argmax())
            most = f"most ({bits[place]:.1f} bits) at “{visible(passage.text[place])}”"
            said.append(f"{style.short(name)}: {bits.mean():.2f} bits a character, {most}")
        return "; ".join(said) + "."


def _panels(record: Record) -> dict[str, Passage]:
    """The winner's reading, and that of the best of another family; the first passage is that of all."""
    chosen: dict[str, Passage] = {}
    families: set[str] = set()
    for name, speech in speeches(record).items():
        whole = speech.passage.text and len(speech.passage.text) == len(speech.passage.bits)
        family = record.scores[name].family
        if whole and family not in families and len(chosen) < _PANELS:
            chosen[name] = speech.passage
            families.add(family)
    return chosen


def _lines(passage: Passage) -> list[list[tuple[str, float]]]:
    """Characters with their bits, broken where the text breaks and where the line is full."""
    lines: list[list[tuple[str, float]]] = [[]]
    for character, bits in list(zip(passage.text, passage.bits, strict=True))[:_LENGTH]:
        if len(lines[-1]) == _COLUMNS:
            lines.append([])
        lines[-1].append((character, bits))
        if character == "\n":
            lines.append([])
    return [line for line in lines if line]


def _draw_passage(axes: Axes, passage: Passage, top: float) -> float:
    """Gives where it ends."""
    from matplotlib.patches import Rectangle

    for line in _lines(passage):
        for column, (character, bits) in enumerate(line):
            left = 2 + _CELL * column
            strength = float(np.clip(bits / _STRONGEST, 0.0, 1.0))
            if strength > 0.02:
                axes.add_patch(Rectangle((left, top), _CELL, _ROW - 2, facecolor=style.WARM, alpha=0.75 * strength))
            if character != " ":
                colour = style.MUTED if character == "\n" else style.INK
                axes.text(
                    left + _CELL / 2, top + _ROW / 2 - 1, visible(character), family="DejaVu Sans Mono",
                    fontsize=11, color=colour, ha="center", va="center",
                )  # fmt: skip
        top += _ROW
    return top
