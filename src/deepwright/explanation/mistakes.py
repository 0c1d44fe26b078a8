"""Mistakes: the rows that a model gets most wrong, with their input columns, for people to look at."""

from __future__ import annotations

import numpy as np
import polars as pl

from deepwright.core.metric import Answers
from deepwright.core.task import Task


def worst_mistakes(
    task: Task, predictions: pl.DataFrame, frame: pl.DataFrame, rows: np.ndarray, *, limit: int = 20
) -> pl.DataFrame:
    """What `mistakes.parquet` holds: at most `limit` rows, the worst first; none where nothing is wrong.

    predictions: the task's predictions of the rows of `frame`, in order.
    frame:       the same rows with input columns and target.
    rows:        (B,) their row numbers in the whole table.

    Columns: `row`, `truth`, `prediction`, `wrongness`, `input:NAME` for each input. wrongness is, in regression, the
    distance in the target's unit; in classification the probability given to the wrong class (1 without
    probabilities); in tagging the number of wrong tags, each weighted by the probability on the wrong side.
    """
    wrongness = _WRONGNESS[task.name](task.answers(predictions, frame[task.target]))
    wrongness = np.where(np.isfinite(wrongness) & frame[task.target].is_not_null().to_numpy(), wrongness, 0.0)
    order = np.argsort(-wrongness, kind="stable")[:limit]
    order = order[wrongness[order] > 0]
    head = pl.DataFrame(
        {
            "row": np.asarray(rows, dtype=np.int64)[order],
            "truth": frame[task.target].gather(order),
            "prediction": predictions["prediction"].gather(order),
            "wrongness": wrongness[order],
        }
    )
    inputs = [frame[name].gather(order).alias(f"input:{name}") for name in frame.columns if name != task.target]
    return head.hstack(inputs)


def _distance(answers: Answers) -> np.ndarray:
    return np.abs(answers.truth - answers.prediction)


def _confidence(answers: Answers) -> np.ndarray:
    wrong = answers.truth != answers.prediction
    if answers.probability is None:
        return wrong.astype(float)
    known = np.clip(answers.prediction, 0, None)
    return wrong * answers.probability[np.arange(len(answers)), known]


def _wrong_tags(answers: Answers) -> np.ndarray:
    wrong = answers.truth != answers.prediction
    if answers.probability is None:
        return wrong.sum(axis=1).astype(float)
    return (wrong * np.abs(answers.truth - answers.probability)).sum(axis=1)


_WRONGNESS = {"regression": _distance, "classification": _confidence, "tagging": _wrong_tags}
