"""Mirroring: labels that a mirror image, or a picture turned far round, may no longer deserve."""

from __future__ import annotations

import re
from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_WORD = re.compile(r"[^\W\d_]+")
_COUNTED = _words("zero one two three four five six seven eight nine ten eleven twelve")
_SIGNS = _words("digit digits letter letters numeral character glyph")
_SIDES = _words(
    "left right leftward rightward leftwards rightwards clockwise anticlockwise counterclockwise ccw cw port starboard "
    "east west eastbound westbound up down upward downward upwards downwards upright "
    "links rechts gauche droite izquierda derecha sinistra destra"
)


def changed_by_mirroring(labels: Sequence[str]) -> str | None:
    """Why a mirror image may be of another class, by the first label that says so; None where none does.

    Numbers, single letters and words of direction do: a mirrored 2 is no digit, a mirrored b is a d.
    """
    for label in labels:
        words = {word.lower() for word in _WORD.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", label))}
        if _NUMBER.fullmatch(label.strip()) or (words and words <= _COUNTED):
            return f"'{label}' is a number"
        if len(label.strip()) == 1 or words & _SIGNS:
            return f"'{label}' is a sign"
        if sides := sorted(words & _SIDES):
            return f"'{label}' says {sides[0]}"
    return None
