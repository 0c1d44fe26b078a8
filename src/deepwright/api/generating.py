"""Generating: new things like those that a run learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from deepwright.api.recipes import explain
from deepwright.core.contender import Order
from deepwright.core.errors import RecipeError

if TYPE_CHECKING:
    import polars as pl

    from deepwright.api.run import Run


def generate(run: Run, contender: str | None, order: Mapping[str, Any]) -> Iterator[str | pl.DataFrame]:
    """What the contender (the winner unless named) generates; see Run.generate."""
    try:
        wanted = Order.model_validate(dict(order))
    except ValidationError as error:
        raise explain(error, Order, where="generate", lines={}) from None
    made = run.model(contender).generate(wanted)
    if made is None:
        raise RecipeError(
            f"'{contender or run.winner}' generates nothing.",
            where=str(run.folder),
            remedy="Contenders of language_modelling and generation do: choose one with --contender.",
        )
    return made
