"""Contracts: what every component of a family promises, checked on any one of them; built-in or a user's own.

One file a family, `contracts/FAMILY.py`, with `check_FAMILY(cls)`: it yields each promise with what is wrong, or None.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from deepwright.core.errors import not_found
from deepwright.core.find import find


def families() -> list[str]:
    """The families that have a contract."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def check(family: str, name: str) -> Iterator[tuple[str, str | None]]:
    """Each promise of the family's contract, with what is wrong about it on this component, or None where it is kept.

    Raises NotFoundError for a family without a contract or a component that is not there.
    """
    if family not in families():
        raise not_found("contract for the family", family, families())
    module = importlib.import_module(f"deepwright.evaluation.contracts.{family}")
    yield from getattr(module, f"check_{family}")(find(family, name))
