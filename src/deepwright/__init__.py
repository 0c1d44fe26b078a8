"""Deepwright: from raw data to an honest verdict, and on to a served model.

    import deepwright as dw
    run = dw.fit("houses.csv", target="price")
    print(run.verdict)
    run.predict("new_houses.csv")

Importing this package imports nothing heavy; names load what they need when they are first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# Idle OpenMP threads that spin starve busy neighbours; it must be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_WHERE = {
    "fit": "deepwright.api.fitting",
    "run": "deepwright.api.fitting",
    "resume": "deepwright.api.fitting",
    "load": "deepwright.api.run",
    "Run": "deepwright.api.run",
    "look": "deepwright.api.looking",
    "Recipe": "deepwright.core.recipe",
    "DeepwrightError": "deepwright.core.errors",
    "train": "deepwright.training",
    "Report": "deepwright.training",
    "Plan": "deepwright.core.plan",
    "Move": "deepwright.blocks.learner",
    "Learner": "deepwright.blocks.learner",
    "Rows": "deepwright.streams.rows",
    "Stream": "deepwright.blocks.stream",
    "find": "deepwright.core.find",
    "names": "deepwright.core.find",
}

__all__ = [
    "DeepwrightError",
    "Learner",
    "Move",
    "Plan",
    "Recipe",
    "Report",
    "Rows",
    "Run",
    "Stream",
    "__version__",
    "find",
    "fit",
    "load",
    "look",
    "names",
    "resume",
    "run",
    "train",
]

if TYPE_CHECKING:
    from deepwright.api.fitting import fit, resume, run
    from deepwright.api.looking import look
    from deepwright.api.run import Run, load
    from deepwright.blocks.learner import Learner, Move
    from deepwright.blocks.stream import Stream
    from deepwright.core.errors import DeepwrightError
    from deepwright.core.find import find, names
    from deepwright.core.plan import Plan
    from deepwright.core.recipe import Recipe
    from deepwright.streams.rows import Rows
    from deepwright.training import Report, train


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'deepwright' has no attribute '{name}'")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
