"""Anatomy: the networks of a run layer by layer, read from its folder: totals, repeated blocks folded, the flow of
shapes. Nothing is built for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deepwright.core.errors import RunError
from deepwright.evaluation.record import Record

_LONGEST = 12
"""Neighbours that may make one repeated block together."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Layer(_Part):
    """One layer; as `blocks.description.LayerRow`."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = Field(ge=0)
    multiply_adds: int = Field(ge=0)
    field: tuple[int, int] | None = None


class Reads(_Part):
    """What comes in."""

    numbers: int = 0
    categories: int = 0
    texts: int = 0
    pictures: tuple[tuple[int, int, int], ...] = ()

    def said(self) -> str:
        """ "3 × 32 × 32 pictures", "7 numbers and 2 categories"."""
        parts = [f"{' × '.join(map(str, shape))} picture" for shape in self.pictures]
        for count, one, more in (
            (self.texts, "text", "texts"),
            (self.numbers, "number", "numbers"),
            (self.categories, "category", "categories"),
        ):
            if count:
                parts.append(f"{count:,} {one if count == 1 else more}")
        return " and ".join(parts) or "nothing"


class Anatomy(_Part):
    """A network: its name within the contender, its shape in words, what it reads, its layers in order of use."""

    name: str
    about: str = ""
    reads: Reads = Reads()
    layers: tuple[Layer, ...] = Field(min_length=1)

    @property
    def parameters(self) -> int:
        """Numbers that it learns."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """For one row."""
        return sum(layer.multiply_adds for layer in self.layers)


@dataclass(frozen=True)
class Line:
    """A layer in the folded list.

    name:  its path, a repeated block's number as a range: "stages.0.0–17.convolve1".
    layer: the first of those it stands for; last: the last, alike but for what it sees.
    times: how many those are.
    """

    name: str
    layer: Layer
    last: Layer
    times: int

    @property
    def block(self) -> str:
        """The path of what it stands in, "" at the top."""
        return self.name.rpartition(".")[0]

    @property
    def word(self) -> str:
        """Its own name there."""
        return self.name.rpartition(".")[2]

    @property
    def parameters(self) -> int:
        """Of all of them."""
        return self.times * self.layer.parameters

    @property
    def multiply_adds(self) -> int:
        """Of all of them, for one row."""
        return self.times * self.layer.multiply_adds


@dataclass(frozen=True)
class Step:
    """Neighbouring parts of a network whose output has the same shape: one box of the drawing."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Numbers that it learns."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """For one row."""
        return sum(layer.multiply_adds for layer in self.layers)


def anatomies(record: Record, contender: str) -> tuple[Anatomy, ...]:
    """The networks of a contender; () where it has none, or none was written down. Raises RunError on damage."""
    said = record.exhibits.get(contender, {}).get("networks")
    if said is None:
        return ()
    try:
        return TypeAdapter(tuple[Anatomy, ...]).validate_python(said)
    except ValidationError as error:
        key = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise RunError(
            f"the description of its networks is damaged (key networks.{key}).",
            where=str(record.folder / "contenders" / contender / "exhibits.json"),
            remedy="Repeat the run with `deepwright run RUN/recipe.yaml`.",
        ) from error


def with_networks(record: Record) -> dict[str, tuple[Anatomy, ...]]:
    """Contender → its networks, the winner first, then by score."""
    winner = record.winner.name if record.winner else None
    found = {name: anatomies(record, name) for name in sorted(record.exhibits, key=lambda name: name != winner)}
    return {name: nets for name, nets in found.items() if nets}


def folded(anatomy: Anatomy) -> list[Line]:
    """The layers, each run of equal blocks (the same layers with the same shapes and numbers, one after another in a
    list) said once."""
    return _lines((tree := _tree(anatomy.layers)), tree, "", 1)


def flow(anatomy: Anatomy) -> list[Step]:
    """The parts of the network in order, those together whose output has the same shape; what a part does inside (a
    squeeze to one place, say) does not show."""
    inside = [layer for layer in anatomy.layers if layer.name] or list(anatomy.layers)
    parts = [(name, tuple(layers)) for name, layers in groupby(inside, key=lambda layer: _part(layer.name))]
    steps = []
    for shape, group in groupby(parts, key=lambda part: part[1][-1].shape):
        members = list(group)
        names = tuple(dict.fromkeys(name for name, _ in members))
        steps.append(Step(names, shape, tuple(layer for _, layers in members for layer in layers)))
    return steps


def _part(name: str) -> str:
    """ "stages.0" of "stages.0.1.convolve2": the top level, and in a list of parts the number."""
    words = name.split(".")
    return ".".join(words[: 2 if len(words) > 1 and words[1].isdigit() else 1])


# ---------------------------------------------------------------- folding
@dataclass
class _Node:
    """A module: its own layer where it computes, and what is inside."""

    word: str
    layer: Layer | None = None
    inner: list[_Node] = field(default_factory=list)

    def key(self) -> Any:
        """Equal for blocks that are alike, but for their numbers and what they see."""
        own = self.layer and (self.layer.kind, self.layer.shape, self.layer.parameters, self.layer.multiply_adds)
        return own, tuple(("#" if node.word.isdigit() else node.word, node.key()) for node in self.inner)


def _tree(layers: Sequence[Layer]) -> _Node:
    root = _Node("")
    for layer in layers:
        node = root
        for word in layer.name.split(".") if layer.name else ():
            known = next((one for one in node.inner if one.word == word), None)
            if known is None:
                known = _Node(word)
                node.inner.append(known)
            node = known
        node.layer = layer
    return root


def _lines(node: _Node, last: _Node, path: str, times: int) -> list[Line]:
    """Of a block, and of the last of those that it stands for."""
    found = [Line(path or "(itself)", node.layer, last.layer, times)] if node.layer and last.layer else []
    start = f"{path}." if path else ""
    place = 0
    while place < len(node.inner):
        length, count = _repeat(node.inner[place:])
        for offset in range(place, place + length):
            inner, final = node.inner[offset], last.inner[offset + (count - 1) * length]
            between = "–" if length == 1 else "…"
            word = (
                inner.word if count == 1 else f"{inner.word}{between}{node.inner[offset + (count - 1) * length].word}"
            )
            found += _lines(inner, final, start + word, times * count)
        place += length * count
    return found


def _repeat(nodes: Sequence[_Node]) -> tuple[int, int]:
    """How many neighbours make a block, and how often it stands there in a row; (1, 1) where nothing repeats."""
    if not nodes[0].word.isdigit():
        return 1, 1
    keys = [node.key() for node in nodes if node.word.isdigit()]
    best = (1, 1)
    for length in range(1, min(_LONGEST, len(keys) // 2) + 1):
        count = 1
        while keys[count * length : (count + 1) * length] == keys[:length]:
            count += 1
        if count > 1 and (count - 1) * length > (best[1] - 1) * best[0]:
            best = (length, count)
    return best


def cells(lines: Sequence[Line], *, pictures: bool) -> list[list[str]]:
    """The folded list as texts: path below its block, kind, shape of the output for one row, parameters, multiply-adds,
    and for pictures what a place of the output sees, in pixels. A block of several layers has a line of its own."""
    rows: list[list[str]] = []
    blocks = [line.block for line in lines]
    above = ""
    for line in lines:
        grouped = bool(line.block) and blocks.count(line.block) > 1
        if grouped and line.block != above:
            often = f" × {line.times}" if line.times > 1 else ""
            rows.append([line.block + often, *[""] * (4 + pictures)])
        above = line.name if line.name in blocks else line.block
        rows.append(_cells(line, grouped, pictures))
    return rows


def _cells(line: Line, grouped: bool, pictures: bool) -> list[str]:
    often = f" × {line.times}" if line.times > 1 and (not grouped or "–" in line.word or "…" in line.word) else ""
    said = [f"  {line.word}{often}" if grouped else line.name + often, line.layer.kind, shape_text(line.layer.shape)]
    said += [f"{count:,}" if count else "–" for count in (line.parameters, line.multiply_adds)]
    if pictures:
        ends = dict.fromkeys(_field(one) for one in (line.layer, line.last))
        said.append(" … ".join(ends))
    return said


def _field(layer: Layer) -> str:
    if layer.field is None:
        return "–"
    high, wide = layer.field
    return f"{high:,}" if high == wide else f"{high:,} × {wide:,}"


def shape_text(shape: Sequence[int]) -> str:
    """16 × 32 × 32"""
    return " × ".join(f"{size:,}" for size in shape) or "1 number"


def numbers_in(shape: Sequence[int]) -> int:
    """How many numbers of that shape there are."""
    return math.prod(shape)
