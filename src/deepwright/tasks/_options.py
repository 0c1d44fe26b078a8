"""A task's keys in a recipe, typed: the mapping of a recipe becomes a frozen Config, or an error that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, RunError, nearest, not_found

C = TypeVar("C", bound=Config)

_FITS = {
    "regression": ("mse", "mae", "rmse", "huber"),
    "classification": ("cross_entropy", "hierarchical", "binary_cross_entropy"),
    "tagging": ("binary_cross_entropy",),
}
"""Task → the losses of `blocks/losses.py` that fit it, the default first; here, where no PyTorch needs to be loaded."""
_WHY = {
    "regression": "a number is missed by a distance, not by a wrong class",
    "classification": "classes have no distance between their codes, and outputs are logits, not values",
    "tagging": "each tag is a yes or no of its own",
}


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


def loss_names(task: str) -> list[str]:
    """Names of the losses that fit a task, the default first."""
    return list(_FITS[task])


def check_loss(name: str, task: str, *, where: str = "task.options.loss") -> None:
    """Raise RecipeError, with the reason and the names that fit, when a built-in loss does not fit the task."""
    if ":" in name:
        return
    if not any(name in fitting for fitting in _FITS.values()):
        raise not_found("loss", name, loss_names(task), where=where)
    if name not in _FITS[task]:
        raise RecipeError(
            f"the loss '{name}' does not fit {task}: {_WHY[task]}.",
            where=where,
            remedy=f"Use {' or '.join(loss_names(task))}, or your own 'package.module:function'.",
        )
