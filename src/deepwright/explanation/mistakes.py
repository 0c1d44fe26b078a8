"""Mistakes: the rows that a model gets most wrong, with their input columns, for people to look at."""

from __future__ import annotations

import numpy as np
import polars as pl

from deepwright.core.task import Task


def worst_mistakes(
    task: Task,
    predictions: pl.DataFrame,
    truth: pl.Series,
    inputs: pl.DataFrame,
    rows: np.ndarray,
    *,
    limit: int = 20,
) -> pl.DataFrame | None:
    """What `mistakes.parquet` holds: at most `limit` rows, the worst first; none where nothing is wrong.

    predictions: the task's predictions, a row each; their first column is what is shown.
    truth:       what they are judged against.
    inputs:      the input columns of the same rows.
    rows:        (B,) their row numbers in the whole table.

    Columns: `row`, `truth`, `prediction`, `wrongness` (in the task's own unit, see `Task.wrongness`), `input:NAME` for
    each input. None where rows of this task are not right or wrong.
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
    return head.hstack([column.gather(order).alias(f"input:{column.name}") for column in inputs])
