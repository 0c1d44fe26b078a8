"""Inference: forward chaining from cells to facts to conclusions, and the trace of how each came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._conditions import as_text, scalar
from deepwright.contenders._rule_file import Rule, RuleFile
from deepwright.core.errors import RecipeError


@final
@dataclass(frozen=True, kw_only=True)
class Conclusions:
    """What followed from B rows.

    cells: columns and facts. fired (R, B): whose condition holds. chosen (B,): the rule that concludes, -1 for none.
    setters: fact → (B,) the rule that set it, -1 for none.
    """

    cells: Mapping[str, pl.Series]
    fired: np.ndarray
    chosen: np.ndarray
    setters: Mapping[str, np.ndarray]


def fact_order(file: RuleFile, where: str) -> list[str]:
    """The facts, each after those that its rules read; raises RecipeError where facts follow from each other in a ring.

    Every fact is thus settled before anything reads it, whatever the order of the file, and chaining always ends.
    """
    facts = set(file.facts)
    needs: dict[str, dict[str, Rule]] = {fact: {} for fact in file.facts}
    for rule in file.rules:
        for fact in rule.facts:
            needs[fact].update({c.name: rule for c in rule.condition.comparisons if c.name in facts})
    order: list[str] = []
    while len(order) < len(needs):
        ready = [fact for fact in needs if fact not in order and set(needs[fact]) <= set(order)]
        if not ready:
            raise _ring(needs, order, where)
        order += ready
    return order


def conclude(file: RuleFile, order: list[str], frame: pl.DataFrame) -> Conclusions:
    """Settle the facts in order, then choose the rule that concludes for each row."""
    cells: dict[str, pl.Series] = {name: frame.get_column(name) for name in _columns(file) if name in frame.columns}
    setters: dict[str, np.ndarray] = {}
    held: dict[int, np.ndarray] = {}
    for fact in order:
        writers = [i for i in file.ranked if fact in file.rules[i].facts]
        for i in writers:
            held.setdefault(i, file.rules[i].condition.holds(cells))
        setters[fact] = _first(writers, held, frame.height)
        values = [fact_value(rule, fact) for rule in file.rules]
        cells[fact] = pl.Series(fact, [*values, None], dtype=pl.String)[setters[fact].tolist()]
    for i in _all(file):
        held.setdefault(i, file.rules[i].condition.holds(cells))
    concluding = [i for i in file.ranked if file.rules[i].then is not None]
    fired = np.stack([held[i] for i in _all(file)])
    return Conclusions(cells=cells, fired=fired, chosen=_first(concluding, held, frame.height), setters=setters)


def trace(file: RuleFile, found: Conclusions, row: int) -> str:
    """Why: the rule that concluded, its conditions with the row's own values, the facts behind them, and who lost."""
    winner = int(found.chosen[row])
    applied = [i for i in file.ranked if found.fired[i, row] and file.rules[i].then is not None]
    losers = [file.rules[i].label for i in applied if i != winner]
    lost = f" It prevailed over {', '.join(losers)} ({file.conflict})." if losers else ""
    return f"{_because(file, found, row, winner)}.{lost}"


def how(file: RuleFile, goal: str) -> str:
    """Backwards: the rules that could conclude the goal (or set a fact `NAME == VALUE`), and what each would need."""
    lines: list[str] = []
    name, _, value = (part.strip() for part in goal.partition("=="))
    for rule in file.rules:
        concludes = rule.then is not None and goal in rule.then
        sets = bool(value) and rule.facts.get(name) == value
        if concludes or sets:
            lines += _needs(file, rule, 0, frozenset())
    return "\n".join(lines) or f"no rule concludes {goal}"


def fact_value(rule: Rule, fact: str) -> str | None:
    """The value that a rule gives to a fact, as conditions compare it; None where it does not set it."""
    return as_text(scalar(rule.facts[fact])) if fact in rule.facts else None


def _needs(file: RuleFile, rule: Rule, depth: int, above: frozenset[str]) -> list[str]:
    lines = [f"{'  ' * depth}{rule.label}: if {rule.condition}"]
    for fact in dict.fromkeys(c.name for c in rule.condition.comparisons):
        if fact in file.facts and fact not in above:
            for writer in file.rules:
                if fact in writer.facts:
                    deeper = _needs(file, writer, depth + 1, above | {fact})
                    lines += [f"{deeper[0]}, then {fact} is {writer.facts[fact]}", *deeper[1:]]
    return lines


def _because(file: RuleFile, found: Conclusions, row: int, number: int) -> str:
    rule = file.rules[number]
    text = f"{rule.label}: {rule.condition.why(found.cells, row)}"
    for fact in dict.fromkeys(c.name for c in rule.condition.comparisons if c.name in found.setters):
        setter = int(found.setters[fact][row])
        if setter >= 0:
            value = found.cells[fact][row]
            text += f"; {fact} is {value} by {_because(file, found, row, setter)}"
    return text


def _first(ranked: list[int], held: Mapping[int, np.ndarray], rows: int) -> np.ndarray:
    """(B,) the first of these rules whose condition holds, -1 where none does."""
    chosen = np.full(rows, -1, dtype=np.int64)
    for i in reversed(ranked):
        chosen[held[i]] = i
    return chosen


def _all(file: RuleFile) -> range:
    return range(len(file.rules))


def _columns(file: RuleFile) -> set[str]:
    return {comparison.name for rule in file.rules for comparison in rule.condition.comparisons}


def _ring(needs: Mapping[str, Mapping[str, Rule]], settled: list[str], where: str) -> RecipeError:
    fact = next(fact for fact in needs if fact not in settled)
    ring = [fact]
    while True:
        fact, rule = next((need, rule) for need, rule in needs[ring[-1]].items() if need not in settled)
        if fact in ring:
            ring = ring[ring.index(fact) :]
            break
        ring.append(fact)
    return RecipeError(
        f"facts follow from each other in a ring: {' ← '.join([*ring, ring[0]])}.",
        where=f"{where}, line {rule.line}",
        remedy="Let one of them follow from columns alone.",
    )
