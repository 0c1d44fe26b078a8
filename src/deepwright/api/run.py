"""Run: everything that came of a recipe; opened from its folder, executing nothing from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import RunError, not_found
from deepwright.core.find import find, names
from deepwright.evaluation.record import Record

if TYPE_CHECKING:
    import polars as pl

    from deepwright.core.contender import Model
    from deepwright.core.encoding import Encoding
    from deepwright.core.task import Task


class Run:
    """A run folder: `run.verdict`, `run.predict(data)`, `run.scores`, `run.findings`, `run.report()`.

    `trust` names classes of the user's own ("package.module:Class") that its models may be rebuilt with; a folder
    can never name one by itself.
    """

    def __init__(self, folder: str | Path, *, trust: Sequence[str] = ()) -> None:
        self.record = Record(folder)
        self.trust = tuple(trust)
        _ = self.record.run  # a folder that is no run says so now, not later

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {self.verdict or self.state}>"

    def _repr_html_(self) -> str:
        from deepwright.evaluation.report import summary_html

        return summary_html(self.record)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.record.folder

    @property
    def state(self) -> str:
        """ "running", "done", "failed" or "stopped"."""
        return self.record.state

    @property
    def verdict(self) -> str:
        """The sentence that says which contender to use, with the difference and its interval."""
        return self.record.verdict.sentence if self.record.verdict else ""

    @property
    def winner(self) -> str | None:
        """The name of the contender that answers `predict`."""
        return self.record.verdict.winner if self.record.verdict else None

    @property
    def scores(self) -> pl.DataFrame:
        """One row a contender: name, family, score with its interval, cost; best first."""
        import polars as pl

        keep = ["name", "family", "state", "score", "low", "high", "valid_score", "fit_seconds"]
        keep += ["predict_microseconds_per_row", "bytes"]
        rows = [scores.model_dump() for scores in self.record.scores.values()]
        return pl.DataFrame([{key: row[key] for key in keep} for row in rows], infer_schema_length=None)

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong with the run: evidence, cause, remedy and the recipe edit that mends it."""
        return [finding.model_dump() for finding in self.record.findings]

    @cached_property
    def task(self) -> Task:
        """What was asked, as fitted."""
        task = self.record.task
        if task is None:
            raise RunError("the run holds no task yet.", where=str(self.folder), remedy="`deepwright resume` it.")
        return task

    @cached_property
    def encoding(self) -> Encoding:
        """How columns become tensors, as fitted."""
        from deepwright.core.encoding import Encoding
        from deepwright.core.files import read_tensors

        schema = self.record.schema
        if schema is None:
            raise RunError("the run holds no schema yet.", where=str(self.folder), remedy="`deepwright resume` it.")
        arrays = self.folder / "encoders.safetensors"
        return Encoding.load(schema.encoding, read_tensors(arrays) if arrays.exists() else {})

    def model(self, name: str | None = None) -> Model:
        """The fitted contender called `name`, else the winner; raises NotFoundError, or RunError on damage."""
        from deepwright.core.files import check_manifest

        name = name or self.winner
        if name is None:
            raise RunError("the run has no winner yet.", where=str(self.folder), remedy="`deepwright resume` it.")
        scores = self.record.scores.get(name)
        if scores is None:
            raise not_found("contender", name, self.record.scores, where=str(self.folder))
        room = self.folder / "contenders" / name
        self._check()
        check_manifest(room)
        contender = scores.contender or name
        if contender not in names("contender") and contender not in self.trust:
            raise RunError(
                f"the contender '{name}' was made by '{contender}', which is not part of Deepwright.",
                where=str(room),
                remedy=f"If you know that code, open the run with trust=['{contender}'].",
            )
        return find("contender", contender).load(room, self.task, self.encoding, trust=self.trust)

    def predict(
        self, data: Any, *, contender: str | None = None, query: str | None = None, why: bool = False
    ) -> pl.DataFrame:
        """Predictions for the rows of a file or frame, in order.

        data: a path, or a polars or pandas frame, with the input columns of the run; extra ones are ignored.
        Gives `row` (from 1), the task's columns (`prediction`, `probability`, …), and `unseen`: names of the columns
        whose value training never showed. why: also a column `why`, for contenders that can say (rules).
        Raises DataError naming missing columns.
        """
        import polars as pl

        return pl.concat(list(self.predictions(data, contender=contender, query=query, why=why)))

    def predictions(
        self,
        data: Any,
        *,
        contender: str | None = None,
        query: str | None = None,
        why: bool = False,
        rows: int = 65_536,
    ) -> Iterator[pl.DataFrame]:
        """As `predict`, a frame of at most `rows` rows at a time, in bounded memory."""
        from deepwright.api.predicting import predict

        return predict(self, data, contender=contender, query=query, why=why, rows=rows)

    def generate(self, *, contender: str | None = None, **order: Any) -> Iterator[str | pl.DataFrame]:
        """New things like those the run learned from, piece by piece: text, or frames of rows.

        order: keys of `Order`: count, prompt, length, temperature, top_k, seed. The same order gives the same things.
        Raises RecipeError for a key that is not there, and where the contender does not generate.
        """
        from deepwright.api.generating import generate

        return generate(self, contender, order)

    def report(self) -> Path:
        """Write report.html again and give its path."""
        from deepwright.core.files import write_manifest
        from deepwright.evaluation.report import write_report

        whole = self._check()
        page = write_report(self.folder)
        if whole:
            write_manifest(self.folder)
        return page

    def _check(self) -> bool:
        """Whether the run has a manifest; raises RunError where what predictions rest on is not as it was written."""
        from deepwright.core.files import MANIFEST, check_manifest

        if not (self.folder / MANIFEST).exists():
            return False  # not done yet, or killed just before the end
        rests_on = ("recipe.yaml", "run.json", "schema.json", "encoders.safetensors", "verdict.json")
        check_manifest(self.folder, only=rests_on)
        return True

    def resume(self, data: Any = None) -> Run:
        """Go on where the run stopped; `data` only for runs that were given a frame."""
        from deepwright.api.fitting import resume

        return resume(self.folder, data=data, trust=self.trust)


def load(path: str | Path, *, trust: Sequence[str] = ()) -> Run:
    """Open a run folder, also a stranger's: nothing in it is executed. Raises RunError when it is none or damaged."""
    return Run(path, trust=trust)
