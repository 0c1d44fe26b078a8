"""Curves from scores and truths, exact at every threshold, thinned only for drawing."""

from __future__ import annotations

import numpy as np

from deepwright.core.metric import Answers
from deepwright.evaluation.record import Record


def winner_answers(record: Record, *, probability: bool = False) -> Answers | None:
    """The winner's test answers; None without a winner, predictions, rows, or (where asked for) probabilities."""
    winner = record.winner
    if winner is None or record.predictions is None or record.task is None:
        return None
    if winner.name not in set(record.predictions["contender"].to_list()):
        return None
    answers = record.answers(winner.name)
    if answers is None or len(answers) == 0 or (probability and answers.probability is None):
        return None
    return answers


def contenders_with_probability(record: Record) -> dict[str, Answers]:
    """Contender → its test answers, best first, where it gave probabilities."""
    if record.predictions is None or record.task is None:
        return {}
    there = set(record.predictions["contender"].to_list())
    found = {name: record.answers(name) for name in record.scores if name in there}
    return {name: a for name, a in found.items() if a is not None and a.probability is not None and len(a)}


def roc(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """False-positive rate, true-positive rate and the area, at every distinct threshold; needs both sorts of rows."""
    positives, negatives = _steps(hit, score)
    x, y = np.r_[0.0, negatives / negatives[-1]], np.r_[0.0, positives / positives[-1]]
    return x, y, float(np.trapezoid(y, x))


def precision_recall(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Recall, precision and the average precision (step-wise, not interpolated), at every distinct threshold."""
    positives, negatives = _steps(hit, score)
    recall, precision = positives / positives[-1], positives / (positives + negatives)
    area = float(np.sum(np.diff(np.r_[0.0, recall]) * precision))
    return np.r_[0.0, recall], np.r_[precision[0], precision], area


def _steps(hit: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Running counts of positives and negatives after each distinct score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    positives = np.cumsum(hit[order])[last].astype(float)
    return positives, last + 1.0 - positives


def both_sorts(hit: np.ndarray) -> bool:
    """Whether there are positive and negative rows, without which no curve is defined."""
    return bool(hit.any() and not hit.all())


def reliability(hit: np.ndarray, chance: np.ndarray, bins: int = 10) -> list[tuple[float, float, float, float, int]]:
    """Equal-width bins that hold rows: mean chance, share of hits, its 95 % Wilson interval, number of rows."""
    place = np.clip((chance * bins).astype(int), 0, bins - 1)
    found = []
    for k in np.unique(place):
        inside = place == k
        share, rows = float(hit[inside].mean()), int(inside.sum())
        low, high = wilson(share, rows)
        found.append((float(chance[inside].mean()), share, low, high, rows))
    return found


def wilson(share: float, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return max(0.0, middle - float(half)), min(1.0, middle + float(half))


def thin(x: np.ndarray, y: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """At most so many points of a line, the ends kept; the eye sees no difference."""
    if len(x) <= points:
        return x, y
    keep = np.unique(np.linspace(0, len(x) - 1, points).astype(int))
    return x[keep], y[keep]


def some(rows: int, most: int = 1000) -> np.ndarray:
    """At most so many row numbers, the same ones each time, spread over all rows."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def dot_alpha(rows: int) -> float:
    """How solid a dot of a cloud is: the more dots, the more one must see through them."""
    return 0.75 if rows <= 200 else 0.45 if rows <= 600 else 0.3
