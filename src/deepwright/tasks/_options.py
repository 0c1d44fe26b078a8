"""A task's keys in a recipe, typed: the mapping of a recipe becomes a frozen Config, or an error that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, RunError, nearest

C = TypeVar("C", bound=Config)


def read_options(kind: type[C], options: Mapping[str, Any], task: str) -> C:
    """Validate; raises RecipeError naming the key under task.options, with the nearest one where it is unknown."""
    try:
        return kind(**options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] != "extra_forbidden":
            raise RecipeError(f"{first['msg']}, got {first['input']!r}.", where=f"task.options.{key}") from error
        guess = nearest(key, kind.model_fields)
        hint = f"Did you mean '{guess}'? " if guess else ""
        raise RecipeError(
            f"the task {task} has no option '{key}'.",
            where="task.options",
            remedy=f"{hint}There are: {', '.join(kind.model_fields)}.",
        ) from error


def read_state(kind: type[C], state: Mapping[str, Any], task: str) -> C:
    """Validate what a run folder says of a task; raises RunError on damage."""
    try:
        return kind.model_validate(dict(state))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "state"
        raise RunError(f"the stored state of the task {task} is damaged: {key}: {first['msg']}.") from error
