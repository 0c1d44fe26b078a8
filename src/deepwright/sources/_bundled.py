"""Bundled: the small, freely licensed tables, texts and pictures that ship inside the package."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "data"


@functools.cache
def bundled() -> dict[str, dict[str, Any]]:
    """Name → title, rows, columns, target, task, licence, source, citation; opens none of them, imports no polars."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def bundled_path(name: str) -> Path:
    """Where the data called `name` lies; `name` must be one of `bundled()`."""
    return next(path for ending in (".txt", ".parquet", ".csv") if (path := FOLDER / f"{name}{ending}").exists())
