"""Parts: the files of a run folder as typed, frozen objects; extra keys are ignored, wrong types are damage."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _nan_for_none(value: object) -> object:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_nan_for_none)]
"""A float; null in the file, or a key that is not there, reads as NaN."""

Severity = Literal["info", "warn", "error"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)


class MetricPart(_Part):
    """The metric that chooses."""

    name: str
    title: str
    greater_is_better: bool


class TaskPart(_Part):
    """What is asked, and why it is this."""

    name: str
    target: str | None = None
    why: str = ""
    metric: MetricPart
    why_metric: str = ""


class DataPart(_Part):
    """What was read; `notes` say what was done to it on the way in."""

    source: str = ""
    format: str = ""
    fingerprint: str = ""
    rows: int = 0
    columns: int = 0
    notes: tuple[str, ...] = ()


class SplitPart(_Part):
    """How many rows train, choose and test."""

    how: str = ""
    train: int = 0
    valid: int = 0
    test: int = 0


class Check(_Part):
    """One data check that had something to say."""

    id: str
    severity: Severity
    message: str
    numbers: dict[str, Any] = {}
    remedy: str | None = None


class RunPart(_Part):
    """`run.json`: what ran, when, on what, how far it came."""

    format: int
    deepwright: str = ""
    name: str = ""
    state: Literal["running", "done", "failed", "stopped"]
    why: str | None = None
    created: str = ""
    finished: str | None = None
    parent: str | None = None
    seconds: dict[str, Number] = {}
    seed: int = 0
    versions: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    data: DataPart | None = None
    task: TaskPart | None = None
    split: SplitPart | None = None
    checks: tuple[Check, ...] = ()


class Column(_Part):
    """What a column is, and why it is taken for that."""

    name: str
    kind: str
    why: str = ""
    role: Literal["input", "target", "ignored"] = "input"
    describe: str = ""
    missing: int = 0
    distinct: int = 0


class StatePart(_Part):
    """A built-in component by name, with what it learned."""

    name: str
    state: dict[str, Any] = {}


class SchemaPart(_Part):
    """`schema.json`: columns and the fitted task."""

    target: str | None
    format: str = ""
    reading: dict[str, Any] = {}
    columns: tuple[Column, ...] = ()
    task: StatePart | None = None
    encoding: tuple[dict[str, Any], ...] = ()


class Histogram(_Part):
    """Counts between edges: len(edges) == len(counts) + 1."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len(self.counts) < 1 or len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{len(self.edges)} edges do not fit {len(self.counts)} counts")
        return self


class Facts(_Part):
    """One column's summary; numbers and times have a histogram, everything else its top values."""

    name: str
    kind: str = ""
    missing: int = 0
    distinct: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | str | None = None
    median: float | str | None = None
    histogram: Histogram | None = None
    top: tuple[tuple[Any, int], ...] | None = None


class Suspicion(_Part):
    """Something odd about a column."""

    column: str
    what: str
    evidence: str = ""


class FactsPart(_Part):
    """`facts.json`."""

    columns: tuple[Facts, ...] = ()
    suspicious: tuple[Suspicion, ...] = ()


class Deep(_Part):
    """What only a network has."""

    network: str = ""
    parameters: int = 0
    plan: dict[str, Any] = {}
    stopped: str | None = None
    epochs: Number = math.nan
    steps: Number = math.nan
    best_epoch: Number = math.nan
    best_step: Number = math.nan


class Scores(_Part):
    """`contenders/NAME/scores.json`; NaN where a number is not there."""

    name: str
    contender: str | None = None
    family: str
    state: Literal["done", "failed", "out_of_time"] = "done"
    why: str | None = None
    score: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan
    valid_score: Number = math.nan
    train: dict[str, Number] = {}
    valid: dict[str, Number] = {}
    test: dict[str, Number] = {}
    valid_loss: Number = math.nan
    test_loss: Number = math.nan
    fit_seconds: Number = math.nan
    predict_microseconds_per_row: Number = math.nan
    bytes: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    explain: str = ""
    notes: tuple[str, ...] = ()
    deep: Deep | None = None


class Comparison(_Part):
    """a against b on the same test rows; positive: a is better."""

    a: str
    b: str
    difference: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan


class Verdict(_Part):
    """`verdict.json`: which one to use."""

    winner: str | None = None
    sentence: str = ""
    recommendation: str = ""
    metric: MetricPart | None = None
    comparisons: tuple[Comparison, ...] = ()


class FindingPart(_Part):
    """One entry of `findings.json`."""

    id: str
    title: str = ""
    severity: Severity = "info"
    contender: str | None = None
    evidence: str = ""
    numbers: dict[str, Any] = {}
    cause: str = ""
    remedy: str = ""
    edit: dict[str, Any] | None = None


class ColumnImportance(_Part):
    """How much the score drops when a column's values are shuffled among the rows."""

    column: str
    drop: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan


class Importance(_Part):
    """`importance.json`."""

    contender: str
    metric: str = ""
    part: str = "test"
    rows: int = 0
    repeats: int = 0
    columns: tuple[ColumnImportance, ...] = ()
    skipped: tuple[str, ...] = ()


class CurvePoint(_Part):
    """A score after learning from so many training rows."""

    rows: int
    score: Number = math.nan
    low: Number = math.nan
    high: Number = math.nan


class LearningCurve(_Part):
    """`learning_curve.json`: the winner, fitted on growing shares of the training rows."""

    contender: str
    metric: str = ""
    points: tuple[CurvePoint, ...] = ()
    says: str = ""
