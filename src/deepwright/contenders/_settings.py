"""Settings: plain objects of a recipe as typed ones, with errors that name the key and the nearest one there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, nearest

C = TypeVar("C", bound=Config)


def settings(of: type[C], values: Mapping[str, Any], where: str) -> C:
    """`of` made from `values`; raises RecipeError naming the first key that is wrong, below `where`."""
    try:
        return of.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(key) for key in first["loc"]]
        place = ".".join([where, *path])
        if first["type"] == "extra_forbidden":
            guess = nearest(path[-1], _keys(of, path[:-1]))
            hint = f"Did you mean '{guess}'? " if guess else ""
            raise RecipeError(
                f"there is no key '{path[-1]}'.",
                where=place,
                remedy=f"{hint}There are: {', '.join(_keys(of, path[:-1]))}.",
            ) from None
        came = "" if first["type"] == "value_error" else f" (got {first['input']!r})"
        raise RecipeError(f"{first['msg'].removeprefix('Value error, ')}{came}.", where=place) from None


def _keys(of: type[Config], path: list[str]) -> list[str]:
    for key in path:
        field = of.model_fields.get(key)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Config)):
            return []
        of = inner
    return list(of.model_fields)
