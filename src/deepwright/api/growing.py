"""Growing: the winner fitted again on growing shares of the training rows; would more data help?"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from deepwright.api.book import Book
from deepwright.api.briefing import brief_for
from deepwright.api.entries import Entry
from deepwright.api.ground import Ground
from deepwright.api.telling import Teller


def learning_curve(ground: Ground, entry: Entry, book: Book, tell: Teller, seconds: float | None) -> dict[str, Any]:
    """What learning_curve.json holds: scores on the validation rows, which the final score does not use.

    Kinds and scaling stay those of the whole training part; what is learned from fewer rows is the model.
    """
    from deepwright.evaluation.intervals import interval
    from deepwright.improve.learning_curve import learning_curve as grow

    train, valid = ground.rows("train"), ground.rows("valid")

    def fit_and_score(rows: np.ndarray, seed: int) -> tuple[float, float, float]:
        tell.progress("learning curve", None, f"{entry.label} on {len(rows):,} rows")
        room = book.workroom(f"{entry.label}.curve")
        shutil.rmtree(room)
        room.mkdir()
        brief = brief_for(entry.label, ground, book, tell, seconds, seed, room=room, log=False)
        model = entry.made.fit(train[rows], valid, brief)
        answers = ground.answers(model.predict(valid), valid)
        return (ground.metric.score(answers), *interval(ground.metric, answers, ground.groups("valid")))

    curve = grow(
        fit_and_score,
        train.height,
        greater_is_better=ground.metric.greater_is_better,
        seconds=seconds,
        title=ground.metric.title,
    )
    return {"contender": entry.label, "metric": ground.metric.name, **curve.to_dict()}
