"""Tables of judgement: what one number hides. Which classes are taken for which, how good each class or tag is, and
each level of a tree of classes."""

from __future__ import annotations

import numpy as np
import polars as pl

from deepwright.core.hierarchy import level_codes
from deepwright.core.metric import Answers
from deepwright.metrics._shared import class_count, f1_of, precision_of, recall_of, tag_tallies, tallies

UNSEEN = "(not in training)"
"""How the row of a class that training never showed is called."""


def confusion_table(answers: Answers) -> pl.DataFrame:
    """`truth`, then one column a predicted class: how many rows of a true class were called so (int64).

    One row a class in order of `classes`, and a last one for classes that training never showed where there are any.
    """
    names = _names(answers)
    size = len(names)
    truth = np.where(answers.truth < 0, size, answers.truth)
    called = np.where(answers.prediction < 0, size, answers.prediction)
    counts = np.bincount(truth * (size + 1) + called, minlength=(size + 1) ** 2).reshape(size + 1, size + 1)
    rows = size + 1 if (answers.truth < 0).any() else size
    frame = pl.DataFrame(counts[:rows, :size], schema=[f"called {name}" for name in names])
    return frame.insert_column(0, pl.Series("truth", [*names, UNSEEN][:rows]))


def class_table(answers: Answers) -> pl.DataFrame:
    """`class`, `precision`, `recall`, `f1` (float64, NaN where not defined) and `rows` (int64) of each class or tag."""
    ones = np.ones((1, len(answers)))
    counts = tag_tallies(answers, ones) if answers.truth.ndim == 2 else tallies(answers, ones)
    names = _names(answers)
    shown = slice(0, len(names))
    return pl.DataFrame(
        {
            "class": names,
            "precision": precision_of(counts)[0, shown],
            "recall": recall_of(counts)[0, shown],
            "f1": f1_of(counts)[0, shown],
            "rows": counts.true[0, shown].astype(np.int64),
        }
    )


def level_table(answers: Answers) -> pl.DataFrame:
    """`level` (1 is next to the root), `groups` (how many nodes) and `accuracy` on that level of a tree of classes.

    A row is right on a level where the predicted class lies under the same node as the true one.
    """
    codes = level_codes(answers.classes)  # (K, L)
    known = (answers.truth >= 0) & (answers.prediction >= 0)
    same = (codes[answers.truth * known] == codes[answers.prediction * known]) & known[:, None]  # (B, L)
    return pl.DataFrame(
        {
            "level": np.arange(1, codes.shape[1] + 1),
            "groups": codes.max(axis=0) + 1,
            "accuracy": same.mean(axis=0) if len(same) else np.full(codes.shape[1], np.nan),
        }
    )


def _names(answers: Answers) -> list[str]:
    if answers.classes:
        return list(answers.classes)
    columns = answers.truth.shape[1] if answers.truth.ndim == 2 else class_count(answers)
    return [str(code) for code in range(columns)]
