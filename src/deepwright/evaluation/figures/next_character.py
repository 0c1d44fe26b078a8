"""What the winner expects next, in a few places of the validation text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._speech import Next, Speech, speeches, visible
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_PLACES, _SHOWN, _LINE = 6, 44, 62


class NextCharacter(Figure):
    """A line of text for each place, and under it a bar for each of the five likeliest characters."""

    name: ClassVar[str] = "next_character"
    title: ClassVar[str] = "What comes next?"
    caption: ClassVar[str] = (
        "Six places in texts the model has not seen. Boxes hold the five characters it finds likeliest there and their "
        "chances, the darker the likelier; a frame marks the one that does follow. ↵ is a line end, ␣ a blank."
    )

    def suits(self, record: Record) -> bool:
        return any(speech.next for speech in speeches(record).values())

    def height(self, record: Record) -> int:
        return 16 + _LINE * len(_shown(record)[1].next[:_PLACES])

    def draw(self, record: Record, canvas: Canvas) -> None:
        _, speech = _shown(record)
        places = speech.next[:_PLACES]
        axes = canvas.add_subplot()
        axes.set_xlim(0, style.WIDTH)
        axes.set_ylim(_LINE * len(places), 0)
        axes.axis("off")
        for number, place in enumerate(places):
            _draw_place(axes, place, _LINE * number)

    def alt(self, record: Record) -> str:
        name, speech = _shown(record)
        said = [
            f"after “{_context(place, 16)}” {visible(place.top[0][0])} with {place.top[0][1]:.0%} "
            f"(there is {visible(place.truth)}, given {place.share:.0%})"
            for place in speech.next[:_PLACES]
            if place.top
        ]
        return f"{style.short(name)} expects " + "; ".join(said) + "."


def _shown(record: Record) -> tuple[str, Speech]:
    """The winner, or the first that has anything to show."""
    return next((name, speech) for name, speech in speeches(record).items() if speech.next)


def _context(place: Next, length: int) -> str:
    return "".join(visible(character) if character != " " else " " for character in place.context[-length:])


def _draw_place(axes: Axes, place: Next, top: float) -> None:
    """The context on one line, what may follow on the next."""
    before = "…" if len(place.context) > _SHOWN else ""
    axes.text(
        4,
        top + 13,
        before + _context(place, _SHOWN),
        family="DejaVu Sans Mono",
        fontsize=11,
        color=style.INK,
        va="center",
    )
    candidates = list(place.top)
    if place.truth not in {character for character, _ in candidates}:
        candidates.append((place.truth, place.share))
    for number, (character, share) in enumerate(candidates):
        _draw_box(axes, character, share, 4 + 75 * number, top + 25, follows=character == place.truth)


def _draw_box(axes: Axes, character: str, share: float, left: float, top: float, *, follows: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    box = partial(FancyBboxPatch, (left, top), 68, 24, boxstyle="round,pad=0,rounding_size=4")
    axes.add_patch(box(linewidth=0, facecolor=style.ACCENT, alpha=0.08 + 0.55 * share))
    if follows:
        axes.add_patch(box(linewidth=1.8, facecolor="none", edgecolor=style.WARM))
    axes.text(
        left + 13, top + 12, visible(character), family="DejaVu Sans Mono", fontsize=12, color=style.INK,
        ha="center", va="center", fontweight="bold" if follows else "normal",
    )  # fmt: skip
    said = f"{share:.0%}" if share >= 0.01 else "<1%"
    axes.text(left + 62, top + 12, said, fontsize=11, color=style.INK, ha="right", va="center")
