"""Rates: which factor on the learning rate belongs to which parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepwright.core.errors import RecipeError, nearest


def factors(names: Sequence[str], rates: Mapping[str, float], known: Sequence[str]) -> list[float]:
    """For each name the factor of the longest prefix that it begins with, whole words between dots only; else 1.

    known: names of all parameters there are, those that stay frozen too. Raises RecipeError for a prefix of none.
    """
    prefixes = {prefix: None for name in known for prefix in _prefixes(name)}
    for asked in rates:
        if asked not in prefixes:
            guess = nearest(asked, prefixes)
            top = ", ".join(dict.fromkeys(name.partition(".")[0] for name in known))
            raise RecipeError(
                f"no parameter's name begins with '{asked}'.",
                where="training.rates",
                remedy=f"{f'Did you mean {guess!r}? ' if guess else ''}At the top there are: {top}.",
            )
    return [next((rates[p] for p in reversed(_prefixes(name)) if p in rates), 1.0) for name in names]


def _prefixes(name: str) -> list[str]:
    """ "a.b.weight" → ["a", "a.b", "a.b.weight"]"""
    words = name.split(".")
    return [".".join(words[: i + 1]) for i in range(len(words))]
