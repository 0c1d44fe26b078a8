"""How the networks learned: loss and validation score over the epochs, the best epoch marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from deepwright.evaluation import style
from deepwright.evaluation.figure import Figure
from deepwright.evaluation.figures._curves import thin
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST = 4
_FLAT = 20
"""Times that one contender's losses vary as much as another's before each gets a scale of its own."""


class LearningCurves(Figure):
    """Two panels over the same epochs: losses above, the validation score below."""

    name: ClassVar[str] = "learning_curves"
    title: ClassVar[str] = "Learning curves"
    caption: ClassVar[str] = (
        "Dashed: loss on the training rows. Solid: on the validation rows. Where the solid line turns up while the "
        "dashed one falls, the network learns rows by heart; the weights of the marked epoch are the ones kept."
    )

    def suits(self, record: Record) -> bool:
        return bool(_histories(record))

    def height(self, record: Record) -> int:
        return 400 if _has_score(_histories(record)) else 260

    def draw(self, record: Record, canvas: Canvas) -> None:
        histories = _comparable(_histories(record))
        with_score = _has_score(histories)
        grid = canvas.add_gridspec(2 if with_score else 1, 1, height_ratios=[3, 2] if with_score else [1])
        losses = canvas.add_subplot(grid[0])
        scores = canvas.add_subplot(grid[1], sharex=losses) if with_score else None
        for k, (name, history) in enumerate(histories.items()):
            colour = style.SERIES[k]
            self._losses(losses, name, history, colour)
            best = _best(record, name, history)
            for axes, column in ((losses, "valid_loss"), (scores, "valid_score")):
                if axes is not None:
                    _draw_line(axes, history, column, colour, solid=True)
                    _mark(axes, history, column, best, colour, words=axes is losses and len(histories) == 1)
        self._dress(record, histories, losses, scores)

    def alt(self, record: Record) -> str:
        said = []
        for name, history in _histories(record).items():
            last = history.row(-1, named=True)
            best = _best(record, name, history)
            kept = f", best at {_unit(history)} {style.number(best)}" if best is not None else ""
            said.append(
                f"{name}: training loss {_n(last['train_loss'])} and validation loss {_n(last['valid_loss'])} "
                f"at {_unit(history)} {style.number(float(last['at']))}{kept}"
            )
        return "; ".join(said) + "."

    def _losses(self, axes: Axes, name: str, history: pl.DataFrame, colour: str) -> None:
        _draw_line(axes, history, "train_loss", colour, solid=False)

    def _dress(self, record: Record, histories: dict[str, pl.DataFrame], losses: Axes, scores: Axes | None) -> None:
        from matplotlib.ticker import MaxNLocator, NullFormatter

        losses.set_ylabel("loss")
        values = np.concatenate([_values(history) for history in histories.values()])
        if len(values) and values.min() > 0 and values.max() / values.min() > 20:
            losses.set_yscale("log")
            style.thousands(losses, "y")
            losses.yaxis.set_minor_formatter(NullFormatter())
            losses.set_ylabel("loss (log scale)")
        if _own_scales(_histories(record)):
            losses.set_ylabel("loss, each on its own scale")
            losses.set_yscale("linear")
            losses.tick_params(labelleft=False)
        style.grid(losses)
        _legend(losses, list(histories))
        lower = losses if scores is None else scores
        if scores is not None:
            style.grid(scores)
            losses.tick_params(labelbottom=False)
            metric = record.run.task.metric if record.run.task else None
            scores.set_ylabel(metric.title if metric else "score")
            style.thousands(scores, "y")
        lower.set_xlabel("epoch" if all(_unit(history) == "epoch" for history in histories.values()) else "step")
        lower.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        style.thousands(lower, "x")


def _histories(record: Record) -> dict[str, pl.DataFrame]:
    """Contender → its reports with a column `at` (epoch, or step where there are none), at least two reports."""
    found = {}
    for (name,), history in record.log.group_by(["contender"], maintain_order=True):
        usable = history.with_columns(pl.col(_unit(history)).cast(pl.Float64).alias("at")).filter(
            pl.col("at").is_not_null()
        )
        if usable.height >= 2 and len(_values(usable)):
            found[str(name)] = usable
    return dict(list(found.items())[:_MOST])


def _own_scales(histories: dict[str, pl.DataFrame]) -> bool:
    """Whether one contender's losses would be a flat line beside another's, and no logarithm can help."""
    values = [_values(history) for history in histories.values()]
    spans = [float(np.ptp(own)) for own in values]
    return len(values) > 1 and min(map(np.min, values)) <= 0 and max(spans) > _FLAT * max(min(spans), 1e-12)


def _comparable(histories: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Losses from 0 to 1 for each contender where one scale shows nothing; as they are elsewhere."""
    if not _own_scales(histories):
        return histories
    found = {}
    for name, history in histories.items():
        low, span = float(_values(history).min()), max(float(np.ptp(_values(history))), 1e-12)
        scaled = [(pl.col(column) - low) / span for column in ("train_loss", "valid_loss")]
        found[name] = history.with_columns(scaled)
    return found


def _unit(history: pl.DataFrame) -> str:
    """What its reports are counted in."""
    return "epoch" if history["epoch"].is_not_null().all() else "step"


def _values(history: pl.DataFrame) -> np.ndarray:
    both = np.concatenate([history["train_loss"].to_numpy(), history["valid_loss"].to_numpy()]).astype(float)
    return both[np.isfinite(both)]


def _has_score(histories: dict[str, pl.DataFrame]) -> bool:
    return any(history["valid_score"].is_not_null().any() for history in histories.values())


def _best(record: Record, name: str, history: pl.DataFrame) -> float | None:
    scores = record.scores.get(name)
    if scores is not None and scores.deep is not None:
        best = scores.deep.best_epoch if _unit(history) == "epoch" else scores.deep.best_step
        if np.isfinite(best):
            return float(best)
    known = history.filter(pl.col("valid_loss").is_finite())
    return float(known["at"][int(known["valid_loss"].arg_min() or 0)]) if known.height else None


def _draw_line(axes: Axes, history: pl.DataFrame, column: str, colour: str, *, solid: bool) -> None:
    known = history.filter(pl.col(column).is_finite())
    x, y = thin(known["at"].to_numpy(), known[column].to_numpy())
    axes.plot(x, y, color=colour, linestyle="solid" if solid else (0, (4, 2)), linewidth=1.8 if solid else 1.3)


def _mark(axes: Axes, history: pl.DataFrame, column: str, best: float | None, colour: str, *, words: bool) -> None:
    known = history.filter(pl.col(column).is_finite())
    if best is None or not known.height:
        return
    place = int(np.abs(known["at"].to_numpy() - best).argmin())
    point = (known["at"][place], known[column][place])
    axes.plot(*point, marker="o", markersize=7, color=colour, markeredgecolor=style.PAPER, markeredgewidth=1.2)
    if words:
        axes.annotate(
            f"kept: {_unit(history)} {style.number(best)}",
            point,
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=11,
            color=colour,
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 0.8},
        )


def _legend(axes: Axes, names: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = (
        [Line2D([], [], color=style.SERIES[k], linewidth=2.5) for k in range(len(names))] if len(names) > 1 else []
    )
    labels = [style.short(name, 20) for name in names] if len(names) > 1 else []
    handles += [
        Line2D([], [], color=style.MUTED, linestyle=(0, (4, 2)), linewidth=1.3),
        Line2D([], [], color=style.MUTED),
    ]
    axes.legend(handles, [*labels, "training", "validation"], frameon=False, fontsize=11, labelcolor=style.INK)


def _n(value: float | None) -> str:
    return "–" if value is None else style.number(value)
