"""Tagging: predict any number of tags for a row (multi-label classification), each with its probability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.kinds._tags import parse_tags, tag_form
from deepwright.tasks._options import check_loss, read_options, read_state

if TYPE_CHECKING:
    from torch import Tensor


class _Options(Config):
    loss: str = "binary_cross_entropy"
    """binary_cross_entropy (each tag by itself), or your own "package.module:function"."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """What a row that has the tag weighs against one that has not: "balanced" (rows without / rows with), or by tag."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a tag is given."""
    min_rows: int = Field(default=1, ge=1)
    """Tags on fewer training rows are left out."""
    separator: str | None = Field(default=None, min_length=1)
    """The sign between tags in a text; None: found in the training rows."""


class _State(Config):
    target: str
    tags: tuple[str, ...] = Field(min_length=1)
    counts: tuple[int, ...]
    rows: int
    form: str | None
    options: _Options


@dataclass(frozen=True)
class Tagging(TargetTask):
    """Predict tags. A network gives one output a tag; a sigmoid makes its probability, each tag by itself.

    Tags that training never showed cannot be predicted; they are left out of the scores.
    """

    name: ClassVar[str] = "tagging"
    figures: ClassVar[tuple[str, ...]] = (
        "tag_scores",
        "precision_recall",
        "calibration",
        "learning_curves",
        "importance",
    )
    rules: ClassVar[tuple[str, ...]] = ("majority",)

    target: str
    fitted: _State

    @classmethod
    def suits(cls, kind: str, target: pl.Series) -> str | None:
        if kind != "tags":
            return None
        tags = parse_tags(target).explode().drop_nulls().n_unique()
        return f"{tags} tags in column '{target.name}', several to a row" if tags else None

    @classmethod
    def example(cls) -> tuple[str, pl.Series]:
        return "tags", pl.Series(
            "genres", ["drama|war", "comedy", "drama", "comedy|romance", "war|history", "drama"] * 8
        )

    @classmethod
    def fit(cls, target: pl.Series, options: Mapping[str, Any]) -> Self:
        """Learn the tags, the common ones first. Missing targets are left out; raises DataError without any tag."""
        chosen = read_options(_Options, options, cls.name)
        check_loss(chosen.loss, cls.name)
        known = target.drop_nulls()
        form = chosen.separator or tag_form(known)
        counts = Counter(parse_tags(known, form).explode().drop_nulls().to_list())
        kept = sorted((tag for tag in counts if counts[tag] >= chosen.min_rows), key=lambda tag: (-counts[tag], tag))
        if not kept:
            raise DataError(
                f"expected tags, found none on {chosen.min_rows} training rows or more.",
                where=f"column '{target.name}'",
                remedy="Name another target, or lower task.options.min_rows.",
            )
        _check_weights(chosen, kept)
        state = _State(
            target=target.name,
            tags=tuple(kept),
            counts=tuple(counts[tag] for tag in kept),
            rows=len(known),
            form=form,
            options=chosen,
        )
        return cls(target=target.name, fitted=state)

    @property
    def classes(self) -> tuple[str, ...]:
        """Tags in the order of outputs and probability columns, the common ones first."""
        return self.fitted.tags

    @property
    def outputs(self) -> int:
        return self.outcomes

    @property
    def outcomes(self) -> int:
        return len(self.classes)

    def encode(self, target: pl.Series) -> np.ndarray:
        """(B, K) float32, 1 where the row has the tag; raises DataError for a missing target."""
        missing = target.null_count()
        if missing:
            raise DataError(
                f"expected tags in every row, {missing} of {len(target)} are missing.",
                where=f"column '{target.name}'",
                remedy="Leave these rows out; an empty list says that a row has no tag.",
            )
        return self._multi_hot(target).astype(np.float32)

    def _multi_hot(self, target: pl.Series) -> np.ndarray:
        lists = parse_tags(target.rename("tag"), self.fitted.form)
        flat = lists.to_frame().with_row_index("row").explode("tag")
        known = flat.with_columns(pl.col("tag").replace_strict(self._codes, default=None, return_dtype=pl.Int64))
        rows, tags = known.drop_nulls().to_numpy().T
        hot = np.zeros((len(target), self.outputs), dtype=bool)
        hot[rows, tags] = True
        return hot

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.classes)}

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return self._loss(output, target)

    @cached_property
    def _loss(self) -> Any:
        import torch

        from deepwright.blocks import losses

        name, weights = self.fitted.options.loss, self.class_weights
        if ":" in name:
            return losses.custom(name)
        if weights is None:
            return losses.binary_cross_entropy
        return losses.with_weights(losses.binary_cross_entropy, torch.as_tensor(weights, dtype=torch.float32))

    @property
    def class_weights(self) -> np.ndarray | None:
        """(K,) weight of a row that has the tag against one that has not, or None where both weigh 1."""
        wanted = self.fitted.options.class_weights
        if wanted is None:
            return None
        if isinstance(wanted, dict):
            return np.array([wanted.get(tag, 1.0) for tag in self.classes])
        counts = np.asarray(self.fitted.counts, dtype=np.float64)
        return np.maximum(self.fitted.rows - counts, 1.0) / counts

    def predict(self, output: np.ndarray) -> pl.DataFrame:
        """(B, K) or (B, M, K) logits → predictions; members are averaged as probabilities."""
        logits = np.asarray(output, dtype=np.float64)
        probability = 0.5 * (1.0 + np.tanh(0.5 * logits))  # the sigmoid, without overflow
        return self.predictions(probability.mean(axis=1) if probability.ndim == 3 else probability)

    def predictions(self, values: np.ndarray) -> pl.DataFrame:
        """(B, K) probabilities in order of `classes` → prediction (list of tags), p(TAG) …"""
        values = np.asarray(values, dtype=np.float64)
        given = values >= self.fitted.options.threshold
        tags = [[self.classes[k] for k in np.flatnonzero(row)] for row in given]
        columns: dict[str, Any] = {"prediction": pl.Series("prediction", tags, dtype=pl.List(pl.String))}
        columns |= {f"p({tag})": values[:, k] for k, tag in enumerate(self.classes)}
        return pl.DataFrame(columns)

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        columns = [f"p({tag})" for tag in self.classes]
        complete = all(column in predictions.columns for column in columns)
        return Answers(
            truth=self.encode(truth).astype(bool),
            prediction=self._multi_hot(predictions["prediction"]),
            probability=predictions.select(columns).to_numpy().astype(np.float64) if complete else None,
            classes=self.classes,
        )

    def wrongness(self, answers: Answers) -> np.ndarray:
        """The number of wrong tags, each weighted by the probability on the wrong side."""
        wrong = answers.truth != answers.prediction
        if answers.probability is None:
            return wrong.sum(axis=1).astype(float)
        return (wrong * np.abs(answers.truth - answers.probability)).sum(axis=1)

    @property
    def metrics(self) -> tuple[str, ...]:
        rest = ("tag_f1_macro", "subset_accuracy", "hamming", "label_ranking_average_precision")
        return ("tag_f1_micro", *rest, "average_precision", "roc_auc")

    @property
    def why_metric(self) -> str:
        common, count = self.classes[0], self.fitted.counts[0]
        return (
            f"micro F1, because a row has several tags and most tags are absent from most rows ('{common}', the most "
            f"common, is on {count / self.fitted.rows:.0%}): it counts found and false tags and not the absent ones; "
            "where rare tags matter as much, choose task.metric=tag_f1_macro."
        )

    def state(self) -> dict[str, Any]:
        return self.fitted.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        fitted = read_state(_State, state, cls.name)
        return cls(target=fitted.target, fitted=fitted)


def _check_weights(options: _Options, tags: list[str]) -> None:
    if ":" in options.loss and options.class_weights is not None:
        raise RecipeError(
            f"the loss '{options.loss}' is your own and is given outputs and targets only.",
            where="task.options",
            remedy="Leave class_weights out, and do it in your function.",
        )
    if not isinstance(options.class_weights, dict):
        return
    for tag, weight in options.class_weights.items():
        if tag not in tags:
            raise not_found("tag", tag, tags, where="task.options.class_weights")
        if not weight > 0:
            raise RecipeError(f"a weight must be above 0, got {weight}.", where="task.options.class_weights")
