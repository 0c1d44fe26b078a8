"""Classification: predict one of several classes, with its probability; binary, multiclass or a tree of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RecipeError, not_found
from deepwright.core.hierarchy import are_paths
from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.tasks._labels import in_order, label_codes, labels_of
from deepwright.tasks._options import check_loss, read_options, read_state

if TYPE_CHECKING:
    from torch import Tensor

_SKEWED = 0.6
"""Share of the largest class (of two) from which accuracy flatters; for K classes it is 1.2 times the even share
above that of two, held at this one (see `Classification.skewed`)."""
_RARE = 0.1
"""Share of the positive class below which precision and recall say more than ROC-AUC."""
_COUNTED = ("f1", "precision", "recall")
_PROBABLE = ("log_loss", "brier", "calibration_error")


class _Options(Config):
    loss: str | None = None
    """cross_entropy, binary_cross_entropy (two classes), hierarchical, or your own "package.module:function"; None:
    hierarchical where the classes are paths, else cross_entropy."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """What a row of each class weighs in the loss: "balanced" (rows / (classes · rows of the class)), or by name."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target that is spread evenly over all classes, 0 to 1."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """Two classes: probability of the positive one from which it is predicted; None: the more probable one."""
    positive: str | None = None
    """Two classes: the one that precision, recall and curves are about; None: the larger number, what reads as yes, or
    the rarer."""
    hierarchy: bool | None = None
    """Whether "/" in class names makes a tree; None: where all names are paths with shared parents."""


class _State(Config):
    target: str
    classes: tuple[str, ...] = Field(min_length=2)
    counts: tuple[int, ...]
    options: _Options


@dataclass(frozen=True)
class Classification(TargetTask):
    """Predict a class. A network gives K outputs, one a class, and softmax makes probabilities of them; with two
    classes and loss=binary_cross_entropy it gives one, and the sigmoid does.

    Class names are texts: 3 and 3.0 are "3", true is "true". They stand in order of number or alphabet; of two
    classes the positive one stands last.
    """

    name: ClassVar[str] = "classification"
    figures: ClassVar[tuple[str, ...]] = (
        "confusion", "roc", "precision_recall", "calibration", "learning_curves", "importance",
    )  # fmt: skip
    rules: ClassVar[tuple[str, ...]] = ("majority", "one_rule")
    stratifies: ClassVar[bool] = True

    target: str
    fitted: _State

    @classmethod
    def suits(cls, kind: str, target: pl.Series) -> str | None:
        known = target.drop_nulls()
        distinct = known.n_unique()
        if kind not in ("category", "boolean", "number", "text") or distinct < 2 or distinct > 1000:
            return None
        if kind in ("number", "text") and distinct * 2 > len(known):
            return None
        if kind == "number" and not (known.cast(pl.Float64) % 1 == 0).all():
            return None
        noun = "distinct whole numbers" if kind == "number" else "classes"
        return f"{distinct} {noun} in column '{target.name}'"

    @classmethod
    def example(cls) -> tuple[str, pl.Series]:
        return "category", pl.Series("animal", ["mammal/dog", "mammal/cat", "bird/owl", "mammal/dog"] * 12)

    @classmethod
    def fit(cls, target: pl.Series, options: Mapping[str, Any]) -> Self:
        """Learn the classes and how often each occurs. Missing targets are left out; raises DataError where there are
        fewer than two classes or nothing but classes of one row."""
        chosen = read_options(_Options, options, cls.name)
        check_loss(chosen.loss or "cross_entropy", cls.name)
        counted = labels_of(target).drop_nulls().value_counts(name="rows")
        by_label = dict(zip(counted[:, 0].to_list(), counted["rows"].to_list(), strict=True))
        _check_classes(by_label, target.name)
        _check_options(chosen, by_label)
        classes = in_order(by_label, positive=chosen.positive)
        state = _State(
            target=target.name, classes=classes, counts=tuple(by_label[label] for label in classes), options=chosen
        )
        return cls(target=target.name, fitted=state)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of outputs, codes and probability columns."""
        return self.fitted.classes

    @property
    def outputs(self) -> int:
        return 1 if self.single else self.outcomes

    @property
    def outcomes(self) -> int:
        return len(self.classes)

    @property
    def single(self) -> bool:
        """Whether a network gives one logit, of the positive class: with loss=binary_cross_entropy."""
        return self.fitted.options.loss == "binary_cross_entropy"

    @cached_property
    def hierarchical(self) -> bool:
        """Whether the classes are read as paths of a tree."""
        wanted = self.fitted.options.hierarchy
        return are_paths(self.classes) if wanted is None else wanted

    @property
    def shares(self) -> np.ndarray:
        """(K,) share of the training rows in each class."""
        counts = np.asarray(self.fitted.counts, dtype=np.float64)
        return counts / counts.sum()

    def encode(self, target: pl.Series) -> np.ndarray:
        """(B,) int64 codes, -1 for a class that training never showed; raises DataError for a missing target."""
        return label_codes(_complete(target), self.classes, unknown=-1)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        if self.single:  # the logits 0 and z: their softmax is the sigmoid of z, their cross-entropy the binary one
            import torch

            output = torch.cat([torch.zeros_like(output), output], dim=-1)
        return self._loss(output, target)

    @cached_property
    def _loss(self) -> Any:
        import torch

        from deepwright.blocks import losses

        options, weights = self.fitted.options, self.class_weights
        name = options.loss or ("hierarchical" if self.hierarchical else "cross_entropy")
        if ":" in name:
            return losses.custom(name)
        function = losses.hierarchical(self.classes) if name == "hierarchical" else losses.cross_entropy
        function = partial(function, label_smoothing=options.label_smoothing)
        if weights is None:
            return function
        return losses.with_weights(function, torch.as_tensor(weights, dtype=torch.float32))

    @property
    def class_weights(self) -> np.ndarray | None:
        """(K,) weight of a row of each class in the loss, or None where all weigh the same."""
        wanted = self.fitted.options.class_weights
        if wanted is None:
            return None
        if isinstance(wanted, dict):
            return np.array([wanted.get(label, 1.0) for label in self.classes])
        return 1.0 / (len(self.classes) * self.shares)

    def predict(self, output: np.ndarray) -> pl.DataFrame:
        """(B, outputs) or (B, M, outputs) logits → predictions; members are averaged as probabilities."""
        logits = np.asarray(output, dtype=np.float64)
        if self.single:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probability = powers / powers.sum(axis=-1, keepdims=True)  # (B, K) or (B, M, K)
        return self.predictions(probability.mean(axis=1) if probability.ndim == 3 else probability)

    def predictions(self, values: np.ndarray) -> pl.DataFrame:
        """(B, K) probabilities in order of `classes` → prediction, probability, p(LABEL) …"""
        values = np.asarray(values, dtype=np.float64)
        threshold = self.fitted.options.threshold
        codes = values.argmax(axis=1) if threshold is None else (values[:, 1] >= threshold).astype(np.int64)
        columns: dict[str, Any] = {
            "prediction": np.asarray(self.classes, dtype=object)[codes],
            "probability": np.take_along_axis(values, codes[:, None], axis=1)[:, 0],
        }
        columns |= {f"p({label})": values[:, i] for i, label in enumerate(self.classes)}
        return pl.DataFrame(columns, schema_overrides={"prediction": pl.String})

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        columns = [f"p({label})" for label in self.classes]
        complete = all(column in predictions.columns for column in columns)
        return Answers(
            truth=self.encode(truth),
            # -2: a prediction outside the classes must never equal a truth outside them.
            prediction=label_codes(predictions["prediction"], self.classes, unknown=-2),
            probability=predictions.select(columns).to_numpy().astype(np.float64) if complete else None,
            classes=self.classes,
        )

    def wrongness(self, answers: Answers) -> np.ndarray:
        """The probability given to the wrong class; 1 without probabilities."""
        wrong = answers.truth != answers.prediction
        if answers.probability is None:
            return wrong.astype(float)
        known = np.clip(answers.prediction, 0, None)
        return wrong * answers.probability[np.arange(len(answers)), known]

    @property
    def skewed(self) -> bool:
        """Whether the largest class is so large that always naming it would look like a good accuracy: more than
        0.6 of the rows, or, with K > 2 classes, more than three times the even share and 0.4 of the rows.
        """
        largest = float(self.shares.max())
        return largest > _SKEWED or (len(self.classes) > 2 and largest > max(3.0 / len(self.classes), 0.4))

    @property
    def metrics(self) -> tuple[str, ...]:
        tree = ("hierarchical_distance", "level_accuracy") if self.hierarchical else ()
        binary = ("specificity",) if len(self.classes) == 2 else ("f1_micro",)
        rest = ("accuracy", "balanced_accuracy", *_COUNTED, *binary, "roc_auc", "average_precision", *_PROBABLE, *tree)
        return (self._primary, *(name for name in rest if name != self._primary))

    @property
    def _primary(self) -> str:
        if not self.skewed:
            return "accuracy"
        if len(self.classes) > 2:
            return "balanced_accuracy"
        return "average_precision" if self.shares[1] < _RARE else "roc_auc"

    @property
    def why_metric(self) -> str:
        largest = int(self.shares.argmax())
        share = f"{self.shares[largest]:.0%} of the rows are '{self.classes[largest]}'"
        reasons = {
            "accuracy": f"accuracy, because no class dominates ({share})",
            "balanced_accuracy": f"balanced accuracy, because classes are skewed ({share}): every class counts alike",
            "roc_auc": f"ROC-AUC, because classes are skewed ({share}) and always saying so would look accurate",
            "average_precision": (
                f"average precision, because '{self.classes[1]}' is rare ({self.shares[1]:.1%} of the rows): "
                "it asks how many of the rows called so are so"
            ),
        }
        tree = " The classes are paths, so distant mistakes are also reported apart." if self.hierarchical else ""
        return f"{reasons[self._primary]}; choose another with task.metric=NAME, such as f1 or log_loss.{tree}"

    def state(self) -> dict[str, Any]:
        return self.fitted.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        fitted = read_state(_State, state, cls.name)
        return cls(target=fitted.target, fitted=fitted)


def _complete(target: pl.Series) -> pl.Series:
    missing = labels_of(target).null_count()
    if missing:
        raise DataError(
            f"expected a class in every row, {missing} of {len(target)} are missing.",
            where=f"column '{target.name}'",
            remedy="Leave these rows out or fill them in.",
        )
    return target


def _check_classes(counts: Mapping[str, int], column: str) -> None:
    if len(counts) < 2:
        what = f"only '{next(iter(counts))}'" if counts else "none"
        raise DataError(
            f"expected at least two classes in the training rows, found {what}.",
            where=f"column '{column}'",
            remedy="Name another target, or add rows of another class.",
        )
    if max(counts.values()) == 1 and len(counts) > 2:
        raise DataError(
            f"expected classes that repeat, each of the {len(counts)} training rows has a class of its own.",
            where=f"column '{column}'",
            remedy="Name another target; for a number use task.name=regression.",
        )


def _check_options(options: _Options, counts: Mapping[str, int]) -> None:
    if ":" in (options.loss or "") and (options.class_weights is not None or options.label_smoothing):
        raise RecipeError(
            f"the loss '{options.loss}' is your own and is given outputs and targets only.",
            where="task.options",
            remedy="Leave class_weights and label_smoothing out, and do it in your function.",
        )
    if isinstance(options.class_weights, dict):
        for label, weight in options.class_weights.items():
            if label not in counts:
                raise not_found("class", label, counts, where="task.options.class_weights")
            if not weight > 0:
                raise RecipeError(f"a class weight must be above 0, got {weight}.", where="task.options.class_weights")
    if options.positive is not None and options.positive not in counts:
        raise not_found("class", options.positive, counts, where="task.options.positive")
    two_only = {"threshold": options.threshold, "positive": options.positive}
    given = [name for name, value in two_only.items() if value is not None]
    if options.loss == "binary_cross_entropy":
        given.append("loss=binary_cross_entropy")
    if given and len(counts) != 2:
        raise RecipeError(
            f"{given[0]} is for two classes, there are {len(counts)}.",
            where="task.options",
            remedy="Leave it out" + (", or use loss=cross_entropy." if "loss" in given[0] else "."),
        )
