"""Config: the frozen, keyword-only, typed base of every configuration; an unknown key is an error."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Config(BaseModel):
    """Base of recipes, plans and the configurations of networks and contenders.

    Subclasses put a docstring under every field, with unit and range; `--help` and the docs read it from there.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(value: object) -> object:
    """`"90s"`, `"5m"`, `"1.5h"` or a number of seconds → seconds; anything else is left for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?\s*", value)
    if match is None:
        raise ValueError(f"expected a time such as 90s, 5m or 1h, got '{value}'")
    return float(match[1]) * _UNITS[match[2] or "s"]


Seconds = Annotated[float, BeforeValidator(seconds)]
"""A duration in seconds; accepts 90, "90s", "5m", "1h"."""
