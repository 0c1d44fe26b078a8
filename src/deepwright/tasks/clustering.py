"""Clustering: put rows into groups that nobody has named; a label may be held back to compare with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.core.config import Config
from deepwright.core.encoding import Encoding
from deepwright.core.errors import DataError, RecipeError, RunError
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.metrics._clusters import silhouettes
from deepwright.tasks._labels import in_order, label_codes, labels_of
from deepwright.tasks._options import read_options, read_state

MOST = 10
"""Numbers of clusters from 2 on that are tried where none is said."""

_APART = 0.5**0.5
"""Of a category's 0 and 1: rows with different values are then one standard deviation apart."""
_CLUSTER = re.compile(r"cluster ([1-9][0-9]{0,8})")
_READ = frozenset({"number", "category", "time"})


class _Options(Config):
    clusters: int | None = Field(default=None, ge=2)
    """How many; None: each contender takes the number from 2 to 10 whose silhouette on the training rows is best."""


class _State(Config):
    target: str | None
    labels: tuple[str, ...]
    rows: int = Field(ge=2)
    options: _Options


@dataclass(frozen=True)
class Clustering(Task):
    """Groups of rows that are alike. A named target is a label that is held back: no contender sees it, and the
    clusters are compared with it afterwards.

    A row is a point: its numbers scaled, each category as 0s and √½s, so that rows with different values are one
    standard deviation apart; a missing number stands at the mean. Columns of text are left out.

    Predictions: cluster (string, "cluster 1" is the largest in training), again (string: the cluster by the same
    contender fitted on a random half of the training rows).
    Truth: a struct of the row's `point` (list of float32) and its `label` (string, null where there is none).
    Answers: truth (B,) int64 codes of labels (-1: none), prediction (B,) int64 number of the cluster from 0, classes
    the labels, more: "point" (B, D), "again" (B,), "silhouette" (B,).
    Exhibits: "profile" (the clusters on the training rows), "latent" (a map in two directions of a latent space),
    "dendrogram" (the last merges).
    """

    name: ClassVar[str] = "clustering"
    figures: ClassVar[tuple[str, ...]] = (
        "cluster_map",
        "cluster_profiles",
        "cluster_pictures",
        "cluster_sizes",
        "silhouettes",
        "dendrogram",
        "latent_map",
        "learning_curves",
    )
    rules: ClassVar[tuple[str, ...]] = ("single_split",)
    entrants: ClassVar[tuple[str, ...]] = ("rule", "kmeans", "hierarchical", "gaussian_mixture_clusters", "autoencoder")
    precedence: ClassVar[int] = -1

    target: str | None
    fitted: _State

    @classmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        read = [column for column, kind in kinds.items() if kind in _READ and column != target]
        if not read:
            return None
        held = f", '{target}' held back to compare with" if target else ""
        return f"{frame.height:,} rows to group by {len(read)} column{'' if len(read) == 1 else 's'}{held}"

    @classmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        """Learn the labels there are; raises RecipeError for a number of clusters that the rows cannot have."""
        chosen = read_options(_Options, options, cls.name)
        if train.height < 3:
            raise DataError(f"expected at least 3 training rows to group, got {train.height}.")
        if (chosen.clusters or 2) >= train.height:
            raise RecipeError(
                f"{chosen.clusters} clusters need more than the {train.height:,} training rows there are.",
                where="task.options.clusters",
                remedy="Ask for fewer, or leave it out.",
            )
        if not _width(encoding):
            raise DataError(
                "no column can be read as a number or a category, so rows are no points.",
                remedy="Say what a column is, e.g. --kind COLUMN=category.",
            )
        labels: tuple[str, ...] = ()
        if target is not None:
            counts = labels_of(train.get_column(target)).drop_nulls().value_counts()
            labels = in_order(dict(counts.iter_rows()))
        return cls(target, _State(target=target, labels=labels, rows=train.height, options=chosen))

    @property
    def clusters(self) -> int | None:
        """How many are asked for; None: the contender's choice."""
        return self.fitted.options.clusters

    def points(self, rows: pl.DataFrame, encoding: Encoding) -> np.ndarray:
        """(B, D) float32: each row as a point."""
        encoded = encoding.tensors(rows)
        values = _values(encoding)
        parts = [encoded["number"][:, values] if values else np.zeros((rows.height, 0), dtype=np.float32)]
        for place, size in enumerate(encoding.signature.categories):
            known = np.arange(1, max(size, 2))  # code 0 is a value never seen: as far from each of them
            parts.append(np.float32(_APART) * (encoded["category"][:, place, None] == known))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        points = self.points(rows, encoding)
        label = labels_of(rows.get_column(self.target)) if self.target else pl.Series([None] * rows.height)
        fields = {
            "point": pl.Series("point", points, dtype=pl.Array(pl.Float32, points.shape[1])).cast(pl.List(pl.Float32)),
            "label": label.cast(pl.String),
        }
        return pl.DataFrame(fields).to_struct("truth")

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        try:
            fields = truth.struct.unnest()
            width = len(fields["point"][0]) if len(truth) else 1
            points = fields["point"].cast(pl.Array(pl.Float32, width)).to_numpy().astype(np.float64)
            labels = label_codes(fields["label"], self.fitted.labels, -1)
            cluster, again = _numbers(predictions["cluster"]), _numbers(predictions["again"])
        except (pl.exceptions.PolarsError, ValueError) as error:
            raise RunError(f"the stored predictions are not those of {self.name}: {error}.") from error
        if not len(cluster) == len(points) == len(labels):
            raise RunError(f"there are {len(cluster)} predictions for {len(points)} rows.")
        return Answers(
            truth=labels,
            prediction=cluster,
            classes=self.fitted.labels,
            more={"point": points, "again": again, "silhouette": silhouettes(points, cluster)},
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        agreement = ("adjusted_rand", "normalised_mutual_information") if self.target else ()
        return ("silhouette", "stability", *agreement)

    @property
    def why_metric(self) -> str:
        others = ", ".join(self.metrics[1:])
        return f"silhouette, for it needs no labels: are clusters apart? (also {others}; choose with task.metric)"

    def state(self) -> dict[str, Any]:
        return self.fitted.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        fitted = read_state(_State, state, cls.name)
        return cls(fitted.target, fitted)

    @classmethod
    def example_rows(cls) -> tuple[pl.DataFrame, dict[str, str], str | None]:
        rng = np.random.default_rng(0)
        kind = np.repeat(["early", "late", "never"], 40)
        middle = {"early": (20.0, 1.0), "late": (60.0, 3.0), "never": (20.0, 9.0)}
        places = np.array([middle[name] for name in kind]) + rng.normal(size=(120, 2)) * (4.0, 0.4)
        colour = np.where(kind == "late", "red", rng.choice(["green", "blue"], 120))
        frame = pl.DataFrame({"age": places[:, 0], "visits": places[:, 1], "colour": colour, "habit": kind})
        shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
        return shuffled, {"age": "number", "visits": "number", "colour": "category", "habit": "category"}, "habit"

    def ideal(self, truth: pl.Series) -> pl.DataFrame | None:
        """The held-back labels as clusters; without them nothing says which clusters would be the best."""
        codes = label_codes(truth.struct.field("label"), self.fitted.labels, -1)
        if not len(codes) or (codes < 0).any():
            return None
        return predictions(codes, codes)


def predictions(cluster: np.ndarray, again: np.ndarray) -> pl.DataFrame:
    """Numbers of clusters from 0 (B,), twice → the task's table."""
    return pl.DataFrame({name: _names(codes) for name, codes in (("cluster", cluster), ("again", again))})


def _names(codes: np.ndarray) -> pl.Series:
    return pl.Series([f"cluster {code + 1}" for code in codes.tolist()], dtype=pl.String)


def _numbers(clusters: pl.Series) -> np.ndarray:
    """(B,) int64 from 0; ValueError where a name is none of ours."""
    found = [_CLUSTER.fullmatch(str(name)) for name in clusters.to_list()]
    if not all(found):
        raise ValueError("a cluster is not called 'cluster N'")
    return np.array([int(match[1]) - 1 for match in found if match], dtype=np.int64)


def _values(encoding: Encoding) -> list[int]:
    """Which numbers say something of the row itself: that a value is missing must make no cluster."""
    fields = [(f"{one.column}.missing", field) for one in encoding.encoders for field in one.fields]
    numbers = [(missing, field.name) for missing, field in fields if field.form == "number"]
    return [place for place, (missing, name) in enumerate(numbers) if name != missing]


def _width(encoding: Encoding) -> int:
    return encoding.signature.numbers + len(encoding.signature.categories)
