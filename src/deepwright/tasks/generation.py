"""Generation: make new rows like those of the table; a label may be held back to judge them by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.tasks._features import Features, from_components, from_labels
from deepwright.tasks._options import read_options, read_state

if TYPE_CHECKING:
    from deepwright.core.encoding import Encoding

_MOST_LABELS = 200
_SMALLEST_IMAGE = 16
"""Pixels."""
_BLOCK = 1 << 24
"""Numbers in memory at once where distances are taken."""


class GenerationOptions(Config):
    """The task's keys in a recipe."""

    features: int = Field(default=16, ge=2, le=256)
    """Numbers that a row is judged by: the last hidden layer of the classifier, or principal components."""
    reference: int = Field(default=2000, ge=1)
    """Training rows, evenly spread, that are kept to look for copies among; they go into the run folder."""


class GenerationState(Config):
    """What the task learned from the training rows; D numbers in a row."""

    target: str | None
    """The label column that features were learned from."""
    columns: tuple[str, ...] = Field(min_length=1)
    low: tuple[float, ...]
    high: tuple[float, ...]
    whole: tuple[bool, ...]
    """Columns that hold whole numbers only."""
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    """At least that of rounding to whole numbers; 1 for other columns that never vary."""
    side: int | None
    """Pixels along an edge, where rows are square images."""
    rows: int
    """Training rows."""
    reference: tuple[tuple[float, ...], ...] = Field(min_length=1)
    features: Features

    @model_validator(mode="after")
    def _fits(self) -> Self:
        width = len(self.columns)
        each = (self.low, self.high, self.whole, self.mean, self.sd, *self.reference)
        if any(len(entry) != width for entry in each) or self.features.inputs != width:
            raise ValueError("its parts are not of the same columns")
        if min(self.sd) <= 0 or (self.side is not None and self.side**2 != width):
            raise ValueError("its scale is impossible")
        return self


class Generation(Task):
    """New rows of numbers, of which each is judged together with all others, against as many real rows.

    Asked for by name. A target is optional: a label column that only teaches the features rows are judged in.

    Predictions:
        generated:      one new row (list of D float64 in the columns' units) for each row asked about. Its randomness
                        comes from that row's content, so a row gets the same one alone and among others.
        log_likelihood: nats (float64) that the model gives to the row asked about; null where it cannot say. Whole
                        numbers count as intervals of width 1, so densities are comparable and bounded (Theis, van den
                        Oord and Bethge, 2016, "A note on the evaluation of generative models", section 3.1).
    Answers: truth and prediction are the real and the generated rows (B, D); `more` holds features and real_features
    (B, F), nearest and real_nearest (B,), the distance to the nearest training row, and log_likelihood (B,).
    Figures read `exhibits`: "on_the_way" [{"step", "rows"}] and "hidden" {"x", "y", "label"}.
    """

    name: ClassVar[str] = "generation"
    figures: ClassVar[tuple[str, ...]] = (
        "generated_rows", "generated_on_the_way", "hidden_map", "part_losses", "contest",
        "learning_curves", "data_columns",
    )  # fmt: skip
    rules: ClassVar[tuple[str, ...]] = ("resampled",)
    entrants: ClassVar[tuple[str, ...]] = ("rule", "gaussian_mixture", "gan", "vae", "diffusion")
    trainer: ClassVar[str] = "diffusion"
    reads_as: ClassVar[Mapping[str, str]] = {"category": "number"}
    keeps_constants: ClassVar[bool] = True
    precedence: ClassVar[int] = -2
    compared: ClassVar[int] = 500

    def __init__(self, known: GenerationState) -> None:
        self.known = known
        self.target = known.target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Generation) and self.known == other.known

    __hash__ = None  # type: ignore[assignment]

    # ---------------------------------------------------------------- asking
    @classmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        inputs = [c for c in frame.columns if c != target]
        numbers = [c for c in inputs if kinds[c] in ("number", "category") and _numeric(frame[c])]
        if len(numbers) < 2:
            return None
        if target is None:
            return f"{len(numbers)} columns of numbers"
        labels = frame[target].n_unique()
        if not 2 <= labels <= _MOST_LABELS:
            return None
        return f"{len(numbers)} columns of numbers, judged with the {labels} labels in '{target}'"

    @classmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        chosen = read_options(GenerationOptions, options, cls.name)
        strange = [column for column in encoding.columns if not _numeric(train[column])]
        if strange:
            raise DataError(
                f"generation makes rows of numbers; these columns hold something else: {', '.join(strange[:10])}.",
                remedy=f"Leave them out: data.ignore={strange[:10]}.",
            )
        values = _filled(encoding.matrix(train)[0], None)  # (B, D)
        scale = _scale(values)
        side = _side(values, scale["whole"])
        scaled = (values - scale["mean"]) / _common(scale["sd"], side)
        labels = None if target is None else _labels(train[target])
        if labels is None:
            features = from_components(scaled, chosen.features)
        else:
            features = from_labels(scaled, labels, chosen.features)
        reference = values[:: max(1, -(-len(values) // chosen.reference))]
        return cls(
            GenerationState(
                target=target, columns=tuple(encoding.columns), side=side, rows=len(values), features=features,
                reference=tuple(map(tuple, reference.tolist())), **{k: tuple(v.tolist()) for k, v in scale.items()},
            )
        )  # fmt: skip

    # ---------------------------------------------------------------- rows of numbers, for contenders
    @property
    def width(self) -> int:
        """D."""
        return len(self.known.columns)

    @property
    def side(self) -> int | None:
        """Pixels along an edge, where rows are square images."""
        return self.known.side

    @cached_property
    def mean(self) -> np.ndarray:
        """(D,) of the training rows."""
        return np.array(self.known.mean)

    @cached_property
    def sd(self) -> np.ndarray:
        """(D,) of each column, never 0."""
        return np.array(self.known.sd)

    @cached_property
    def spread(self) -> np.ndarray:
        """(D,) that networks divide by: each column's own, or, for images, one for all pixels."""
        return _common(self.sd, self.side)

    @cached_property
    def step(self) -> np.ndarray:
        """(D,) 1 for columns of whole numbers, 0 for others."""
        return np.array(self.known.whole, dtype=np.float64)

    @cached_property
    def reference(self) -> np.ndarray:
        """(R, D) training rows."""
        return np.array(self.known.reference)

    def values(self, rows: pl.DataFrame, encoding: Encoding) -> np.ndarray:
        """(B, D) in the columns' units; what is missing is the training mean."""
        return _filled(encoding.matrix(rows)[0], self.mean)

    def plausible(self, values: np.ndarray) -> np.ndarray:
        """(B, D) → the nearest values that such columns hold: whole where they are whole, within their range."""
        rounded = np.where(self.step > 0, np.round(values), values)
        return np.clip(rounded, self.known.low, self.known.high)

    def framed(self, values: np.ndarray) -> pl.DataFrame:
        """(B, D) → a frame with the data's own columns."""
        columns = {
            name: pl.Series(values[:, d]).cast(pl.Int64 if whole else pl.Float64)
            for d, (name, whole) in enumerate(zip(self.known.columns, self.known.whole, strict=True))
        }
        return pl.DataFrame(columns)

    # ---------------------------------------------------------------- judging
    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        return pl.Series("row", self.values(rows, encoding).tolist(), dtype=pl.List(pl.Float64))

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        if not {"generated", "log_likelihood"} <= set(predictions.columns):
            raise RunError(f"expected the columns generated and log_likelihood, got {predictions.columns}.")
        real, made = self._rows_of(truth), self._rows_of(predictions["generated"])  # (B, D) each
        if len(real) != len(made):
            raise RunError(f"expected a generated row for each of {len(real)} rows, got {len(made)}.")
        more = {
            "features": self._features(made),
            "real_features": self._features(real),
            "nearest": self.nearest(made)[0],
            "real_nearest": self.nearest(real, others=True)[0],
            "log_likelihood": predictions["log_likelihood"].cast(pl.Float64).fill_null(math.nan).to_numpy(),
        }
        return Answers(truth=real, prediction=made, more=more)

    def nearest(self, rows: np.ndarray, *, others: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(B,) distance of each row (B, D) to the nearest kept training row in `spread`s, and (B,) which one that is.

        others: a training row that equals it does not count, so that a row is not its own neighbour.
        """
        distances, which = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
        kept = self.reference / self.spread  # (R, D)
        block = max(1, _BLOCK // kept.size)
        for start in range(0, len(rows), block):
            part = rows[start : start + block] / self.spread  # (b, D)
            squares = (part**2).sum(axis=1)[:, None] - 2 * part @ kept.T + (kept**2).sum(axis=1)  # (b, R)
            squares[squares < 1e-9 * self.width] = np.inf if others else 0.0
            which[start : start + block] = squares.argmin(axis=1)
            distances[start : start + block] = np.sqrt(squares.min(axis=1))
        return np.where(np.isfinite(distances), distances, np.nan), which

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("frechet_distance", "diversity", "novelty", "log_likelihood", "bits_per_dimension")

    @property
    def why_metric(self) -> str:
        found, width = self.known.features, len(self.known.features.mean)
        if found.accuracy is None:
            judge = f"the first {width} principal components, for want of labels (task.target would name some)"
        else:
            judge = f"{width} features of a classifier trained here, right on {found.accuracy:.0%} of unseen rows"
        return f"Fréchet distance, between generated and real rows in {judge}; another with task.metric"

    def state(self) -> dict[str, Any]:
        return self.known.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        return cls(read_state(GenerationState, state, cls.name))

    # ---------------------------------------------------------------- the contract's
    @classmethod
    def example_rows(cls) -> tuple[pl.DataFrame, dict[str, str], str | None]:
        rng = np.random.default_rng(0)
        label = rng.integers(0, 3, 160)
        middle = np.array([[0.0, 20.0, 1.0, 0.0], [10.0, 0.0, 2.0, 0.0], [20.0, 20.0, 3.0, 0.0]])[label]
        values = middle + rng.normal(size=(160, 4)) * [1.5, 2.0, 0.1, 0.0]
        frame = pl.DataFrame(
            {
                "left": np.round(values[:, 0]).astype(int),
                "right": np.round(values[:, 1]).astype(int),
                "size": values[:, 2],
                "edge": np.zeros(160, dtype=int),
                "shape": np.array(["round", "flat", "long"])[label],
            }
        )
        return frame, {name: "category" if name == "shape" else "number" for name in frame.columns}, "shape"

    def ideal(self, truth: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({"generated": truth, "log_likelihood": pl.Series([None] * len(truth), dtype=pl.Float64)})

    def _features(self, rows: np.ndarray) -> np.ndarray:
        return self.known.features.of((rows - self.mean) / self.spread)

    def _rows_of(self, lists: pl.Series) -> np.ndarray:
        """(B,) lists of D → (B, D); RunError where they are not."""
        try:
            flat = lists.cast(pl.List(pl.Float64)).explode(empty_as_null=False).to_numpy()
            found = flat.reshape(len(lists), self.width)
        except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
            raise RunError(f"expected lists of {self.width} numbers ({error}).", where=lists.name) from None
        if not np.isfinite(found).all():
            raise RunError("a generated or real row holds something that is no finite number.", where=lists.name)
        return found


def _numeric(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _filled(values: Any, mean: np.ndarray | None) -> np.ndarray:
    """(B, D) with the mean (of the column, unless given) where a value is missing."""
    holes = np.isnan(values)
    if not holes.any():
        return np.asarray(values)
    if mean is None:
        known = np.maximum((~holes).sum(axis=0), 1)
        mean = np.where(holes, 0.0, values).sum(axis=0) / known
    return np.where(holes, mean, values)


def _scale(values: np.ndarray) -> dict[str, np.ndarray]:
    whole = (values == np.round(values)).all(axis=0)  # (D,)
    variance = values.var(axis=0) + whole / 12.0  # rounding to whole numbers has a variance of 1/12
    return {
        "low": values.min(axis=0),
        "high": values.max(axis=0),
        "whole": whole,
        "mean": values.mean(axis=0),
        "sd": np.where(variance > 0, np.sqrt(variance), 1.0),
    }


def _common(sd: np.ndarray, side: int | None) -> np.ndarray:
    return sd if side is None else np.full(len(sd), np.sqrt(np.square(sd).mean()))


def _side(values: np.ndarray, whole: np.ndarray) -> int | None:
    """Rows are square images where as many columns as a square has, 16 or more, hold whole numbers from 0 on."""
    side = math.isqrt(values.shape[1])
    square = side * side == values.shape[1] >= _SMALLEST_IMAGE
    return side if square and whole.all() and values.min() >= 0 else None


def _labels(column: pl.Series) -> np.ndarray | None:
    """(B,) codes; None where there is one label only."""
    codes = column.cast(pl.String).fill_null("").rank("dense").to_numpy()
    return codes if len(np.unique(codes)) > 1 else None
