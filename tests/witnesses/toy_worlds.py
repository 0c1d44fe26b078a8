"""Environments that tests register: one whose time runs out, one of pictures, one that rolls dice of its own."""

from __future__ import annotations

import random
from typing import Any

import gymnasium
import numpy as np

CLOCK, PICTURES, DICE = "toys/Clock-v0", "toys/Pictures-v0", "toys/Dice-v0"


class Clock(gymnasium.Env[np.ndarray, int]):
    """Says how many steps were taken; every step pays 1, and it has no end of its own."""

    observation_space = gymnasium.spaces.Box(0.0, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.taken = 0
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.taken += 1
        return np.full(1, self.taken, dtype=np.float32), 1.0, False, False, {}


class Pictures(Clock):
    """What is seen is a picture."""

    observation_space = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)


class Dice(Clock):
    """Not the reset's seed decides what is seen."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return np.full(1, random.random(), dtype=np.float32), 1.0, False, False, {}


for name, of in ((CLOCK, Clock), (PICTURES, Pictures), (DICE, Dice)):
    if name not in gymnasium.registry:
        gymnasium.register(name, entry_point=of, max_episode_steps=5)
