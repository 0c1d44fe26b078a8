"""What contenders of a language model have to show, typed, and texts made fit to be drawn."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from deepwright.core.errors import RunError
from deepwright.evaluation.record import Record


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


T = TypeVar("T", bound=_Part)


class Next(_Part):
    """What may follow a context: the true character, its share, and the likeliest ones with theirs."""

    context: str
    truth: str
    share: float
    top: tuple[tuple[str, float], ...]


class Passage(_Part):
    """A text and the bits of each of its characters."""

    text: str
    bits: tuple[float, ...]


class Positions(_Part):
    """Mean bits of characters by how many were read before them, from starts to ends."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    bits: tuple[float, ...]
    characters: tuple[int, ...]


class Speech(_Part):
    """`contenders/_speech.py` makes it."""

    next: tuple[Next, ...]
    passage: Passage
    position: Positions
    sample: str


class Shown(_Part):
    """What a learner said after so many steps."""

    step: int
    text: str


def speeches(record: Record) -> dict[str, Speech]:
    """Contender → what it has to show, the winner first, then as they are ranked; those without are left out."""
    winner = record.winner.name if record.winner else ""
    names = sorted(record.exhibits, key=lambda name: name != winner)
    found = {name: record.exhibits[name].get("speech") for name in names}
    return {name: _typed(Speech, shown, name) for name, shown in found.items() if shown is not None}


def on_the_way(record: Record, contender: str) -> tuple[Shown, ...]:
    """What a contender said while it learned."""
    shown = record.exhibits.get(contender, {}).get("on_the_way", [])
    return tuple(_typed(Shown, entry, contender) for entry in shown if isinstance(entry, dict) and "text" in entry)


def visible(character: str) -> str:
    """A character as one that can be seen: ↵ for a line end, ␣ for a blank, a box for what has no form."""
    if character == "\n":
        return "↵"
    if character.isspace():
        return "␣"
    return character if character.isprintable() else "▯"


def _typed(kind: type[T], found: Any, contender: str) -> T:
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        key = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise RunError(
            f"what there is to show is damaged (key {key}).", where=f"contenders/{contender}/exhibits.json"
        ) from error
