"""Worlds: several copies of an environment in which a learner acts at once, and that remember exactly where they are.

Environments cannot be copied to a disk. But each episode begins with a reset by a seed that follows from
(seed, world, episode), so the actions since then lead back to the very same state: a checkpoint holds those actions,
and restoring plays them again. That is exact for every environment whose randomness comes from its reset's seed.

Axes: N worlds, D numbers in an observation, A actions since a reset.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
import torch

from deepwright.core.environment import LONGEST, Spaces, open_environment, vision
from deepwright.core.errors import RunError

_FIRST_SEED = 1 << 32
"""Seeds of rows lie below it, those of learners above: nobody learns in an episode that others are judged by."""
_RECENT = 100


class Happened(NamedTuple):
    """One step of all worlds. `after` is what was seen before the next episode began where one did."""

    after: np.ndarray
    """(N, D) float32"""
    reward: np.ndarray
    """(N,) float32"""
    terminal: np.ndarray
    """(N,) float32: 1 where the episode ended by what happened: there is no future to hope for."""
    done: np.ndarray
    """(N,) float32: 1 where it ended for whatever reason; where only its time was up, there is a future."""


class Worlds:
    """N environments side by side; a finished episode is followed by the next one at once.

    seen:     (N, D) float32, what stands before the learner.
    steps:    taken in all worlds together.
    episodes: finished in all worlds together; `recent` holds the returns of the last 100.
    """

    def __init__(self, name: str, spaces: Spaces, *, count: int, seed: int) -> None:
        self.spaces = spaces
        self.seed = seed
        self.steps = self.episodes = 0
        self.recent: deque[float] = deque(maxlen=_RECENT)
        self._environments = [open_environment(name) for _ in range(count)]
        self._actions: list[list[int]] = [[] for _ in range(count)]
        self._episode = [-1] * count
        self._returns = [0.0] * count
        self.seen = np.zeros((count, spaces.width), dtype=np.float32)
        for world in range(count):
            self._begin(world)

    def __len__(self) -> int:
        return len(self._environments)

    def step(self, actions: list[int]) -> Happened:
        """Act in every world, with (N,) numbers of actions."""
        count = len(self)
        after = np.empty_like(self.seen)
        reward, terminal, done = (np.zeros(count, dtype=np.float32) for _ in range(3))
        for world, (environment, action) in enumerate(zip(self._environments, actions, strict=True)):
            seen, gained, terminated, truncated, _ = environment.step(action)
            self._actions[world].append(action)
            self._returns[world] += float(gained)
            after[world] = self.seen[world] = vision(self.spaces, seen)
            reward[world], terminal[world] = gained, terminated
            if terminated or truncated or len(self._actions[world]) >= LONGEST:
                done[world] = 1.0
                self.recent.append(self._returns[world])
                self.episodes += 1
                self._begin(world)
        self.steps += count
        return Happened(after, reward, terminal, done)

    def tally(self) -> dict[str, float]:
        """Numbers for the log; the return is of episodes as they were played, exploration included."""
        counts = {"environment_steps": float(self.steps), "episodes": float(self.episodes)}
        return counts | ({"training_return": float(np.mean(self.recent))} if self.recent else {})

    def _begin(self, world: int) -> None:
        """The world's next episode."""
        self._episode[world] += 1
        self._returns[world] = 0.0
        self._actions[world] = []
        self._reset(world)

    def _reset(self, world: int) -> None:
        seed = _episode_seed(self.seed, world, self._episode[world])
        self.seen[world] = vision(self.spaces, self._environments[world].reset(seed=seed)[0])

    # ---------------------------------------------------------------- state
    def state(self) -> dict[str, Any]:
        """Counters, the actions of the episodes under way, and what is seen, to know that the way back was right."""
        return {
            "seed": self.seed,
            "steps": self.steps,
            "episodes": self.episodes,
            "recent": torch.tensor(list(self.recent), dtype=torch.float64),
            "episode": torch.tensor(self._episode, dtype=torch.int64),  # (N,)
            "actions": [torch.tensor(actions, dtype=torch.int64) for actions in self._actions],  # N of (A,)
            "seen": torch.from_numpy(self.seen.copy()),  # (N, D)
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Play the episodes under way again; raises RunError where they lead elsewhere."""
        if len(state["actions"]) != len(self) or state["seed"] != self.seed:
            raise RunError(
                f"the checkpoint has {len(state['actions'])} worlds of seed {state['seed']}, "
                f"here are {len(self)} of seed {self.seed}.",
                remedy="Resume with the settings the training was started with.",
            )
        self.steps, self.episodes = state["steps"], state["episodes"]
        self.recent = deque(state["recent"].tolist(), maxlen=_RECENT)
        self._episode = state["episode"].tolist()
        self._actions = [actions.tolist() for actions in state["actions"]]
        for world, environment in enumerate(self._environments):
            self._reset(world)
            self._returns[world] = 0.0
            for action in self._actions[world]:
                seen, gained, *_ = environment.step(action)
                self._returns[world] += float(gained)
                self.seen[world] = vision(self.spaces, seen)
        if not np.array_equal(self.seen, state["seen"].numpy(), equal_nan=True):
            raise RunError(
                "the same seed and actions led the environment elsewhere.",
                remedy="Training in an environment that is not deterministic cannot be resumed: start it anew.",
            )


def _episode_seed(seed: int, world: int, episode: int) -> int:
    """A seed of its own for every triple."""
    drawn = np.random.SeedSequence((seed, world, episode)).generate_state(1, np.uint64)
    return _FIRST_SEED + int(drawn[0] >> np.uint64(2))
