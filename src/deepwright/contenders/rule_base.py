"""Rule base: if-then rules that you write in a rules.yaml; every prediction names the rule that fired and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self, final

import numpy as np
import polars as pl
from pydantic import model_validator

from deepwright.contenders._induction import induce
from deepwright.contenders._inference import Conclusions, conclude, fact_order, how, trace
from deepwright.contenders._lesson import Lesson, labels, lesson, predictions
from deepwright.contenders._rule_check import check_rules
from deepwright.contenders._rule_file import RuleFile, read_rules
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RecipeError, RunError
from deepwright.core.files import boundary, read_json, read_text, write_json, write_text
from deepwright.core.task import TargetTask

_LEAST = 0.501
"""Least probability of what a rule says, so that the prediction is what it says."""


@final
class RuleBase(Contender):
    """A rule base with forward chaining, in a file such as this one for the penguins:

        conflict: highest_priority        # or first_match (the default), most_specific
        default: Adelie                   # without it: "no rule applies", and the most common class
        rules:
          - name: long flippers
            if: flipper_length_mm > 206
            then: Gentoo
            confidence: 0.95              # above 0.5; without it: measured on the training rows
            priority: 10
          - name: long bill
            if: bill_length_mm > 43.3
            set: {bill: long}             # a fact, which conditions read like a column
          - name: long bill without long flippers
            if:
              all:
                - bill == long
                - not: {any: [flipper_length_mm > 206, "island in [Torgersen]"]}
            then: Chinstrap

    A condition is `COLUMN OPERATOR VALUE` with ==, !=, <, <=, >, >=, in [a, b], not in [a, b], between 1 and 2,
    contains TEXT, is missing, is not missing; `all:`, `any:` and `not:` join them. A column with an operator in its
    name stands in backticks; YAML wants quotes around a condition that begins with one, or that has brackets inside
    other brackets. A comparison with a missing cell does not hold. Rules are data and are never executed.

    Of the rules that apply, `conflict` chooses: the first of the file, the highest priority, or the one with the most
    conditions (then priority); ties go to the first of the file. Facts are settled before anything reads them.
    """

    name = "rule_base"
    family = "rule"
    tasks = frozenset({"classification", "regression", "tagging"})

    class Options(Config):
        """Where the rules are: one of the two."""

        rules: str | None = None
        """Path of the rule file."""
        text: str | None = None
        """The rules themselves, as the file would hold them."""

        @model_validator(mode="after")
        def _one(self) -> Self:
            if self.rules is not None and self.text is not None:
                raise ValueError("give the path of the rules or their text, not both")
            return self

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> RuleBaseModel:
        text, where = self._source()
        learnt = lesson(brief.task, train)
        file = read_rules(text, where)
        check_rules(file, learnt, brief.encoding.columns, where)
        found = conclude(file, fact_order(file, where), learnt.frame)
        shares = learnt.y.mean(axis=0)
        return RuleBaseModel(brief.task, file, text, _measured(file, found, learnt), shares, _coverage(file, found))

    @classmethod
    def example(cls, train: pl.DataFrame, task: TargetTask, encoding: Encoding) -> Config:
        return cls.Options(text=induce(train, task, encoding))

    def _source(self) -> tuple[str, str]:
        if self.options.text is not None:
            return self.options.text, "rules"
        if self.options.rules is None:
            raise RecipeError(
                "rule_base needs rules.",
                where="contenders.rule_base",
                remedy="Name a file: {rule_base: {rules: rules.yaml}}.",
            )
        try:
            return Path(self.options.rules).read_text(encoding="utf-8"), self.options.rules
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise RecipeError(f"the rules cannot be read: {reason}.", where=self.options.rules) from None

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> RuleBaseModel:
        return RuleBaseModel.load(folder, task, encoding)


@final
class RuleBaseModel(Model):
    """Rules with the confidence (R + 1,) of each, the last one of the default; shares (K,) of the outcomes in training,
    for regression their mean."""

    def __init__(
        self, task: TargetTask, file: RuleFile, text: str, confidence: np.ndarray, shares: np.ndarray, coverage: str
    ) -> None:
        self._task = task
        self._file = file
        self._text = text
        self._confidence = confidence
        self._shares = shares
        self._coverage = coverage
        self._order = fact_order(file, "rules.yaml")
        outcomes = [*(rule.then for rule in file.rules), file.default]
        self._values = np.stack(
            [_value(task, then, sure, shares) for then, sure in zip(outcomes, confidence, strict=True)]
        )

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._task, self._values[conclude(self._file, self._order, frame).chosen])

    def explain(self) -> str:
        otherwise = "the most common answer" if self._file.default is None else ", ".join(self._file.default)
        count = len(self._file.rules)
        return (
            f"{count} written rule{'s' if count > 1 else ''}, {self._file.conflict.replace('_', ' ')}; "
            f"{self._coverage}; where none applies: {otherwise}"
        )

    def explain_rows(self, frame: pl.DataFrame) -> list[str]:
        """For each row its prediction, the rule that fired with the values it read, the facts behind it and the rules
        it prevailed over; or that no rule applies."""
        found = conclude(self._file, self._order, frame)
        return [self._reason(found, row) for row in range(frame.height)]

    def fired(self, frame: pl.DataFrame) -> list[str | None]:
        """The name of the rule behind each prediction; None where no rule applies."""
        chosen = conclude(self._file, self._order, frame).chosen
        return [self._file.rules[i].name if i >= 0 else None for i in chosen]

    def how(self, goal: str) -> str:
        """How a conclusion could come about: the rules that would give it and what each needs, facts followed back."""
        return how(self._file, goal)

    def save(self, folder: Path) -> None:
        write_text(folder / "rules.yaml", self._text)
        state = {"confidence": self._confidence, "shares": self._shares, "coverage": self._coverage}
        write_json(folder / "rule_base.json", state)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding) -> RuleBaseModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        path = folder / "rule_base.json"
        with boundary(path):
            state = read_json(path)
            confidence, shares = (np.array(state[name], dtype=np.float64) for name in ("confidence", "shares"))
            coverage = str(state["coverage"])
        try:
            text = read_text(folder / "rules.yaml", limit_bytes=1 << 22)
            file = read_rules(text, "rules.yaml")
            names = {c.name for rule in file.rules for c in rule.condition.comparisons} - set(file.facts)
            if not names <= set(encoding.columns):
                raise RunError("its rules read columns that the run does not have.", where=str(folder / "rules.yaml"))
            if confidence.shape != (len(file.rules) + 1,) or shares.shape != (len(labels(task)),):
                raise RunError("it does not fit its rules.yaml.", where=str(path))
            with boundary(folder / "rules.yaml"):
                return RuleBaseModel(task, file, text, confidence, shares, coverage)
        except RecipeError as error:
            raise RunError(str(error), where=str(folder / "rules.yaml")) from None

    def _reason(self, found: Conclusions, row: int) -> str:
        chosen = int(found.chosen[row])
        then = self._file.rules[chosen].then if chosen >= 0 else self._file.default
        if chosen >= 0:
            return f"{', '.join(then or ())}, by {trace(self._file, found, row)}"
        return f"no rule applies: {'the most common answer' if then is None else ', '.join(then) + ' by default'}."


def _measured(file: RuleFile, found: Conclusions, learnt: Lesson) -> np.ndarray:
    """(R + 1,) the stated confidence of each rule, or how often it was right where it concluded (one right and one
    wrong row added)."""
    names = labels(learnt.task)
    sure = np.ones(len(file.rules) + 1)
    for i, then in enumerate([*(rule.then for rule in file.rules), file.default]):
        stated = file.rules[i].confidence if i < len(file.rules) else None
        if stated is not None or then is None or learnt.task.name == "regression":
            sure[i] = 1.0 if stated is None else stated
            continue
        rows = found.chosen == (i if i < len(file.rules) else -1)
        said = np.isin(names, then)
        own = learnt.y[rows]
        right = own[:, said].mean(axis=1).sum() if said.any() else (own.sum(axis=1) == 0).sum()
        sure[i] = max(_LEAST, (right + 1.0) / (rows.sum() + 2.0))
    return sure


def _value(task: TargetTask, then: tuple[str, ...] | None, sure: float, shares: np.ndarray) -> np.ndarray:
    """(K,) what a conclusion answers; what it leaves of the probability goes to the others by their share."""
    if then is None:
        return shares
    if task.name == "regression":
        return np.array([float(then[0])])
    said = np.isin(labels(task), then)
    if task.name == "tagging":
        return np.where(said, sure, (1.0 - sure) * shares)
    others = np.where(said, 0.0, shares + 1e-9)
    return np.where(said, sure, (1.0 - sure) * others / others.sum())


def _coverage(file: RuleFile, found: Conclusions) -> str:
    idle = [rule.name for rule, rows in zip(file.rules, found.fired, strict=True) if not rows.any()]
    unused = f"; never applied there: {', '.join(idle)}" if idle else ""
    return f"they apply to {(found.chosen >= 0).mean():.0%} of the training rows{unused}"
