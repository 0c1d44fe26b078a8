"""Episodes: an environment and the seed of its reset ("CartPole-v1#17"); what an agent is tried in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.environment import EPISODE, parse_episode
from deepwright.core.errors import DataError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._shared import count, is_blank, read_state, shorten

_WHOLE = rf"^(?:{EPISODE})$"


class EpisodeKind(Kind):
    """A place to act in, not a number to compute with: no fields, no columns. Remembers the environments."""

    name = "episode"

    @classmethod
    def example(cls) -> pl.Series:
        return pl.Series("episode", [f"CartPole-v1#{seed}" for seed in range(19)] + [None])

    def recognise(self, column: pl.Series) -> Guess:
        if column.dtype != pl.String:
            return Guess(confidence=0.0, reason=f"values of type {column.dtype}")
        known = column.filter(~is_blank(column))
        parts = (known.head(100), known)  # most columns show at once that they are something else
        if not len(known) or not all(part.str.contains(_WHOLE).all() for part in parts):
            return Guess(confidence=0.0, reason="not all are an environment and a seed")
        return Guess(confidence=1.0, reason=f"{count(len(known), 'episode')} of {shorten(_environments(known))}")

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        known = _environments(column.filter(~is_blank(column))) if column.dtype == pl.String else []
        if not known:
            raise DataError(
                "no episode is named.", where=f"column '{column.name}'", remedy="Write them as CartPole-v1#17."
            )
        return EpisodeEncoder(EpisodeState(column=column.name, environments=tuple(known)))

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        return EpisodeEncoder(read_state(EpisodeState, state, self.name))


class EpisodeState(Config):
    """What is remembered of a column of episodes."""

    column: str
    environments: tuple[str, ...]


class EpisodeEncoder(Encoder):
    """Contributes nothing to a batch. Seeds are new by nature; what counts as unseen is another environment."""

    kind = "episode"

    def __init__(self, state: EpisodeState) -> None:
        self.column = state.column
        self._state = state

    @property
    def fields(self) -> tuple[Field, ...]:
        return ()

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return {}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        return np.zeros((len(column), 0)), []

    def unseen(self, column: pl.Series) -> pl.Series:
        if column.dtype != pl.String:
            return column.is_not_null()
        strange = ~column.str.replace(r"#\d+$", "").is_in(list(self._state.environments))
        return strange.fill_null(False) & ~is_blank(column)

    def describe(self) -> str:
        return f"episodes of {shorten(list(self._state.environments))}, played, not encoded"

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")


def _environments(known: pl.Series) -> list[str]:
    """Distinct names, sorted; texts that are no episode are left out."""
    episodes = (parse_episode(text) for text in known.unique().to_list())
    return sorted({episode.environment for episode in episodes if episode is not None})
