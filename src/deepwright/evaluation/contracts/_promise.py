"""Promise: one line of a contract, tried out; whatever goes wrong becomes a sentence."""

from __future__ import annotations

from collections.abc import Callable


def promise(says: str, test: Callable[[], None]) -> tuple[str, str | None]:
    """(`says`, None) where `test` returns, (`says`, what went wrong) where it raises."""
    try:
        test()
    except AssertionError as error:
        return says, str(error) or "it does not hold"
    except Exception as error:
        return says, f"{type(error).__name__}: {error}"
    return says, None
