"""Mistakes: the rows that a model gets most wrong, with their input columns, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from deepwright.core.task import Task
from deepwright.kinds._thumbnails import thumbnails

_SIDE = 96
"""Pixels of a picture's longer side at most."""


def worst_mistakes(
    task: Task,
    predictions: pl.DataFrame,
    truth: pl.Series,
    inputs: pl.DataFrame,
    rows: np.ndarray,
    *,
    limit: int = 20,
    pictures: Sequence[str] = (),
) -> pl.DataFrame | None:
    """What `mistakes.parquet` holds: at most `limit` rows, the worst first; none where nothing is wrong.

    predictions: the task's predictions, a row each; their first column is what is shown.
    truth:       what they are judged against.
    inputs:      the input columns of the same rows.
    rows:        (B,) their row numbers in the whole table.
    pictures:    which of the input columns hold pictures.

    Columns: `row`, `truth`, `prediction`, `wrongness` (in the task's own unit, see `Task.wrongness`), `input:NAME` for
    each input (none for pictures given as bytes), `picture:NAME` for each picture, small, as PNG, so that it can be
    shown when the file is gone. None where rows of this task are not right or wrong.
    """
    wrongness = task.wrongness(task.answers(predictions, truth))
    if wrongness is None:
        return None
    wrongness = np.where(np.isfinite(wrongness) & truth.is_not_null().to_numpy(), wrongness, 0.0)
    order = np.argsort(-wrongness, kind="stable")[:limit]
    order = order[wrongness[order] > 0]
    head = pl.DataFrame(
        {
            "row": np.asarray(rows, dtype=np.int64)[order],
            "truth": truth.gather(order),
            "prediction": predictions.to_series(0).gather(order),
            "wrongness": wrongness[order],
        }
    )
    shown = [column.gather(order) for column in inputs]
    small = [thumbnails(column, _SIDE).alias(f"picture:{column.name}") for column in shown if column.name in pictures]
    named = [column.alias(f"input:{column.name}") for column in shown if column.dtype != pl.Binary]
    return head.hstack([*named, *small])
