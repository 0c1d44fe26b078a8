"""Training pictures as they are, and as a network was given them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deepwright.core.errors import RunError
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._made import plain_axes
from deepwright.evaluation.figures._pictures import finish, pixels, tile
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_GAP = 6
_APART = 14
"""Pixels between the picture itself and its draws."""
_HEAD = 44
_DRAWS = 5
_LINES = 6


class _Before(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    before: str
    after: tuple[str, ...] = ()


class _Augmented(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    steps: tuple[str, ...] = ()
    pictures: tuple[_Before, ...] = Field(min_length=1)


class AugmentationPreview(Figure):
    """A line a picture, a column an epoch."""

    name: ClassVar[str] = "augmentation_preview"
    title: ClassVar[str] = "Augmentation, before and after"
    caption: ClassVar[str] = (
        "On the left training pictures as they are, beside them as the network was given them in its first epochs. "
        "Each must still be what its label says; validation and test pictures are never changed."
    )

    def suits(self, record: Record) -> bool:
        return _shown(record) is not None

    def height(self, record: Record) -> int:
        found = _shown(record)
        assert found is not None
        return round(_HEAD + len(found[1].pictures[:_LINES]) * (_side() + _GAP))

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _shown(record)
        assert found is not None
        height, side = self.height(record), _side()
        axes = plain_axes(canvas, height)
        said = f"{style.short(found[0], 20)}: {style.short(', '.join(found[1].steps), 52)}"
        axes.text(1, 9, said, va="center", fontsize=11, weight="bold", color=style.INK)
        heads = ["as it is", *(f"epoch {epoch + 1}" for epoch in range(_DRAWS))]
        for place, head in enumerate(heads):
            axes.text(_left(place), 32, head, va="center", fontsize=11, color=style.MUTED)
        for line, one in enumerate(found[1].pictures[:_LINES]):
            for place, stored in enumerate((one.before, *one.after[:_DRAWS])):
                tile(axes, pixels(stored), _left(place), _HEAD + line * (side + _GAP), side)
        finish(axes, height)

    def alt(self, record: Record) -> str:
        found = _shown(record)
        assert found is not None
        count, steps = len(found[1].pictures[:_LINES]), ", ".join(found[1].steps)
        return f"{count} training pictures as {found[0]} was given them in {_DRAWS} epochs: {steps}."


def _shown(record: Record) -> tuple[str, _Augmented] | None:
    """Of the first contender that changed any: the winner, then by score."""
    winner = record.winner.name if record.winner else None
    for name in sorted(record.exhibits, key=lambda name: name != winner):
        said: Any = record.exhibits[name].get("augmented")
        if said is not None:
            try:
                return name, TypeAdapter(_Augmented).validate_python(said)
            except ValidationError as error:
                key = ".".join(str(step) for step in error.errors()[0]["loc"])
                where = f"contenders/{name}/exhibits.json"
                raise RunError(f"what there is to show is damaged (key augmented.{key}).", where=where) from error
    return None


def _side() -> float:
    return (style.WIDTH - _GAP * (_DRAWS - 1) - _APART - 2) / (1 + _DRAWS)


def _left(place: int) -> float:
    return 1 + place * (_side() + _GAP) + (_APART - _GAP) * bool(place)
