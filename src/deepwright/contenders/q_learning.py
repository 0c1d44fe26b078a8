"""Q-learning: a table of what each action is worth in each state, mended after every step (Watkins 1989).

Q(s, a) ← Q(s, a) + α (r + γ (1 − terminal) max_a' Q(s', a') − Q(s, a))          Sutton and Barto 2018, (6.8)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from pydantic import Field

from deepwright.contenders._agent import play
from deepwright.contenders._table import MOST_STATES, Grid, TableModel
from deepwright.core.config import Config
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.environment import Spaces, open_environment, vision
from deepwright.core.errors import RecipeError
from deepwright.streams._worlds import Worlds
from deepwright.tasks.control import Control

_REPORTS = 15
_RESERVE = 0.9
"""Share of its time that learning takes at most."""


@final
class QLearning(Contender):
    """Tabular Q-learning with ε-greedy exploration; a box of numbers is cut into a grid. Keeps the table that did best
    in the validation episodes."""

    name = "q_learning"
    family = "classical"
    tasks = frozenset({"control"})

    class Options(Config):
        """How finely states are told apart, and how long and boldly it learns."""

        episodes: int = Field(default=600, ge=1)
        """How many it lives through."""
        bins: int | tuple[int, ...] = 6
        """Cells along each number of an observation, one count for all or one for each; 1 leaves a number out."""
        ranges: tuple[tuple[float, float], ...] | None = None
        """Low and high of each number, cut evenly in between; None: as far as random play came."""
        rate: float = Field(default=0.5, gt=0, le=1)
        """α at first; falls evenly while it explores."""
        last_rate: float = Field(default=0.05, gt=0, le=1)
        """α in the end."""
        discount: float = Field(default=0.99, ge=0, le=1)
        """γ, what a reward one step later is worth."""
        exploration: float = Field(default=1.0, ge=0, le=1)
        """ε at first: share of actions drawn at random; falls evenly to `last_exploration`."""
        last_exploration: float = Field(default=0.01, ge=0, le=1)
        """ε in the end."""
        explore_for: float = Field(default=0.5, gt=0, le=1)
        """Share of the episodes after which ε and α have fallen."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Control, encoding: Encoding) -> Config:
        return cls.Options(episodes=60, bins=4)

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> TableModel:
        return _Course(self.options, train, valid, brief).run()

    @classmethod
    def load(cls, folder: Path, task: Control, encoding: Encoding, *, trust: Sequence[str] = ()) -> TableModel:
        return TableModel.load(folder, task)


class _Course:
    """One learning, from an empty table to the best one."""

    def __init__(self, options: QLearning.Options, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> None:
        self.options, self.valid, self.brief = options, valid, brief
        self.task: Control = brief.task
        self.began = time.monotonic()
        self.random = np.random.default_rng(brief.seed)
        self.grid = _grid(options, self.task, self.task.seeds(train), self.random)
        self.values = np.zeros((self.grid.states, self.task.spaces.actions))  # (S, A)
        self.best, self.score = self.values.copy(), -np.inf
        self.worlds = Worlds(self.task.environment, self.task.spaces, count=1, seed=brief.seed)

    def run(self) -> TableModel:
        """All episodes, or as many as there is time for."""
        self.brief.rewind(0)
        episodes, end = self.options.episodes, "all"
        every = max(1, episodes // _REPORTS)
        for episode in range(episodes):
            self._live(episode)
            late = self.brief.seconds is not None and time.monotonic() - self.began > _RESERVE * self.brief.seconds
            if (episode + 1) % every == 0 or episode + 1 == episodes or late:
                self._report(episode + 1)
            if late:
                end = "stopped by the clock after"
                break
        where = f"{self.grid.states:,} states × {self.values.shape[1]} actions"
        text = (
            f"a table of {where}, {end} {self.worlds.episodes:,} episodes ({self.worlds.steps:,} steps), "
            f"{(self.best != 0).any(axis=1).sum():,} states visited."
        )
        return TableModel(self.task, self.grid, self.best, text)

    def _live(self, episode: int) -> None:
        """One episode; the table is mended after every step."""
        options, worlds, values, cell = self.options, self.worlds, self.values, self.grid.cell
        share = min(1.0, episode / (options.explore_for * options.episodes))
        rate = options.rate + (options.last_rate - options.rate) * share
        explore = options.exploration + (options.last_exploration - options.exploration) * share
        state, done = cell(worlds.seen[0]), False
        while not done:
            drawn = self.random.random() < explore
            action = int(self.random.integers(values.shape[1]) if drawn else values[state].argmax())
            happened = worlds.step([action])
            after, done = cell(happened.after[0]), bool(happened.done[0])
            future = (1 - float(happened.terminal[0])) * values[after].max()
            target = float(happened.reward[0]) + options.discount * future
            values[state, action] += rate * (target - values[state, action])
            state = after

    def _report(self, episode: int) -> None:
        """Try the table as it stands in the validation episodes; keep it where none was better: of equals the later
        one has seen more."""
        now = TableModel(self.task, self.grid, self.values, "")
        score = float(play(self.task, self.task.seeds(self.valid), now.policy)[0].mean())
        if score >= self.score:
            self.best, self.score = self.values.copy(), score
        self.brief.log({"step": episode, "epoch": None, "valid_score": score, **self.worlds.tally()})
        said = f"episode {episode:,}, mean return {score:.4g} in validation episodes"
        self.brief.progress(episode / self.options.episodes, said)


def _grid(options: QLearning.Options, task: Control, seeds: list[int], random: np.random.Generator) -> Grid:
    """The states, or a box cut as the options say."""
    spaces = task.spaces
    if spaces.states is not None:
        return Grid.of_states(spaces.states)
    bins = (options.bins,) * spaces.width if isinstance(options.bins, int) else options.bins
    for key, given in (("bins", bins), ("ranges", options.ranges)):
        if given is not None and len(given) != spaces.width:
            raise RecipeError(
                f"expected one entry for each of the {spaces.width} numbers of an observation, got {len(given)}.",
                where=f"contenders.q_learning.{key}",
            )
    if min(bins) < 1 or np.prod(np.array(bins, dtype=float)) > MOST_STATES:
        raise RecipeError(
            f"expected 1 to {MOST_STATES:,} cells in all, got bins of {bins}.",
            where="contenders.q_learning.bins",
            remedy="Use fewer bins, or a network.",
        )
    return Grid.of_box(bins, options.ranges or _reached(task.environment, spaces, seeds, random))


def _reached(name: str, spaces: Spaces, seeds: list[int], random: np.random.Generator) -> list[tuple[float, float]]:
    """Least and greatest of each number in random play; as far to both sides of 0 where it went to both."""
    environment, seen = open_environment(name), []
    for seed in seeds:
        seen.append(vision(spaces, environment.reset(seed=seed)[0]))
        ended = False
        while not ended:
            after, _, terminated, truncated, _ = environment.step(int(random.integers(spaces.actions)))
            ended = terminated or truncated
            seen.append(vision(spaces, after))
    low, high = np.min(seen, axis=0).astype(float), np.max(seen, axis=0).astype(float)  # (D,)
    wide = np.maximum(-low, high)
    both = (low < 0) & (high > 0)
    return list(zip(np.where(both, -wide, low).tolist(), np.where(both, wide, high).tolist(), strict=True))
