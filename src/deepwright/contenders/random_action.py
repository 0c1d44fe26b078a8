"""Random action: any action, as likely as any other; what knowing nothing brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._agent import Choose, Policy
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.files import boundary, read_json, write_json
from deepwright.tasks.control import Control


@final
class RandomAction(Contender):
    """Draws every action evenly; the draws of an episode follow from its seed, so it repeats."""

    name = "random_action"
    family = "rule"
    tasks = frozenset({"control"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> AnyAction:
        return AnyAction(brief.task, brief.seed)

    @classmethod
    def load(cls, folder: Path, task: Control, encoding: Encoding, *, trust: Sequence[str] = ()) -> AnyAction:
        with boundary(folder / "random.json"):
            return AnyAction(task, abs(int(read_json(folder / "random.json")["seed"])))


@final
class AnyAction(Policy):
    """Actions from a generator of each episode's own."""

    def __init__(self, task: Control, seed: int) -> None:
        self.task = task
        self._seed = seed

    def policy(self, seeds: list[int]) -> Choose:
        generators = [np.random.default_rng((self._seed, seed)) for seed in seeds]
        actions = self.task.spaces.actions
        return lambda seen, which: np.array([generators[place].integers(actions) for place in which])

    def save(self, folder: Path) -> None:
        write_json(folder / "random.json", {"seed": self._seed})

    def explain(self) -> str:
        return f"one of {self.task.spaces.actions} actions at random, each as likely as any other."
