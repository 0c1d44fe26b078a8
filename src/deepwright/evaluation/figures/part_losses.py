"""What each part of a learner lost: a generator and its critic, an actor and its judge, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import polars as pl

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import thin
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_PREFIX = "loss_"
_MOST = 3
"""Contenders."""


class PartLosses(Figure):
    """A panel for each contender that trains several parts, a line for each part."""

    name: ClassVar[str] = "part_losses"
    title: ClassVar[str] = "What each part lost"
    caption: ClassVar[str] = (
        "Parts that learn against each other need not both fall: they are well matched where neither runs away. One "
        "that goes to 0 leaves the other nothing to learn from."
    )

    def suits(self, record: Record) -> bool:
        return bool(_parts(record))

    def height(self, record: Record) -> int:
        return 30 + 190 * len(_parts(record))

    def draw(self, record: Record, canvas: Canvas) -> None:
        found = _parts(record)
        panels = canvas.subplots(len(found), 1, squeeze=False)[:, 0]
        for axes, (name, parts) in zip(panels, found.items(), strict=True):
            for number, (part, history) in enumerate(parts.items()):
                x, y = thin(history["step"].cast(pl.Float64).to_numpy(), history["loss"].to_numpy())
                stroke = style.LINES[number % len(style.LINES)]
                axes.plot(x, y, color=style.SERIES[number % len(style.SERIES)], linestyle=stroke, label=part)
            axes.set_title(style.short(name, 30), fontsize=12, color=style.INK, loc="left")
            axes.set_ylabel("training loss")
            axes.legend(frameon=False, fontsize=11, labelcolor=style.INK)
            style.grid(axes)
            style.thousands(axes, "x")
        panels[-1].set_xlabel("step")

    def alt(self, record: Record) -> str:
        said = []
        for name, parts in _parts(record).items():
            ends = ", ".join(f"{part} {style.number(float(history['loss'][-1]))}" for part, history in parts.items())
            said.append(f"{name} ends at {ends}")
        return "Training losses: " + "; ".join(said) + "."


def _parts(record: Record) -> dict[str, dict[str, pl.DataFrame]]:
    """Contender → part → its step and loss, for those that train two parts or more, two reports at least."""
    columns = [column for column in record.log.columns if column.startswith(_PREFIX)]
    found = {}
    for (name,), history in record.log.group_by(["contender"], maintain_order=True):
        parts = {}
        for column in columns:
            known = history.select("step", pl.col(column).cast(pl.Float64, strict=False).alias("loss"))
            known = known.filter(pl.col("loss").is_finite())
            if known.height > 1:
                parts[column.removeprefix(_PREFIX)] = known
        if len(parts) > 1:
            found[str(name)] = parts
    return dict(list(found.items())[:_MOST])
