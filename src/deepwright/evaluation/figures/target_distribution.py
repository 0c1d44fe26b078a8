"""How the target is spread: what there is to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepwright.core.task import TargetTask
from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._bars import draw_facts, said
from deepwright.evaluation.parts import Facts
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


class TargetDistribution(Figure):
    """A histogram of numbers and times; bars of classes and tags, most frequent first."""

    name: ClassVar[str] = "target_distribution"
    title: ClassVar[str] = "Distribution of the target"
    caption: ClassVar[str] = "The target over all rows. Rare classes and long tails are where scores are least certain."

    def suits(self, record: Record) -> bool:
        return _target(record) is not None

    def height(self, record: Record) -> int:
        target = _target(record)
        return 240 if target is None or target.top is None else 60 + 24 * min(15, len(target.top))

    def draw(self, record: Record, canvas: Canvas) -> None:
        target = _target(record)
        assert target is not None
        draw_facts(canvas.add_subplot(), target, most=15, label=style.short(target.name, 40))

    def alt(self, record: Record) -> str:
        target = _target(record)
        assert target is not None
        return said(target)


def _target(record: Record) -> Facts | None:
    name = record.schema.target if record.schema and isinstance(record.task, TargetTask) else None
    found = next((facts for facts in record.facts.columns if facts.name == name), None)
    return found if found is not None and (found.histogram or found.top) else None
