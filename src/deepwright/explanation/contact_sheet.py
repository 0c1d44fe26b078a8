"""Contact sheet: some training pictures of each class, small, for people to look at before anything is learned."""

from __future__ import annotations

import numpy as np
import polars as pl

from deepwright.core.encoding import Encoding
from deepwright.core.task import Task
from deepwright.kinds._thumbnails import thumbnails

_PICTURES = 80
"""On the whole sheet at most; each class gets an even share, up to `_EACH`."""
_EACH = 8
_CLASSES = 48
"""Classes shown at most, the largest first."""
_SIDE = 64


def picture_columns(encoding: Encoding) -> list[str]:
    """The input columns that hold pictures."""
    return [encoder.column for encoder in encoding.encoders if encoder.kind == "image"]


def contact_sheet(
    task: Task, train: pl.DataFrame, rows: np.ndarray, encoding: Encoding, *, seed: int
) -> pl.DataFrame | None:
    """What `contact_sheet.parquet` holds, from the first column of pictures; None where there is none.

    train: the training rows; rows: (B,) their numbers in the whole table; seed: of the draw.

    Columns: `row`, `label` (the class, or the value to predict; null where there is none), `picture` (PNG, null where
    it cannot be read). Rows of a class stand together, classes in order of number or alphabet; values by size.
    """
    columns = picture_columns(encoding)
    if not columns or not train.height:
        return None
    labels = _labels(task, train)
    drawn = _drawn(task, labels, np.random.default_rng(seed))
    return pl.DataFrame(
        {
            "row": np.asarray(rows, dtype=np.int64)[drawn],
            "label": labels.gather(drawn),
            "picture": thumbnails(train.get_column(columns[0]).gather(drawn), _SIDE),
        }
    )


def _labels(task: Task, train: pl.DataFrame) -> pl.Series:
    """(B,) the target as text."""
    if task.target is None or task.target not in train.columns:
        return pl.Series("label", [None] * train.height, dtype=pl.String)
    target = train.get_column(task.target)
    if isinstance(target.dtype, pl.List):
        return target.cast(pl.List(pl.String)).list.join(", ")
    return target.cast(pl.String)


def _drawn(task: Task, labels: pl.Series, rng: np.random.Generator) -> np.ndarray:
    """(S,) places of the rows shown."""
    if task.name != "classification":
        chosen = np.sort(rng.choice(len(labels), min(len(labels), _PICTURES // 2), replace=False))
        values = labels.gather(chosen).cast(pl.Float64, strict=False)
        return chosen[values.arg_sort(nulls_last=True).to_numpy()] if task.name == "regression" else chosen
    counted = labels.drop_nulls().value_counts(sort=True).sort(["count", labels.name], descending=[True, False])
    classes = sorted(counted[labels.name].to_list()[:_CLASSES], key=_in_order)
    each = min(_EACH, max(1, _PICTURES // max(1, len(classes))))
    found = []
    for name in classes:
        own = (labels == name).arg_true().to_numpy()
        found.append(np.sort(rng.choice(own, min(each, len(own)), replace=False)))
    return np.concatenate(found)


def _in_order(name: str) -> tuple[bool, float, str]:
    """2 before 10, numbers before words."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
