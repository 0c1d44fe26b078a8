"""Verdict: who wins, by how much, at what cost, and what to do; in words that follow from the numbers.

The winner is chosen on the validation rows. The test rows only measure, once, how good that choice is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepwright.core.errors import DataError
from deepwright.core.metric import Answers, Metric
from deepwright.evaluation.intervals import FEWEST, Difference, compare_paired, interval
from deepwright.evaluation.words import duration, number, size

FAMILIES = ("rule", "classical", "deep")
"""From the simplest on."""


def choose_winner(
    answers: Mapping[str, Answers],
    metric: Metric,
    families: Mapping[str, str],
    *,
    costs: Mapping[str, float] | None = None,
    groups: np.ndarray | None = None,
) -> str:
    """The contender to use, from answers on the validation rows; ties go to the simpler.

    The one-standard-error rule (Breiman et al. 1984): of all contenders whose distance to the best score is within one
    standard error of that paired distance, the simplest family wins; within a family the cheaper (`costs`, any unit),
    then the better score. So a network wins only where it is clearly better than every simpler contender.
    Raises DataError where no contender has answers.
    """
    if not answers:
        raise DataError("no contender has predictions for the validation rows.", where="contest")
    sign = 1.0 if metric.greater_is_better else -1.0
    scores = {name: sign * metric.score(own) for name, own in answers.items()}
    best = max(scores, key=lambda name: -math.inf if math.isnan(scores[name]) else scores[name])
    if math.isnan(scores[best]):
        tied = list(scores)
    else:
        tied = [name for name in scores if name == best or _ties(metric, answers[best], answers[name], groups)]

    def simplicity(name: str) -> tuple[int, float, float, str]:
        score = -math.inf if math.isnan(scores[name]) else scores[name]
        return _rank(families[name]), (costs or {}).get(name, 0.0), -score, name

    return min(tied, key=simplicity)


def verdict(
    winner: str,
    scores: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, Answers],
    metric: Metric,
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """The content of verdict.json.

    winner:  chosen by `choose_winner`.
    scores:  contender → its scores.json, for everyone who entered, also those that failed.
    answers: contender → answers on the test rows, all of the same rows.
    groups:  a group id for each test row, where rows belong together.
    """
    own = answers[winner]
    low, high = interval(metric, own, groups)
    differences = {
        name: compare_paired(metric, own, answers[name], groups)
        for name in _in_order(scores)
        if name in answers and name != winner
    }
    units = len(own) if groups is None else len(np.unique(np.asarray(groups)))
    case = _Case(winner, scores, metric, len(own), units, metric.score(own), low, high, differences)
    return {
        "winner": winner,
        "sentence": case.sentence(),
        "recommendation": case.recommendation(),
        "metric": {"name": metric.name, "title": metric.title, "greater_is_better": metric.greater_is_better},
        "comparisons": [
            {"a": winner, "b": name, "difference": _finite(d.value), "low": _finite(d.low), "high": _finite(d.high)}
            for name, d in differences.items()
        ],
    }


class _Case:
    """The evidence, and the sentences that follow from it."""

    def __init__(
        self,
        winner: str,
        scores: Mapping[str, Mapping[str, Any]],
        metric: Metric,
        rows: int,
        units: int,
        score: float,
        low: float,
        high: float,
        differences: Mapping[str, Difference],
    ) -> None:
        self.winner, self.scores, self.metric = winner, scores, metric
        self.rows, self.units = rows, units
        self.score, self.low, self.high, self.differences = score, low, high, differences

    # ---------------------------------------------------------------- the sentence
    def sentence(self) -> str:
        """Who wins, with what score, and by how much, on how many rows; then what it costs."""
        rivals = [rival for rival in (self.rival, self.rule) if rival is not None]
        told = ", and ".join(self._against(name) for name in dict.fromkeys(rivals))
        reached = f"{self.metric.title} {with_range(self.score, self.low, self.high)} on {self._test_rows}"
        first = f"{_capital(self.called(self.winner))} wins with {reached}"
        return (
            f"{first}: it {told}. {self._cost()}" if told else f"{first}; nobody else could be compared. {self._cost()}"
        )

    def _against(self, name: str) -> str:
        found = self.differences[name]
        amount = with_range(abs(found.value), *_facing(found))
        other = self.called(name)
        if found.low > 0:
            return f"beats {other} by {amount}"
        if found.high < 0:
            return f"falls behind {other} by {amount}, which the validation rows did not show"
        if found.value == 0:
            return f"ties with {other} ({with_range(0.0, found.low, found.high)})"
        side = "ahead of" if found.value > 0 else "behind"
        return f"cannot be told from {other} ({side} it by {amount})"

    def _cost(self) -> str:
        parts = [self._cost_of(self.winner)]
        if self.rival is not None:
            parts.append(self._cost_of(self.rival))
        return f"Cost: {'; '.join(parts)}."

    def _cost_of(self, name: str) -> str:
        own = self.scores[name]
        micro = own.get("predict_microseconds_per_row")
        predicts = "–" if micro is None else f"{number(micro)} µs a row"
        learns, takes = duration(own.get("fit_seconds")), size(own.get("bytes"))
        return f"{name} learns in {learns}, predicts in {predicts} and takes {takes}"

    # ---------------------------------------------------------------- the recommendation
    def recommendation(self) -> str:
        """What to do, and how far to trust it."""
        return " ".join(part for part in (self._advice(), self._networks(), self._fallen(), self._small()) if part)

    def _advice(self) -> str:
        family = self.scores[self.winner]["family"]
        if not self.differences:
            return f"Use {self.winner}, for want of anything to compare it with."
        behind = [name for name, found in self.differences.items() if found.high < 0]
        if behind:
            return (
                f"Use {self.winner}, which was chosen on the validation rows, with care: {_list(behind)} did better on "
                "the test rows. Choosing by the test rows would flatter; more rows would settle it."
            )
        if family == "rule":
            return (
                f"Nothing clearly beats the rule '{self.winner}': use it, and look for better columns or more rows "
                "before a larger model."
            )
        if self.rule is not None and not self.differences[self.rule].low > 0:
            return (
                f"Do not rely on {self.winner} yet: on the test rows it is not shown to be better than the rule "
                f"'{self.rule}'."
            )
        unclear = [name for name in self._simpler if not self.differences[name].low > 0]
        if unclear:
            return (
                f"Use {self.winner} where every bit counts; {_list(unclear)} {'is' if len(unclear) == 1 else 'are'} "
                "simpler and not shown to be worse on the test rows."
            )
        tied = [name for name, found in self.differences.items() if not found.low > 0]
        if tied:
            return f"Use {self.winner}: {_list(tied)} {'is' if len(tied) == 1 else 'are'} not shown to be better."
        return f"Use {self.winner}: the test rows leave no doubt that it is the best of those that were tried."

    def _networks(self) -> str:
        tried = {
            _tried(name, own)
            for name, own in self.scores.items()
            if own["family"] == "deep" and own.get("state", "done") == "done"
        }
        if not tried:
            return ""
        was = "network that was tried is" if len(tried) == 1 else "networks that were tried are"
        return f"The {was} {_list(sorted(tried))}, as set up in the recipe; this says nothing about others."

    def _fallen(self) -> str:
        fallen = [name for name, own in self.scores.items() if own.get("state", "done") != "done"]
        return f"{_capital(_list(fallen))} could not be fitted and {_be(fallen)} not compared." if fallen else ""

    def _small(self) -> str:
        if math.isnan(self.low):
            return f"With {self._test_rows} the intervals are unknown: fewer than {FEWEST} say next to nothing."
        if self.units < 50:
            return f"With only {self._test_rows} the intervals are wide: take the order of close scores as open."
        return ""

    # ---------------------------------------------------------------- who is who
    def called(self, name: str) -> str:
        """A contender in running text: "the rule 'majority'", "linear", "the network tabm"."""
        own = self.scores[name]
        if own["family"] == "rule":
            return f"the rule '{name}'"
        if own["family"] != "deep":
            return name
        network = (own.get("deep") or {}).get("network") or name
        return f"the network {name}" if network == name else f"the network {name} ({network})"

    @property
    def rival(self) -> str | None:
        """The strongest other contender by validation, of another family where the winner is no rule; None if alone."""
        others = [name for name in self.differences if self.scores[name]["family"] != "rule"]
        elsewhere = [n for n in others if self.scores[n]["family"] != self.scores[self.winner]["family"]]
        return self._strongest(elsewhere or others)

    @property
    def rule(self) -> str | None:
        """The strongest rule by validation, besides the winner."""
        return self._strongest([name for name in self.differences if self.scores[name]["family"] == "rule"])

    @property
    def _simpler(self) -> list[str]:
        own = _rank(self.scores[self.winner]["family"])
        return [name for name in self.differences if _rank(self.scores[name]["family"]) < own]

    def _strongest(self, names: Sequence[str]) -> str | None:
        sign = 1.0 if self.metric.greater_is_better else -1.0

        def strength(name: str) -> float:
            value = self.scores[name].get("valid_score")
            return -math.inf if value is None or math.isnan(value) else sign * value

        return max(names, key=strength, default=None)

    @property
    def _test_rows(self) -> str:
        rows = f"{self.rows:,} test row{'' if self.rows == 1 else 's'}"
        return rows if self.units == self.rows else f"{rows} in {self.units:,} group{'' if self.units == 1 else 's'}"


def _ties(metric: Metric, best: Answers, other: Answers, groups: np.ndarray | None) -> bool:
    found = compare_paired(metric, best, other, groups)
    if math.isnan(found.value):
        return False
    return found.value <= 0 or found.value <= (0.0 if math.isnan(found.error) else found.error)


def _rank(family: str) -> int:
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def _in_order(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted(scores, key=lambda name: _rank(scores[name]["family"]))


def _facing(found: Difference) -> tuple[float, float]:
    """The interval seen from the side of the one that is ahead."""
    return (found.low, found.high) if found.value >= 0 else (-found.high, -found.low)


def with_range(value: float, low: float, high: float, *, digits: int = 3) -> str:
    """ "0.913 [0.887, 0.935]", "48,210 [45,100, 51,900]": as many places as so many digits of the width need."""
    width = high - low
    largest = max(abs(value), abs(low), abs(high))
    if not math.isfinite(width) or width <= 0 or not 1e-3 < largest < 1e9 or width < 1e-4 * largest:
        return number(value) + ("" if math.isnan(width) else f" [{number(low)}, {number(high)}]")
    places = digits - 1 - math.floor(math.log10(width))
    shown = [f"{round(entry, places) + 0.0:,.{max(places, 0)}f}".replace("-", "−") for entry in (value, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _tried(name: str, own: Mapping[str, Any]) -> str:
    """The network, or, where a way of learning was asked for by its own name, that with its network: "dqn (mlp)"."""
    network = str((own.get("deep") or {}).get("network") or name)
    return f"{name} ({network})" if own.get("contender") == name != network else network


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _be(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:] if text.startswith("the ") else text
