"""Single split: one column cut into groups, as a sentence that a person can apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._clusters import half_of
from deepwright.contenders._lesson import Lesson
from deepwright.contenders._pieces import Question, best_question, question_from, segments_cost
from deepwright.contenders._profile import Profile
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors
from deepwright.metrics._clusters import distances, silhouettes_among
from deepwright.tasks.clustering import MOST, Clustering, predictions

_JUDGED = 1_000
"""Training rows whose silhouette chooses the column and the number of pieces."""


@final
class SingleSplit(Contender):
    """The column, and the places where it is cut, whose pieces lie furthest apart in all columns: each column is cut
    where the points of a piece have the least squared distance from their mean (dynamic programming, as in the rule
    'one_rule'); the best silhouette of all columns wins."""

    name = "single_split"
    family = "rule"
    tasks = frozenset({"clustering"})

    class Options(Config):
        """How small a piece may be."""

        smallest: float = Field(default=0.02, ge=0, lt=0.5)
        """Share of the training rows in the smallest piece."""
        most_rows: int = Field(default=20_000, ge=2)
        """Training rows that are looked at; more are sampled."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> SingleSplitModel:
        if train.height > self.options.most_rows:
            train = train.sample(self.options.most_rows, seed=brief.seed)
        points = brief.task.points(train, brief.encoding).astype(np.float64)
        half = half_of(train.height, brief.seed)
        whole = _best(train, points, brief, self.options.smallest)
        again = _best(train[half], points[half], brief, self.options.smallest)
        codes = whole.codes(train)
        profile = Profile.of(train, codes, int(codes.max()) + 1, brief.encoding)
        return SingleSplitModel(whole, again, profile)

    @classmethod
    def load(cls, folder: Path, task: Clustering, encoding: Encoding, *, trust: Sequence[str] = ()) -> SingleSplitModel:
        return SingleSplitModel.load(folder, encoding)


@final
@dataclass(frozen=True, kw_only=True)
class Cut:
    """A question to one column (None: no column can be cut), and the cluster of each piece and of a missing cell."""

    question: Question | None
    clusters: tuple[int, ...]

    def codes(self, frame: pl.DataFrame) -> np.ndarray:
        """(B,) int64."""
        if self.question is None:
            return np.zeros(frame.height, dtype=np.int64)
        return np.array(self.clusters, dtype=np.int64)[self.question.pieces(frame)]

    def sentence(self) -> str:
        """ "if flipper_length_mm > 206 then cluster 2, otherwise cluster 1"."""
        if self.question is None:
            return "no single column can be cut: all rows are cluster 1"
        return self.question.sentence([f"cluster {k + 1}" for k in self.clusters])

    def state(self) -> dict[str, Any]:
        return {"question": self.question and self.question.state(), "clusters": self.clusters}

    @staticmethod
    def load(state: dict[str, Any]) -> Cut:
        """Rebuild from `state`; raises KeyError, TypeError or ValueError on damage."""
        question = None if state["question"] is None else question_from(state["question"])
        clusters = tuple(int(k) for k in state["clusters"])
        pieces = 1 if question is None else len(question.conditions()) + 1
        if len(clusters) != pieces or not all(0 <= k < pieces for k in clusters):
            raise ValueError("its pieces do not fit its question")
        return Cut(question=question, clusters=clusters)


@final
class SingleSplitModel(Model):
    """The cut, that of a random half of the rows, and what the pieces are like."""

    _FILES: ClassVar[tuple[str, str]] = ("single_split.json", "profile.safetensors")

    def __init__(self, whole: Cut, again: Cut, profile: Profile) -> None:
        self._whole, self._again, self._profile = whole, again, profile

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return predictions(self._whole.codes(frame), self._again.codes(frame))

    def explain(self) -> str:
        return f"{self._whole.sentence()} ({self._profile.words()})."

    def importances(self) -> dict[str, float] | None:
        question = self._whole.question
        return None if question is None else {question.column: 1.0}

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any]:
        return {"profile": self._profile.exhibit()}

    def save(self, folder: Path) -> None:
        state = {"sentence": self._whole.sentence(), "whole": self._whole.state(), "again": self._again.state()}
        write_json(folder / self._FILES[0], state)
        write_tensors(folder / self._FILES[1], self._profile.arrays())

    @classmethod
    def load(cls, folder: Path, encoding: Encoding) -> SingleSplitModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        path = inside(folder, cls._FILES[0])
        arrays = read_tensors(inside(folder, cls._FILES[1]))
        with boundary(path):
            state = read_json(path)
            cuts = Cut.load(state["whole"]), Cut.load(state["again"])
            profile = Profile.from_arrays(arrays, encoding)
        if any(cut.question is not None and cut.question.column not in encoding.columns for cut in cuts):
            raise RunError("its rule asks for a column that the run does not have.", where=str(path))
        return cls(*cuts, profile)


def _best(train: pl.DataFrame, points: np.ndarray, brief: Brief, smallest: float) -> Cut:
    """The cut with the best silhouette of all columns and numbers of pieces."""
    lesson = Lesson(task=brief.task, frame=train, y=points)
    cost, least = segments_cost(brief.task.name), max(1, int(smallest * len(points)))
    some = np.linspace(0, len(points) - 1, min(len(points), _JUDGED)).astype(np.int64)
    apart = distances(points[some])
    best, score = Cut(question=None, clusters=(0,)), 0.0
    for encoder in brief.encoding.encoders:
        tried: set[Question] = set()
        for most in [brief.task.clusters] if brief.task.clusters else range(2, MOST + 1):
            found = best_question(encoder, lesson, cost, most, least)
            if found is None or found[0] in tried or len(found[0].conditions()) > most:
                continue
            tried.add(found[0])
            cut = _named(found[0], train)
            own = float(silhouettes_among(apart, cut.codes(train)[some]).mean())
            if own > score + 1e-9:
                best, score = cut, own
    return best


def _named(question: Question, train: pl.DataFrame) -> Cut:
    """Pieces by size, the largest first; a missing cell belongs to the largest."""
    pieces = question.pieces(train)
    count = len(question.conditions())
    sizes = np.bincount(pieces[pieces < count], minlength=count)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return Cut(question=question, clusters=(*(int(k) for k in rank), 0))
