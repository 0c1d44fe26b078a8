"""Record: a run folder, read lazily and never written; the one way reports, figures and diagnosis see a run."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from pydantic import TypeAdapter, ValidationError

from deepwright.core.errors import RunError, not_found
from deepwright.core.files import boundary, inside, read_json, read_json_lines, read_parquet, read_text
from deepwright.core.find import find, names
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.evaluation.parts import (
    Column,
    FactsPart,
    FindingPart,
    Importance,
    LearningCurve,
    RunPart,
    SchemaPart,
    Scores,
    Verdict,
)

T = TypeVar("T")

_FAMILIES = ("rule", "classical", "deep")
_LOG = {
    "contender": pl.String,
    "step": pl.Int64,
    "epoch": pl.Float64,
    "train_loss": pl.Float64,
    "valid_loss": pl.Float64,
    "valid_score": pl.Float64,
    "lr": pl.Float64,
    "gradient_norm": pl.Float64,
    "skipped": pl.Int64,
}
"""Columns that the metric log always has, null where a report did not say."""


class Record:
    """Everything a run folder says, typed; parts that are not there yet are None or empty, damaged ones raise RunError.

    Nothing is imported or executed from the folder: task names are looked up among the built-in ones only.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise RunError(
                "there is no run folder here.",
                where=str(self.folder),
                remedy="`deepwright list runs` shows the runs there are.",
            )

    @cached_property
    def run(self) -> RunPart:
        """`run.json`; the one file that must be there."""
        run = self._json("run.json", RunPart)
        if run is None:
            raise RunError(
                "expected a run folder, found no run.json.", where=str(self.folder), remedy="Give the folder of a run."
            )
        if run.format != 1:
            raise RunError(
                f"this Deepwright reads run folders of format 1, this one has format {run.format}.",
                where=str(self.folder / "run.json"),
                remedy="Install the version of Deepwright that wrote it.",
            )
        return run

    @property
    def name(self) -> str:
        """Of the run, for people."""
        return self.run.name or self.folder.name

    @property
    def state(self) -> str:
        """ "running", "done", "failed" or "stopped"."""
        return self.run.state

    @cached_property
    def schema(self) -> SchemaPart | None:
        """`schema.json`: columns, kinds, roles, the fitted task."""
        return self._json("schema.json", SchemaPart)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of the data, in order; empty before the schema is written."""
        return self.schema.columns if self.schema else ()

    @cached_property
    def facts(self) -> FactsPart:
        """`facts.json`: a summary of each column."""
        return self._json("facts.json", FactsPart) or FactsPart()

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """Contender → its scores, best first on the primary metric; those without a score last, by family and name."""
        root = self.folder / "contenders"
        found = []
        if root.is_dir() and not root.is_symlink():
            # A hidden folder is one that a killed process did not finish.
            for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.is_symlink() and p.name[0] != "."):
                scores = self._json(f"contenders/{folder.name}/scores.json", Scores)
                if scores is not None:
                    found.append((folder.name, scores))
        return dict(sorted(found, key=lambda item: self._rank(item[1])))

    @cached_property
    def log(self) -> pl.DataFrame:
        """`metrics.jsonl` as one frame: a row a report; empty with the usual columns when there is none yet."""
        path = inside(self.folder, "metrics.jsonl")
        reports = read_json_lines(path)
        with boundary(path):
            return _log_frame(reports)

    @cached_property
    def predictions(self) -> pl.DataFrame | None:
        """Test predictions of every contender: `contender`, `row`, `truth` and the task's columns."""
        return self._parquet("predictions.parquet", ("contender", "row", "truth"))

    @cached_property
    def validation(self) -> pl.DataFrame | None:
        """The same for the validation rows."""
        return self._parquet("validation.parquet", ("contender", "row", "truth"))

    @cached_property
    def mistakes(self) -> pl.DataFrame | None:
        """The winner's worst test rows: `row`, `truth`, `prediction`, `wrongness`, and `input:NAME` columns; of
        pictures `picture:NAME`, small, as PNG."""
        return self._parquet("mistakes.parquet", ("row", "truth", "prediction"))

    @cached_property
    def contact_sheet(self) -> pl.DataFrame | None:
        """Some training pictures, small, as PNG: `row`, `label`, `picture`; None where the data has no pictures."""
        return self._parquet("contact_sheet.parquet", ("row", "label", "picture"))

    @cached_property
    def exhibits(self) -> dict[str, dict[str, Any]]:
        """Contender → what it has to show (`exhibits.json`): samples, a map, an episode; those without are left out."""
        found = {name: self._json(f"contenders/{name}/exhibits.json", dict[str, Any]) for name in self.scores}
        return {name: shown for name, shown in found.items() if shown is not None}

    @cached_property
    def importance(self) -> Importance | None:
        """`importance.json`: permutation importance of the winner's input columns."""
        return self._json("importance.json", Importance)

    @cached_property
    def learning_curve(self) -> LearningCurve | None:
        """`learning_curve.json`: the winner on growing shares of the training rows; on request only."""
        return self._json("learning_curve.json", LearningCurve)

    @cached_property
    def findings(self) -> tuple[FindingPart, ...]:
        """`findings.json`, errors first."""
        found = self._json("findings.json", tuple[FindingPart, ...]) or ()
        order = {"error": 0, "warn": 1, "info": 2}
        return tuple(sorted(found, key=lambda finding: order[finding.severity]))

    @cached_property
    def verdict(self) -> Verdict | None:
        """`verdict.json`; None before the contest is judged."""
        return self._json("verdict.json", Verdict)

    @property
    def winner(self) -> Scores | None:
        """The winner's scores; None where there is no verdict, or no contender of that name."""
        return self.scores.get(self.verdict.winner or "") if self.verdict else None

    @cached_property
    def recipe(self) -> str:
        """The text of `recipe.yaml`, "" when there is none."""
        path = self._path("recipe.yaml")
        return read_text(path) if path else ""

    @cached_property
    def task(self) -> Task | None:
        """The fitted task, rebuilt from the schema; None before the schema holds one."""
        if self.schema is None or self.schema.task is None:
            return None
        name = self.schema.task.name
        if name not in names("task"):
            raise RunError(f"the run names an unknown task '{name}'.", where=str(self.folder / "schema.json"))
        return find("task", name).load(self.schema.task.state)

    def answers(self, contender: str, part: str = "test") -> Answers | None:
        """Truth and predictions of one contender on the "test" or "valid" rows; None where none were written.

        Raises NotFoundError when other contenders have predictions and this one has not.
        """
        if part not in ("test", "valid"):
            raise not_found("part with predictions", part, ("test", "valid"))
        frame = self.predictions if part == "test" else self.validation
        if frame is None or self.task is None:
            return None
        rows = frame.filter(pl.col("contender") == contender)
        if not rows.height:
            raise not_found("contender with predictions", contender, frame["contender"].unique().to_list())
        return self.task.answers(rows.drop("contender", "row", "truth"), rows["truth"])

    def _rank(self, scores: Scores) -> tuple[bool, float, int, str]:
        family = _FAMILIES.index(scores.family) if scores.family in _FAMILIES else len(_FAMILIES)
        without = math.isnan(scores.score)
        sign = -1.0 if self.run.task is None or self.run.task.metric.greater_is_better else 1.0
        return without, 0.0 if without else sign * scores.score, family, scores.name

    def _json(self, name: str, kind: type[T]) -> T | None:
        path = self._path(name)
        return None if path is None else self._typed(path, kind, read_json(path))

    def _typed(self, path: Path, kind: type[T], data: object) -> T:
        try:
            return TypeAdapter(kind).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(step) for step in first["loc"]) or "the top level"
            raise RunError(f"{first['msg']} (key {key}).", where=str(path), remedy=_REMEDY) from error

    def _path(self, name: str) -> Path | None:
        path = inside(self.folder, name)
        return path if path.exists() else None

    def _parquet(self, name: str, needed: tuple[str, ...]) -> pl.DataFrame | None:
        path = self._path(name)
        if path is None:
            return None
        frame = read_parquet(path)
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise RunError(f"expected the columns {', '.join(missing)}.", where=str(path), remedy=_REMEDY)
        return frame


def _log_frame(reports: list[dict[str, Any]]) -> pl.DataFrame:
    if any(not isinstance(report.get("contender"), str) for report in reports):
        raise ValueError("expected a contender in every report")
    extra = {k for r in reports for k, v in r.items() if k not in _LOG and isinstance(v, int | float)}
    schema = _LOG | dict.fromkeys(sorted(extra), pl.Float64)
    rows = [{key: report.get(key) for key in schema} for report in reports]
    try:
        return pl.DataFrame(rows, schema=schema, strict=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error


_REMEDY = "The file is damaged: repeat the run with `deepwright run RUN/recipe.yaml`."
