"""Every metric keeps its family's contract, and the contract notices metrics that do not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from deepwright.core.find import find, names
from deepwright.core.metric import Answers, Metric
from deepwright.evaluation.contracts.metric import check_metric


@pytest.mark.parametrize("name", names("metric"))
def test_keeps_its_promises(name: str) -> None:
    assert find("metric", name).name == name
    broken = [f"{says}: {problem}" for says, problem in check_metric(find("metric", name)) if problem]
    assert not broken, "\n".join(broken)


class Sound(Metric):
    """Mean absolute error, done right."""

    name: ClassVar[str] = "sound"
    title: ClassVar[str] = "sound"
    greater_is_better: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    meaning: ClassVar[str] = "How far off a prediction is on average."
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def score(self, answers: Answers) -> float:
        return float(np.abs(answers.truth - answers.prediction).mean()) if len(answers) else float("nan")


def broken_by(**changes: Any) -> list[str]:
    changed = type("Changed", (Sound,), changes)
    return [says for says, problem in check_metric(changed) if problem]


def test_a_sound_metric_of_the_users_own_passes() -> None:
    assert broken_by() == []


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({"greater_is_better": True}, "the truth scores best"),
        ({"meaning": "error"}, "says its name"),
        ({"bounds": (0.0, 0.1)}, "within bounds"),
        ({"score": lambda self, a: float(abs(a.truth[0] - a.prediction[0]))}, "the order of rows"),
        ({"score": lambda self, a: float(np.abs(a.truth - a.prediction).sum())}, "all rows twice"),
        ({"score": lambda self, a: float(np.abs(a.truth - a.prediction).mean())}, "no row"),
        ({"per_row": lambda self, a: np.abs(a.truth - a.prediction) ** 2}, "the mean of its terms"),
        ({"weighted": lambda self, a, w: w @ np.abs(a.truth - a.prediction)}, "weighing rows"),
        ({"needs_probability": True}, "where it needs probabilities"),
        ({"tasks": frozenset({"dreaming"})}, "says its name"),
    ],
)
def test_the_contract_notices(changes: dict[str, Any], promise: str) -> None:
    assert any(promise in says for says in broken_by(**changes))


def test_the_contract_notices_unseen_classes_that_count_as_right() -> None:
    class Lenient(Metric):
        name = "lenient"
        title = "lenient"
        greater_is_better = True
        tasks = frozenset({"classification"})
        meaning = "The share of rows called right, of those of known classes."
        bounds = (0.0, 1.0)

        def score(self, answers: Answers) -> float:
            known = answers.truth >= 0
            return float((answers.truth == answers.prediction)[known].mean()) if known.any() else float("nan")

    assert [says for says, problem in check_metric(Lenient) if problem] == [
        "a class that training never showed counts as wrong"
    ]
