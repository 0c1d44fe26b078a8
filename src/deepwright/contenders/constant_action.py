"""Constant action: always the same, whichever did best in the training episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from deepwright.contenders._agent import Choose, Policy, play
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, read_json, write_json
from deepwright.tasks.control import Control

_MOST = 100
"""Actions that are tried, the first ones."""


@final
class ConstantAction(Contender):
    """Tries every action all through the training episodes and keeps the one with the highest mean return."""

    name = "constant_action"
    family = "rule"
    tasks = frozenset({"control"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> SameAction:
        task: Control = brief.task
        seeds, returns = task.seeds(train), []
        for action in range(min(task.spaces.actions, _MOST)):
            returns.append(float(play(task, seeds, always(action))[0].mean()))
        best = int(np.argmax(returns))
        text = (
            f"always action {best} of {len(returns)}, with a mean return of {returns[best]:.4g} in training episodes."
        )
        return SameAction(task, best, text)

    @classmethod
    def load(cls, folder: Path, task: Control, encoding: Encoding, *, trust: Sequence[str] = ()) -> SameAction:
        with boundary(folder / "action.json"):
            state = read_json(folder / "action.json")
            action, text = int(state["action"]), str(state["text"])
        if not 0 <= action < task.spaces.actions:
            raise RunError(f"there is no action {action}.", where=str(folder / "action.json"))
        return SameAction(task, action, text)


@final
class SameAction(Policy):
    """One action, whatever is seen."""

    def __init__(self, task: Control, action: int, text: str) -> None:
        self.task = task
        self._action = action
        self._text = text

    def policy(self, seeds: list[int]) -> Choose:
        return always(self._action)(seeds)

    def save(self, folder: Path) -> None:
        write_json(folder / "action.json", {"action": self._action, "text": self._text})

    def explain(self) -> str:
        return self._text


def always(action: int) -> Callable[[list[int]], Choose]:
    """The policy that does nothing else."""
    return lambda seeds: lambda seen, which: np.full(len(which), action)
