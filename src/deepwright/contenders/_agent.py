"""What contenders that act share: playing episodes to their end, many at once, and showing one of them step by step.

Axes: B episodes under way, D numbers in an observation.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from deepwright.core.contender import Model
from deepwright.core.environment import LONGEST, Episode, Spaces, map_of, open_environment, vision
from deepwright.tasks.control import Control

Choose = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Observations (B, D) float32, and which episodes they belong to (B,) → actions (B,) int64."""

_AT_ONCE = 128
"""Environments that are open together."""
_SHOWN_STEPS, _SHOWN_NUMBERS = 1_000, 8
"""Of an episode that is shown step by step, at most."""


class Policy(Model):
    """A model that acts. Subclasses say how it chooses; predicting is playing each row's episode."""

    task: Control

    @abstractmethod
    def policy(self, seeds: list[int]) -> Choose:
        """How it acts in the episodes of these seeds; no learning, and no episode looks at another."""

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Each row's episode played to its end → `return` and `steps`."""
        return self.task.predictions(*play(self.task, self.task.seeds(frame), self.policy))

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        """The first validation episode, step by step."""
        if not frame.height:
            return None
        seed = self.task.seeds(frame.head(1))[0]
        return {"replay": witnessed(self.task, seed, self.policy([seed]))}


class _Playing(NamedTuple):
    """An episode under way."""

    place: int
    environment: Any
    seen: np.ndarray


def play(task: Control, seeds: list[int], policy: Callable[[list[int]], Choose]) -> tuple[np.ndarray, np.ndarray]:
    """(B,) returns and (B,) steps of the episodes of these seeds."""
    returns, steps = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
    for start in range(0, len(seeds), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        _play_some(task, seeds[part], policy(seeds[part]), returns[part], steps[part])
    return returns, steps


def _play_some(task: Control, seeds: list[int], choose: Choose, returns: np.ndarray, steps: np.ndarray) -> None:
    """All at once: one choice for every step of all of them, until the last has ended."""
    running = [_opened(task, place, seed) for place, seed in enumerate(seeds)]
    while running:
        seen, which = np.stack([one.seen for one in running]), np.array([one.place for one in running])
        left = []
        for one, action in zip(running, choose(seen, which).tolist(), strict=True):
            after, reward, terminated, truncated, _ = one.environment.step(action)
            returns[one.place] += float(reward)
            steps[one.place] += 1
            if terminated or truncated or steps[one.place] >= LONGEST:
                one.environment.close()
            else:
                left.append(one._replace(seen=vision(task.spaces, after)))
        running = left


def _opened(task: Control, place: int, seed: int) -> _Playing:
    environment = open_environment(task.environment)
    return _Playing(place, environment, vision(task.spaces, environment.reset(seed=seed)[0]))


def witnessed(task: Control, seed: int, choose: Choose) -> dict[str, Any]:
    """One episode as JSON: observations before each step and after the last, actions, rewards; at most 1,000 steps and
    8 numbers of each observation (of states their number)."""
    _, environment, seen = _opened(task, 0, seed)
    observations, actions, rewards = [_told(task.spaces, seen)], [], []
    total, length, ended = 0.0, 0, False
    while not ended and length < LONGEST:
        action = int(choose(seen[None], np.zeros(1, dtype=np.int64))[0])
        after, reward, terminated, truncated, _ = environment.step(action)
        seen, ended = vision(task.spaces, after), terminated or truncated
        total, length = total + float(reward), length + 1
        if length <= _SHOWN_STEPS:
            observations.append(_told(task.spaces, seen))
            actions.append(action)
            rewards.append(round(float(reward), 6))
    drawn = map_of(environment, task.spaces)
    environment.close()
    return {
        "environment": task.environment, "episode": str(Episode(task.environment, seed)), "map": drawn,
        "steps": length, "return": total, "ended": bool(terminated), "observations": observations,
        "actions": actions, "rewards": rewards,
    }  # fmt: skip


def _told(spaces: Spaces, seen: np.ndarray) -> list[float]:
    if spaces.states is not None:
        return [int(seen.argmax())]
    return [round(float(number), 4) for number in np.nan_to_num(seen[:_SHOWN_NUMBERS], posinf=1e9, neginf=-1e9)]
