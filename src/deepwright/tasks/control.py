"""Control: act in an environment so that the rewards add up to as much as possible; the rows are episodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.encoding import Encoding
from deepwright.core.environment import Spaces, open_environment, parse_episode, spaces_of
from deepwright.core.errors import DataError
from deepwright.core.metric import Answers
from deepwright.core.task import Task
from deepwright.tasks._options import read_options, read_state

_METRICS = ("mean_return", "median_return", "worst_return", "mean_length")


class Control(Task):
    """Act, from the reset with an episode's seed to its end; nobody learns while being judged.

    The learners act in episodes of their own, whose seeds lie beyond those of rows. Every contender is tried in the
    same test episodes, so differences are paired by the episode's seed.

    Predictions: return (float64), the sum of an episode's rewards; steps (int64), how long it lasted.
    Truth: the mean return from which the environment counts as solved, null where it names none.
    Answers: truth and prediction (B,) float64; more["steps"] (B,) float64.
    Exhibits: "replay", one validation episode step by step: environment, episode, map (of states that are places),
    observations before each step and after the last, actions, rewards, return, steps, ended (by itself, not by time);
    "values", (S, A) what each action is worth in each state, where the contender knows it.
    """

    name: ClassVar[str] = "control"
    figures: ClassVar[tuple[str, ...]] = ("agent_replay", "return_over_steps", "returns", "value_map")
    rules: ClassVar[tuple[str, ...]] = ("random_action", "constant_action")
    entrants: ClassVar[tuple[str, ...]] = ("rule", "q_learning", "dqn", "ppo")
    trainer: ClassVar[str] = "ppo"
    deals: ClassVar[str] = "column:part"
    precedence: ClassVar[int] = 10
    target: str | None = None

    def __init__(self, state: _State) -> None:
        self._state = state

    @classmethod
    def asks(cls, frame: pl.DataFrame, kinds: Mapping[str, str], target: str | None) -> str | None:
        column = next((name for name, kind in kinds.items() if kind == "episode"), None)
        if target is not None or column is None:
            return None
        return f"{frame.height:,} episodes in column {column}"

    @classmethod
    def ask(cls, train: pl.DataFrame, target: str | None, encoding: Encoding, options: Mapping[str, Any]) -> Self:
        read_options(_Options, options, cls.name)
        column = next(encoder.column for encoder in encoding.encoders if encoder.kind == "episode")
        episodes = [parse_episode(text) for text in train.get_column(column)]
        names = {episode.environment for episode in episodes if episode is not None}
        if len(names) != 1:
            raise DataError(
                f"expected episodes of one environment, got {', '.join(sorted(names)) or 'none'}.",
                where=f"column '{column}'",
                remedy="Keep the rows of one, or make a run of each.",
            )
        name = names.pop()
        environment = open_environment(name)
        spec, spaces = environment.spec, spaces_of(environment, name)
        environment.close()
        return cls(_State(column=column, environment=name, spaces=spaces, threshold=spec.reward_threshold))

    @property
    def column(self) -> str:
        """Which holds the episodes."""
        return self._state.column

    @property
    def environment(self) -> str:
        """Its name, as `core.environment` reads it."""
        return self._state.environment

    @property
    def spaces(self) -> Spaces:
        """What an agent sees and does."""
        return self._state.spaces

    @property
    def threshold(self) -> float | None:
        """The mean return from which the environment counts as solved."""
        return self._state.threshold

    def seeds(self, rows: pl.DataFrame) -> list[int]:
        """Of the episodes in these rows; raises DataError for a row that is no episode of this environment."""
        found = []
        for number, text in enumerate(rows.get_column(self.column).cast(pl.String), start=1):
            episode = parse_episode(text)
            if episode is None or episode.environment != self.environment:
                raise DataError(
                    f"expected an episode of {self.environment}, got {text!r}.",
                    where=f"row {number}, column '{self.column}'",
                    remedy=f"Write environment and seed: {self.environment}#17.",
                )
            found.append(episode.seed)
        return found

    def predictions(self, returns: np.ndarray, steps: np.ndarray) -> pl.DataFrame:
        """(B,) sums of rewards and (B,) lengths as the table of predictions."""
        return pl.DataFrame({"return": returns.astype(np.float64), "steps": steps.astype(np.int64)})

    def truth(self, rows: pl.DataFrame, encoding: Encoding) -> pl.Series:
        return pl.Series("truth", [self.threshold] * rows.height, dtype=pl.Float64)

    def answers(self, predictions: pl.DataFrame, truth: pl.Series) -> Answers:
        returns, steps = (predictions.get_column(name).cast(pl.Float64).to_numpy() for name in ("return", "steps"))
        return Answers(truth=truth.cast(pl.Float64).to_numpy(), prediction=returns, more={"steps": steps})

    @property
    def metrics(self) -> tuple[str, ...]:
        return _METRICS

    @property
    def why_metric(self) -> str:
        solved = f"; {self.environment} counts as solved from {self.threshold:g}" if self.threshold is not None else ""
        return f"mean return, what an episode's rewards add up to on average{solved} (another with task.metric)"

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        return cls(read_state(_State, state, cls.name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Control) and other._state == self._state

    def __hash__(self) -> int:
        return hash(self._state)

    @classmethod
    def example_rows(cls) -> tuple[pl.DataFrame, dict[str, str], str | None]:
        episodes = [f"CartPole-v1#{seed}" for seed in range(60)]
        return pl.DataFrame({"episode": episodes}), {"episode": "episode"}, None


class _Options(Config):
    """Control has no keys of its own."""


class _State(Config):
    """What is remembered: where agents act, and what they see and do there."""

    column: str
    environment: str
    spaces: Spaces
    threshold: float | None
