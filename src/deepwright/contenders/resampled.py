"""Resampled: a training row plus small noise; the density is the mean of as many small normals as there are rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepwright.blocks.counter import uniform
from deepwright.contenders._generative import GenerativeModel, dequantised, noise, row_keys
from deepwright.core.contender import Brief, Contender
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

_WIDTHS = np.geomspace(0.02, 2.0, 24)
"""Widths that are tried, in standard deviations of each column."""
_MOST_ROWS = 10_000


class Resampled(Contender):
    """Parzen's window (1962): the width that makes the validation rows likeliest, one for all columns."""

    name: ClassVar[str] = "resampled"
    family: ClassVar[str] = "rule"
    tasks: ClassVar[frozenset[str]] = frozenset({"generation"})

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame, brief: Brief) -> ResampledModel:
        task = brief.task
        rows = task.values(train, brief.encoding)
        rows = rows[:: max(1, -(-len(rows) // _MOST_ROWS))].astype(np.float32)
        unseen = task.values(valid, brief.encoding)
        unseen = dequantised(unseen, task, row_keys(unseen))
        squares = _squares(unseen / task.sd, rows / task.sd)  # (V, N)
        likely = [_log_density(squares, width, task.sd).mean() for width in _WIDTHS]
        return ResampledModel(rows, float(_WIDTHS[int(np.argmax(likely))]), task, brief.encoding)

    @classmethod
    def load(cls, folder: Path, task: Any, encoding: Encoding, *, trust: Sequence[str] = ()) -> ResampledModel:
        saved, arrays = read_json(inside(folder, "width.json")), read_tensors(inside(folder, "rows.safetensors"))
        with boundary(folder):
            width, rows = float(saved["width"]), arrays["rows"]
            if rows.ndim != 2 or rows.shape[1] != task.width or not len(rows) or not 0 < width < math.inf:
                raise RunError("its rows do not fit the task.", where=str(folder))
        return ResampledModel(rows, width, task, encoding)


class ResampledModel(GenerativeModel):
    """rows: (N, D) training rows, float32. width: of the noise, in standard deviations of each column."""

    def __init__(self, rows: np.ndarray, width: float, task: Any, encoding: Encoding) -> None:
        self.rows = rows
        self.width = width
        self.task = task
        self.encoding = encoding

    def draw(self, drawn: Tensor, temperature: float) -> np.ndarray:
        chosen = (uniform(drawn, 1)[:, 0].double() * len(self.rows)).long().numpy()  # (B,)
        near = noise(drawn, self.task.width).numpy() * (temperature * self.width) * self.task.sd  # (B, D)
        return self.rows[chosen] + near

    def log_density(self, values: np.ndarray, drawn: Tensor) -> np.ndarray:
        squares = _squares(values / self.task.sd, self.rows / self.task.sd)  # (B, N)
        return _log_density(squares, self.width, self.task.sd)

    def save(self, folder: Path) -> None:
        write_json(folder / "width.json", {"width": self.width})
        write_tensors(folder / "rows.safetensors", {"rows": self.rows})

    def explain(self) -> str:
        return (
            f"One of {len(self.rows):,} training rows, drawn at random, plus noise of {self.width:.2g} standard "
            "deviations of each column."
        )


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(B, D), (N, D) → (B, N) squared distances."""
    from scipy.spatial.distance import cdist

    # By differences, not products: near rows are near, however far from 0 both are, and rows do not touch each other.
    return np.asarray(cdist(a, b, "sqeuclidean"))


def _log_density(squares: np.ndarray, width: float, sd: np.ndarray) -> np.ndarray:
    """log of the mean of N normals around rows at squared distances (B, N), in standard deviations → (B,)"""
    from scipy.special import logsumexp

    scale = np.log(width * sd).sum() + 0.5 * len(sd) * math.log(2 * math.pi)
    return logsumexp(-0.5 * squares / width**2, axis=1) - math.log(squares.shape[1]) - scale
