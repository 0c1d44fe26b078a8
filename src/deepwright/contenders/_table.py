"""Tables of values: what each action is worth in each state, the states told apart by cells of a grid.

Axes: S states, A actions, D numbers in an observation, B episodes under way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from deepwright.contenders._agent import Choose, Policy
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, read_json, read_tensors, write_json, write_tensors
from deepwright.tasks.control import Control

MOST_STATES = 10_000_000
_SHOWN_STATES = 400


@final
@dataclass(frozen=True)
class Grid:
    """A box cut into cells: `edges` holds, for each number, where one bin ends and the next begins; without edges the
    observation says the state itself."""

    edges: tuple[tuple[float, ...], ...]
    states: int

    @staticmethod
    def of_states(states: int) -> Grid:
        """No cells: states are numbered already."""
        return Grid((), states)

    @staticmethod
    def of_box(bins: Sequence[int], ranges: Sequence[tuple[float, float]]) -> Grid:
        """Bins of equal width within a range; the outermost ones reach on without an end."""
        pairs = zip(bins, ranges, strict=True)
        edges = tuple(tuple(np.linspace(low, high, count + 1)[1:-1].tolist()) for count, (low, high) in pairs)
        return Grid(edges, int(np.prod(bins)))

    def cell(self, seen: np.ndarray) -> int:
        """(D,) → the number of its state"""
        if not self.edges:
            return int(seen.argmax())
        place = 0
        for number, edges in zip(seen.tolist(), self.edges, strict=True):
            place = place * (len(edges) + 1) + bisect_right(edges, number)
        return place


@final
class TableModel(Policy):
    """Acts as the table says is best; `values` (S, A)."""

    def __init__(self, task: Control, grid: Grid, values: np.ndarray, text: str) -> None:
        self.task = task
        self.grid = grid
        self.values = values
        self._text = text

    def policy(self, seeds: list[int]) -> Choose:
        best = self.values.argmax(axis=1)  # (S,)
        return lambda seen, which: best[[self.grid.cell(one) for one in seen]]

    def explain(self) -> str:
        return self._text

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        """The first validation episode, and the table itself where its states are the environment's own."""
        shown = super().exhibits(frame)
        if shown is None or self.grid.edges or self.grid.states > _SHOWN_STATES:
            return shown
        return {**shown, "values": np.round(self.values, 6).tolist()}

    def save(self, folder: Path) -> None:
        write_tensors(folder / "values.safetensors", {"values": self.values})
        write_json(folder / "grid.json", {"edges": self.grid.edges, "states": self.grid.states, "text": self._text})

    @staticmethod
    def load(folder: Path, task: Control) -> TableModel:
        """Rebuild what `save` wrote; raises RunError on damage."""
        with boundary(folder / "grid.json"):
            state = read_json(folder / "grid.json")
            edges = tuple(tuple(float(edge) for edge in one) for one in state["edges"])
            grid, text = Grid(edges, int(state["states"])), str(state["text"])
        values = read_tensors(folder / "values.safetensors").get("values", np.zeros(0))
        cells = int(np.prod([len(one) + 1 for one in edges], dtype=object)) if edges else task.spaces.states
        fits = len(edges) == (0 if task.spaces.states else task.spaces.width) and grid.states == cells
        if not fits or values.shape != (cells, task.spaces.actions) or not np.isfinite(values).all():
            raise RunError("the table does not fit the environment.", where=str(folder / "values.safetensors"))
        return TableModel(task, grid, values, text)
