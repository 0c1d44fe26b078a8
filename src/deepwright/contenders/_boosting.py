"""Boosting with LightGBM, one plain loop: grow a tree, look at the validation loss, stop in time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np

from deepwright.contenders._choose import Clock
from deepwright.contenders._lesson import Lesson, sample
from deepwright.core.contender import Brief

if TYPE_CHECKING:
    from deepwright.contenders._columns import TreeColumns
    from deepwright.contenders._design import Matrix

_FIXED_ROUNDS = 200
"""Rounds where there are no validation rows to stop by."""
_SHARE = 0.85
"""Share of the time that boosting may take; the rest is for what comes before and after."""


class Growth(Protocol):
    """The options of boosted trees, as `BoostedTrees.Options` documents them."""

    rounds: int
    learning_rate: float | None
    leaves: int | None
    smallest_leaf: int | None
    patience: int


@final
@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """LightGBM's own text of some trees; what they give is scaled back by value * scale + center."""

    text: str
    outcomes: int
    """Values a row: 1, or the number of classes where there are more than two."""
    center: float = 0.0
    scale: float = 1.0

    @cached_property
    def booster(self) -> Any:
        """LightGBM's object; raises its LightGBMError where the text is not its own."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def values(self, x: Matrix) -> np.ndarray:
        """(B, D) → (B, outcomes)."""
        if not x.shape[0]:
            return np.empty((0, self.outcomes))
        return np.asarray(self.booster.predict(x)).reshape(x.shape[0], self.outcomes) * self.scale + self.center

    @property
    def trees(self) -> int:
        return self.text.count("\nTree=")

    def gains(self) -> np.ndarray:
        """(D,) how much each column's splits took away from the loss."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)


def boost(
    columns: TreeColumns, train: Lesson, valid: Lesson | None, options: Growth, brief: Brief, clock: Clock
) -> tuple[int, list[Ensemble]]:
    """The number of rows used, and one ensemble (for tags: one a tag)."""
    rows = np.arange(len(train))
    x = columns.rows(train.frame)
    held = None if valid is None else columns.rows(valid.frame)
    targets = _targets(train, valid)
    while True:
        ensembles = []
        for done, (y, y_valid, objective) in enumerate(targets):
            tree = _Grower(columns, x[rows] if len(rows) < len(train) else x, y[rows], objective, options, brief)
            if held is not None and y_valid is not None:
                tree.watch(held, y_valid)
            share = None if clock.left is None else _SHARE * clock.left / (len(targets) - done)
            if not tree.grow(share, f"{done + 1}/{len(targets)} " if len(targets) > 1 else "", clock):
                break
            ensembles.append(tree.ensemble())
        if len(ensembles) == len(targets):
            return len(rows), ensembles
        rows = sample(train.y, len(rows) // 4, brief.seed)
        clock.cut(f"left time for {len(rows):,} of {len(train):,} training rows")


def _targets(train: Lesson, valid: Lesson | None) -> list[tuple[np.ndarray, np.ndarray | None, dict[str, Any]]]:
    """What each ensemble learns: targets of the training and validation rows, and LightGBM's objective."""
    name, outcomes = train.task.name, train.y.shape[1]
    if name == "tagging":
        return [
            (train.y[:, k], None if valid is None else valid.y[:, k], {"objective": "binary"}) for k in range(outcomes)
        ]
    if name == "regression":
        return [(train.y[:, 0], None if valid is None else valid.y[:, 0], {"objective": "regression"})]
    objective = {"objective": "binary"} if outcomes == 2 else {"objective": "multiclass", "num_class": outcomes}
    return [(train.codes, None if valid is None else valid.codes, objective)]


@final
class _Grower:
    """One ensemble while it grows."""

    def __init__(
        self, columns: TreeColumns, x: Matrix, y: np.ndarray, objective: dict[str, Any], options: Growth, brief: Brief
    ) -> None:
        import lightgbm

        self._options = options
        self._brief = brief
        self._outcomes = objective.get("num_class", 1)
        self._center, self._scale = 0.0, 1.0
        if objective["objective"] == "regression":
            # LightGBM keeps targets in float32: around 0 they lose nothing that matters.
            self._center, self._scale = float(y.mean()), float(y.std()) or 1.0
            if brief.metric == "mae":
                objective = {"objective": "regression_l1"}
        self._settings = {**_settings(x, options, brief.seed), **objective}
        self._data = lightgbm.Dataset(
            x, (y - self._center) / self._scale, params=self._settings, categorical_feature=list(columns.coded)
        )
        self._booster = lightgbm.Booster(self._settings, self._data)
        self._watched = False
        self._best = 0

    def watch(self, x: Matrix, y: np.ndarray) -> None:
        """Stop by the loss on these rows."""
        import lightgbm

        held = lightgbm.Dataset(x, (y - self._center) / self._scale, reference=self._data, params=self._settings)
        self._booster.add_valid(held, "valid")
        self._watched = True

    def grow(self, seconds: float | None, label: str, whole: Clock) -> bool:
        """Grow until the validation loss no longer falls, or for so many seconds; False where one tree takes so long
        that only a few would fit. `whole` is the clock of the fit, which is told of the cut."""
        clock = Clock(seconds)
        least = np.inf
        rounds = self._options.rounds if self._watched else min(self._options.rounds, _FIXED_ROUNDS)
        for grown in range(1, rounds + 1):
            stuck = self._booster.update()
            loss = self._booster.eval_valid()[0][2] if self._watched else -float(grown)
            if loss < least:
                least, self._best = loss, grown
            if stuck or grown - self._best >= self._options.patience:
                break
            if clock.spent(1.0) and grown < rounds:
                whole.cut(f"ended boosting after {grown:,} rounds")
                break
            if grown == 5 and clock.spent(0.3) and self._data.num_data() > 5_000:
                return False
            if grown % 20 == 0:
                self._brief.progress(grown / rounds, f"{label}{grown} rounds, validation loss {loss:.4g}")
        return True

    def ensemble(self) -> Ensemble:
        """The trees up to the best round."""
        text = self._booster.model_to_string(num_iteration=max(self._best, 1))
        # The parameters name threads and the like, which are no part of the model.
        text = re.sub(r"\nparameters:\n.*?\nend of parameters\n", "\n", text, flags=re.DOTALL)
        return Ensemble(text=text, outcomes=self._outcomes, center=self._center, scale=self._scale)


def _settings(x: Matrix, options: Growth, seed: int) -> dict[str, Any]:
    """LightGBM's settings by the size of the table."""
    rows = x.shape[0]
    small = rows < 1_000
    leaves = 7 if rows < 500 else 15 if rows < 5_000 else 31
    return {
        "learning_rate": options.learning_rate or 0.05,
        "num_leaves": options.leaves or leaves,
        "min_data_in_leaf": options.smallest_leaf or (5 if small else 20),
        "min_data_in_bin": 1 if small else 3,
        "min_data_per_group": 5 if small else 50,
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "num_threads": 1 if x.shape[0] * x.shape[1] < 100_000 else 0,  # threads cost more than they save below
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
