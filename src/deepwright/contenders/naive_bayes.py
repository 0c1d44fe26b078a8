"""Naive Bayes: every column votes by itself: numbers as normal curves, categories and words as counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._lesson import labels, lesson, predictions
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.kind import Encoder
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

Arrays = dict[str, np.ndarray]


@final
class NaiveBayes(Contender):
    """Mixed naive Bayes: Gaussian for numbers, categorical for categories, multinomial for words (as scikit-learn's
    GaussianNB, CategoricalNB and MultinomialNB, whose log-likelihoods add up). A missing number has no vote. For tags
    one yes-or-no model a tag."""

    name = "naive_bayes"
    family = "classical"
    tasks = frozenset({"classification", "tagging"})

    class Options(Config):
        """How cautious the counts are."""

        smoothing: float = Field(default=1.0, gt=0)
        """Rows added to the count of every value and word, above 0 (Laplace)."""
        widening: float = Field(default=1e-3, ge=0)
        """Share of a number column's variance that is added to its variance within each class (scikit-learn adds a
        share of the largest variance of all columns, and loses columns with small units)."""

    options: Options

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> NaiveBayesModel:
        learnt = lesson(brief.task, train)
        votes = learnt.y if brief.task.name == "classification" else _yes_and_no(learnt.y)  # (n, C)
        blocks = [_block(encoder, learnt.frame) for encoder in brief.encoding.encoders]
        arrays: Arrays = {"log_prior": np.log(votes.mean(axis=0).clip(1e-300))}
        for i, (form, x) in enumerate(blocks):
            if form == "numbers":
                arrays |= {f"{i}.{name}": array for name, array in _normal(x, votes, self.options.widening).items()}
            else:
                arrays[f"{i}.log_share"] = _counted(x, votes, self.options.smoothing)
        return NaiveBayesModel(brief.task, brief.encoding, arrays)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding, *, trust: Sequence[str] = ()) -> NaiveBayesModel:
        return NaiveBayesModel.load(folder, task, encoding)


@final
class NaiveBayesModel(Model):
    """log_prior (C,), and for input column i either i.mean and i.variance (C, D) or i.log_share (C, D).

    C is the number of classes; for K tags it is 2 K: no and yes of each tag.
    """

    def __init__(self, task: TargetTask, encoding: Encoding, arrays: Arrays) -> None:
        self._task = task
        self._encoding = encoding
        self._arrays = arrays

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        scores = self.log_joint(frame)  # (B, C)
        if self._task.name == "tagging":
            no, yes = scores[:, 0::2], scores[:, 1::2]
            return predictions(self._task, 0.5 * (1.0 + np.tanh(0.5 * (yes - no))))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return predictions(self._task, powers / powers.sum(axis=1, keepdims=True))

    def log_joint(self, frame: pl.DataFrame) -> np.ndarray:
        """(B, C) logarithm of P(class) P(row | class)."""
        total = np.tile(self._arrays["log_prior"], (frame.height, 1))
        for i, encoder in enumerate(self._encoding.encoders):
            form, x = _block(encoder, frame)
            if form == "counts":
                total += np.asarray(x @ self._arrays[f"{i}.log_share"].T)
                continue
            mean, variance = self._arrays[f"{i}.mean"], self._arrays[f"{i}.variance"]
            for column in range(x.shape[1]):
                distance = (x[:, [column]] - mean[:, column]) ** 2 / variance[:, column]  # (B, C)
                term = -0.5 * (np.log(2.0 * np.pi * variance[:, column]) + distance)
                total += np.where(np.isnan(term), 0.0, term)
        return total

    def explain(self) -> str:
        return (
            f"naive Bayes over {len(self._encoding.encoders)} columns, as if they were independent given the "
            f"{'class' if self._task.name == 'classification' else 'tag'}: "
            f"numbers by their mean and spread, categories and words by their counts"
        )

    def save(self, folder: Path) -> None:
        write_tensors(folder / "naive_bayes.safetensors", self._arrays)

    @classmethod
    def load(cls, folder: Path, task: TargetTask, encoding: Encoding) -> NaiveBayesModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        path = folder / "naive_bayes.safetensors"
        arrays = read_tensors(path)
        classes = len(labels(task)) * (2 if task.name == "tagging" else 1)
        expected: dict[str, tuple[int, ...]] = {"log_prior": (classes,)}
        nothing = pl.DataFrame({column: pl.Series([None], dtype=pl.String) for column in encoding.columns})
        for i, encoder in enumerate(encoding.encoders):
            form, x = _block(encoder, nothing)
            for name in ("mean", "variance") if form == "numbers" else ("log_share",):
                expected[f"{i}.{name}"] = (classes, x.shape[1])
        if {name: array.shape for name, array in arrays.items()} != expected:
            raise RunError("its shapes do not fit the columns of the run.", where=str(path))
        return NaiveBayesModel(task, encoding, arrays)


def _block(encoder: Encoder, frame: pl.DataFrame) -> tuple[str, Matrix]:
    """ "numbers" with (B, D) and NaN for missing, or "counts" with (B, D) of zeros, ones and TF-IDF."""
    x, _ = encoder.matrix(frame.get_column(encoder.column))
    counted = all(field.form != "number" for field in encoder.fields)
    if counted or not isinstance(x, np.ndarray):
        return "counts", x
    return "numbers", np.where(np.isfinite(x), x, np.nan)


def _yes_and_no(y: np.ndarray) -> np.ndarray:
    """(n, K) of 0 and 1 → (n, 2 K): no and yes of each tag."""
    return np.stack([1.0 - y, y], axis=2).reshape(len(y), -1)


def _normal(x: np.ndarray, votes: np.ndarray, widening: float) -> Arrays:
    """Mean and variance (C, D) of each column within each class, over the cells that are there."""
    there = ~np.isnan(x)
    filled = np.where(there, x, 0.0)
    rows = votes.T @ there  # (C, D)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = votes.T @ filled / rows
    mean = np.where(rows > 0, mean, np.nanmean(np.where(there.any(axis=0), x, 0.0), axis=0))
    squares = np.stack(
        [
            (weight[:, None] * np.where(there, x - own, 0.0) ** 2).sum(axis=0)
            for weight, own in zip(votes.T, mean, strict=True)
        ]
    )
    whole = np.nanvar(np.where(there.any(axis=0), x, 0.0), axis=0)
    variance = squares / np.maximum(rows, 1.0) + widening * whole
    # Without any spread within a class nothing is certain: the column's own stands in.
    return {"mean": mean, "variance": np.where(variance > 0, variance, np.where(whole > 0, whole, 1.0))}


def _counted(x: Matrix, votes: np.ndarray, smoothing: float) -> np.ndarray:
    """(C, D) logarithm of the smoothed share of each value or word within each class."""
    counts = np.asarray((x.T @ votes).T) + smoothing
    return np.log(counts) - np.log(counts.sum(axis=1, keepdims=True))
