"""Regression: predict a number, in the units of the column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RecipeError
from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.tasks._options import check_loss, read_options, read_state

if TYPE_CHECKING:
    from torch import Tensor

_FARTHEST = 1e15
"""Standard deviations beyond which a target is held for the loss: its square still fits a float32."""


class _Options(Config):
    loss: str = "mse"
    """mse, mae, rmse, huber, or your own "package.module:function"."""
    huber_delta: float = Field(default=1.0, gt=0)
    """Loss huber: standard deviations of the target where the parabola turns into a straight line."""
    target_transform: Literal["standard", "log", "log1p"] = "standard"
    """What the network learns: the standardised target, or its standardised logarithm (log: targets above 0,
    log1p: from 0), which makes errors relative and predictions closer to the median."""


class _State(Config):
    target: str
    centre: float
    spread: float = Field(gt=0)
    lowest: float
    relative: bool
    """Whether MAPE makes sense: no target near 0."""
    options: _Options


@dataclass(frozen=True)
class Regression(TargetTask):
    """Predict a number. For the loss the target is standardised with the training rows' mean and standard deviation
    (after the transform), so that learning rates and losses mean the same whatever the unit; `predict` inverts it.
    """

    name: ClassVar[str] = "regression"
    figures: ClassVar[tuple[str, ...]] = ("predicted_against_true", "residuals", "learning_curves", "importance")
    rules: ClassVar[tuple[str, ...]] = ("mean", "one_rule")

    target: str
    fitted: _State

    @classmethod
    def suits(cls, kind: str, target: pl.Series) -> str | None:
        # Whole numbers may have been taken for categories or row numbers; they can still be asked as numbers.
        if kind not in ("number", "category", "id") or not target.dtype.is_numeric():
            return None
        known = target.cast(pl.Float64).drop_nulls().drop_nans()
        return f"{known.n_unique():,} distinct numbers in {len(known):,} rows of column '{target.name}'"

    @classmethod
    def example(cls) -> tuple[str, pl.Series]:
        values = 250_000 + 90_000 * np.sin(np.arange(48) * 1.7)
        return "number", pl.Series("price", values.round(2))

    @classmethod
    def fit(cls, target: pl.Series, options: Mapping[str, Any]) -> Self:
        """Learn centre and spread. Missing targets are left out; raises DataError for texts and infinite numbers."""
        chosen = read_options(_Options, options, cls.name)
        check_loss(chosen.loss, cls.name)
        if "huber_delta" in options and chosen.loss != "huber":
            raise RecipeError(
                f"huber_delta has no meaning for loss={chosen.loss}.", where="task.options", remedy="Say loss=huber."
            )
        values = _numbers(target.drop_nulls().drop_nans() if target.dtype.is_float() else target.drop_nulls())
        if not len(values):
            raise DataError("expected numbers to learn from, every target is missing.", where=f"column '{target.name}'")
        _check_transform(values, chosen.target_transform, target.name)
        centre, spread = _centre_and_spread(_transform(values, chosen.target_transform, float(values.min())))
        middle = float(np.median(np.abs(values)))
        state = _State(
            target=target.name,
            centre=centre,
            spread=spread,
            lowest=float(values.min()),
            relative=bool((np.abs(values) > 0.01 * middle).all()) and middle > 0,
            options=chosen,
        )
        return cls(target=target.name, fitted=state)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def outcomes(self) -> int:
        return 1

    def encode(self, target: pl.Series) -> np.ndarray:
        """(B,) float32 standard deviations from the centre; raises DataError for a missing or infinite target."""
        state = self.fitted
        values = _transform(_numbers(target), state.options.target_transform, state.lowest)
        halves = values * 0.5 - state.centre * 0.5  # half of it: the difference of two huge numbers may overflow
        with np.errstate(over="ignore"):
            return np.clip(halves / state.spread * 2.0, -_FARTHEST, _FARTHEST).astype(np.float32)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return self._loss(output, target)

    @cached_property
    def _loss(self) -> Any:
        from deepwright.blocks import losses

        options = self.fitted.options
        if ":" in options.loss:
            return losses.custom(options.loss)
        if options.loss == "huber":
            return lambda output, target: losses.huber(output, target, options.huber_delta)
        return getattr(losses, options.loss)

    def predict(self, output: np.ndarray) -> pl.DataFrame:
        """(B, 1) or (B, M, 1) → column `prediction` in the units of the target, members averaged in those units."""
        values = self._units(np.asarray(output, dtype=np.float64)[..., 0])  # (B,) or (B, M)
        if values.ndim == 2:
            # Each share is divided before the sum, which could overflow otherwise.
            values = (values / values.shape[1]).sum(axis=1)
        return self.predictions(values)

    def _units(self, standardised: np.ndarray) -> np.ndarray:
        state, largest = self.fitted, np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            values = standardised * state.spread + state.centre
            if state.options.target_transform == "log":
                values = np.exp(values)
            elif state.options.target_transform == "log1p":
                values = np.maximum(np.expm1(values), 0.0)
        return np.clip(values, -largest, largest)

    def predictions(self, values: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"prediction": np.asarray(values, dtype=np.float64).reshape(-1)})

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        return Answers(truth=_numbers(truth), prediction=predictions["prediction"].cast(pl.Float64).to_numpy())

    def wrongness(self, answers: Answers) -> np.ndarray:
        """Distance, in the target's unit."""
        return np.abs(answers.truth - answers.prediction)

    @property
    def metrics(self) -> tuple[str, ...]:
        huber = ("huber",) if self.fitted.options.loss == "huber" else ()
        return ("rmse", "mae", "r2", "mse", *(("mape",) if self.fitted.relative else ()), *huber)

    @property
    def why_metric(self) -> str:
        return (
            f"RMSE, because '{self.target}' is a number: the usual size of an error in its own units, large errors "
            "counting more than small ones; where all errors should count alike, choose task.metric=mae."
        )

    def state(self) -> dict[str, Any]:
        return self.fitted.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        fitted = read_state(_State, state, cls.name)
        return cls(target=fitted.target, fitted=fitted)


def _numbers(target: pl.Series) -> np.ndarray:
    """(B,) float64, all finite; raises DataError naming the first row that is not."""
    where = f"column '{target.name}'"
    if not (target.dtype.is_numeric() or target.dtype == pl.Boolean):
        raise DataError(
            f"regression predicts a number, this column holds {_sample(target)}.",
            where=where,
            remedy="Use task.name=classification, or say how to read it as a number.",
        )
    values = target.cast(pl.Float64).fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        what = "missing" if np.isnan(values[bad[0]]) else "infinite"
        raise DataError(
            f"expected a finite number in every row, {len(bad)} of {len(values)} are not; the first is {what}, "
            f"row {bad[0] + 1} of these.",
            where=where,
            remedy="Leave these rows out or mend them.",
        )
    return values


def _sample(target: pl.Series) -> str:
    known = target.drop_nulls()
    return f"{target.dtype} values such as {str(known[0])[:40]!r}" if len(known) else "nothing"


def _check_transform(values: np.ndarray, transform: str, column: str) -> None:
    if transform == "standard" or values.min() > 0 or (transform == "log1p" and values.min() >= 0):
        return
    raise DataError(
        f"target_transform={transform} needs targets {'above 0' if transform == 'log' else 'from 0'}, "
        f"the smallest is {values.min():g}.",
        where=f"column '{column}'",
        remedy="Use target_transform=standard" + (" or log1p." if transform == "log" and values.min() == 0 else "."),
    )


def _transform(values: np.ndarray, transform: str, lowest: float) -> np.ndarray:
    """Targets below the smallest that training showed count as that one: a logarithm may not exist there."""
    if transform == "standard":
        return values
    held = np.maximum(values, lowest)
    return np.log(held) if transform == "log" else np.log1p(held)


def _centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, computed on values divided by the largest so that squares neither overflow nor
    vanish; spread 1 where all values are the same.
    """
    largest = float(np.abs(values).max())
    if largest == 0.0:
        return 0.0, 1.0
    shares = values / largest if largest > 1e-300 else values
    unit = largest if largest > 1e-300 else 1.0
    centre = float(shares.mean())
    spread = float(np.sqrt(np.mean((shares - centre) ** 2)))
    constant = bool((values == values[0]).all())
    if constant:
        return float(values[0]), 1.0
    return centre * unit, max(spread * unit, np.finfo(np.float64).tiny)
