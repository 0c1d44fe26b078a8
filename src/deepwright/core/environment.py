"""Environment: worlds of Gymnasium by name, their episodes by seed, and what an agent sees and does there.

A name is an id that Gymnasium knows, with its options where it has any: "CartPole-v1" or
"FrozenLake-v1?is_slippery=false".
An episode is a name and the seed of its reset: "CartPole-v1#17". The same episode and the same actions give the same
rewards, so an episode is a row of a table like any other.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from deepwright.core.config import Config
from deepwright.core.errors import DataError, MissingExtraError, not_found

if TYPE_CHECKING:
    import numpy as np

_ID = r"(?:[\w-]+/)?[A-Za-z0-9][\w.-]*-v\d+"
_OPTION = r"\w+=[\w.+-]+"
NAME = rf"{_ID}(?:\?{_OPTION}(?:&{_OPTION})*)?"
"""Pattern of a name. It has no colon: a name can never ask for a module to be imported."""
EPISODE = rf"{NAME}#\d{{1,9}}"
"""Pattern of an episode."""
PREFIX = "env:"
"""Before a data source that is an environment, whatever files there are."""
LONGEST = 10_000
"""Steps after which an episode is cut in environments that do not end it themselves."""
_REFUSED = frozenset({"render_mode", "disable_env_checker", "vectorization_mode", "max_episode_steps"})


class Episode(NamedTuple):
    """One row of a table of episodes."""

    environment: str
    seed: int

    def __str__(self) -> str:
        return f"{self.environment}#{self.seed}"


class Spaces(Config):
    """What an agent sees and does, as plain numbers.

    A network is shown `width` numbers: a box's own, row after row, or a one for the state and zeros for the others.
    """

    actions: int = Field(ge=1, le=1_000_000)
    """Actions are numbered from 0."""
    states: int | None = Field(ge=1, le=1_000_000)
    """How many states can be told apart; None where observations are a box of numbers."""
    low: tuple[float | None, ...] = Field(max_length=10_000_000)
    """Least value of each number of a box; None: no bound. Empty where there are states."""
    high: tuple[float | None, ...] = Field(max_length=10_000_000)
    """Greatest value likewise."""

    @property
    def width(self) -> int:
        """D, numbers in an observation."""
        return self.states or len(self.low)


def parse_episode(text: str | None) -> Episode | None:
    """The episode that a text names, or None."""
    if text is None or not re.fullmatch(EPISODE, text):
        return None
    environment, _, seed = text.rpartition("#")
    return Episode(environment, int(seed))


def module_asked(source: str) -> str | None:
    """The module that a data source asks to be imported first ("mylab.worlds:Maze-v0" → "mylab.worlds"), or None."""
    module, colon, name = source.removeprefix(PREFIX).rpartition(":")
    return module if colon and re.fullmatch(NAME, name) and re.fullmatch(r"[\w.]+", module) else None


def gymnasium() -> Any:
    """The library; raises MissingExtraError where it is not installed."""
    try:
        import gymnasium
    except ImportError:
        raise MissingExtraError("gymnasium", "control", "acting in an environment") from None
    return gymnasium


def open_environment(name: str) -> Any:
    """A new environment (`gymnasium.Env`) by its name.

    Raises NotFoundError with the nearest id, MissingExtraError where Gymnasium is not installed, DataError where the
    environment does not take the options or lacks something itself.
    """
    library = gymnasium()
    identity, _, said = name.partition("?")
    if not re.fullmatch(NAME, name) or identity not in library.registry:
        raise not_found("environment", identity, library.registry)
    options = {key: _value(text) for key, _, text in (part.partition("=") for part in said.split("&") if part)}
    if refused := _REFUSED & options.keys():
        raise DataError(f"the option {min(refused)} is not the data's to set.", where=name, remedy="Leave it out.")
    try:
        return library.make(identity, disable_env_checker=True, **options)
    except library.error.DependencyNotInstalled as error:
        raise DataError(
            f"the environment lacks something: {error}.", where=name, remedy="Install that first."
        ) from None
    except (library.error.Error, TypeError, ValueError, KeyError, ImportError, AttributeError) as error:
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(
            f"the environment cannot be opened: {text}.", where=name, remedy="Check its options."
        ) from error


def spaces_of(environment: Any, name: str) -> Spaces:
    """What an agent sees and does there; raises DataError for spaces that agents here do not know."""
    spaces = gymnasium().spaces
    seen, does = environment.observation_space, environment.action_space
    if not isinstance(does, spaces.Discrete) or does.start != 0:
        raise DataError(
            f"expected actions that can be counted from 0, this environment has {does}.",
            where=name,
            remedy="Choose an environment with discrete actions, e.g. CartPole-v1 or Acrobot-v1.",
        )
    if isinstance(seen, spaces.Discrete) and seen.start == 0:
        return Spaces(actions=int(does.n), states=int(seen.n), low=(), high=())
    if not isinstance(seen, spaces.Box):
        raise DataError(
            f"expected observations that are a box of numbers or a state, this environment has {seen}.",
            where=name,
            remedy="Choose another environment, e.g. CartPole-v1 or FrozenLake-v1.",
        )
    if len(seen.shape) > 2 or (len(seen.shape) == 2 and seen.dtype.kind == "u"):
        raise DataError(
            f"expected observations that are numbers, this environment shows pictures of {seen.shape}.",
            where=name,
            remedy="Choose one that tells its state in numbers, e.g. CartPole-v1; agents here do not see pictures yet.",
        )
    low, high = (_bounds(bound) for bound in (seen.low, seen.high))
    return Spaces(actions=int(does.n), states=None, low=low, high=high)


def vision(spaces: Spaces, seen: Any) -> np.ndarray:
    """An observation as (D,) float32: a box's numbers in a row, or a one for the state among zeros."""
    import numpy as np

    if spaces.states is None:
        return np.asarray(seen, dtype=np.float32).reshape(-1)
    shown = np.zeros(spaces.states, dtype=np.float32)
    shown[int(seen)] = 1.0
    return shown


def map_of(environment: Any, spaces: Spaces) -> list[str] | None:
    """Rows of letters, where states are the places of a map from left to right and top to bottom (FrozenLake has its
    map in `desc`: S start, F ice, H hole, G goal); None elsewhere."""
    drawn = getattr(environment.unwrapped, "desc", None)
    if drawn is None or spaces.states is None or drawn.size != spaces.states:
        return None
    return ["".join(letter.decode() for letter in row) for row in drawn]


def _bounds(values: Any) -> tuple[float | None, ...]:
    return tuple(value if abs(value) < 1e30 else None for value in values.ravel().tolist())


def _value(text: str) -> Any:
    """A number, true or false as JSON reads it; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
