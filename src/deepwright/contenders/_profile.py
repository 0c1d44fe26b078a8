"""Profile: what clusters are like, in the user's own units, and the words for it.

Axes: B rows, K clusters, M measures (a number column is one, a category one for each of its values).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import polars as pl
import scipy.sparse

from deepwright.core.encoding import Encoding

_SAID = 2
"""Measures that are named of each cluster."""
_PLAIN = 0.5
"""Standard deviations from the mean of all below which nothing is said."""

ARRAYS = ("sizes", "means", "center", "spread")


@final
@dataclass(frozen=True, kw_only=True)
class Profile:
    """Of the rows that taught.

    names:  of the measures; "island=Dream" is 1 or 0.
    sizes:  (K,) int64 rows of each cluster, the largest first.
    means:  (K, M) float64 of each cluster, missing values left out.
    center, spread: (M,) mean and standard deviation of all rows.
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    means: np.ndarray
    center: np.ndarray
    spread: np.ndarray

    @staticmethod
    def of(frame: pl.DataFrame, codes: np.ndarray, clusters: int, encoding: Encoding) -> Profile:
        """codes: (B,) the cluster of each row of the frame."""
        values, names = _measured(frame, encoding)
        center, spread = _moments(values)
        means = np.stack([_moments(values[codes == k])[0] for k in range(clusters)])
        means = np.where(np.isfinite(means), means, center)
        sizes = np.bincount(codes, minlength=clusters)
        return Profile(names=names, sizes=sizes, means=means, center=center, spread=spread)

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray], encoding: Encoding) -> Profile:
        """Rebuild from `arrays`; raises KeyError or ValueError where they do not fit the columns."""
        names = measures(encoding)
        found = {name: np.asarray(arrays[name]) for name in ARRAYS}
        width, clusters = len(names), len(found["sizes"])
        shapes = {"sizes": (clusters,), "means": (clusters, width), "center": (width,), "spread": (width,)}
        if any(found[name].shape != shape or not np.isfinite(found[name]).all() for name, shape in shapes.items()):
            raise ValueError("the clusters' profile does not fit the columns")
        return Profile(names=names, **found)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in ARRAYS}

    @property
    def apart(self) -> np.ndarray:
        """(K, M) how far each cluster's mean is from that of all rows, in standard deviations."""
        return (self.means - self.center) / self.spread

    def words(self) -> str:
        """ "cluster 1 (119 rows): flipper_length_mm 217 (all: 201), …; cluster 2 …"."""
        told = [f"cluster {k + 1} ({size:,} row{'' if size == 1 else 's'}): {self._of(k)}" for k, size in self._some()]
        more = len(self.sizes) - len(told)
        return "; ".join(told) + (f"; and {more} more" if more else "")

    def exhibit(self) -> dict[str, Any]:
        """JSON-able, for figures."""
        shown = {name: array.tolist() for name, array in self.arrays().items()}
        return {"names": list(self.names), **shown}

    def _some(self, most: int = 4) -> Sequence[tuple[int, int]]:
        return list(enumerate(self.sizes.tolist()))[:most]

    def _of(self, cluster: int) -> str:
        apart = np.abs(self.apart[cluster])
        order = np.argsort(-apart, kind="stable")[:_SAID]
        said = [self._measure(cluster, int(m)) for m in order if apart[m] >= _PLAIN]
        return ", ".join(said) if said else "near the mean in everything"

    def _measure(self, cluster: int, measure: int) -> str:
        name, here, all_rows = self.names[measure], self.means[cluster, measure], self.center[measure]
        if "=" in name:
            return f"{name} {here:.0%} (all: {all_rows:.0%})"
        return f"{name} {here:,.4g} (all: {all_rows:,.4g})"


def measures(encoding: Encoding) -> tuple[str, ...]:
    """The names of the M measures."""
    nothing = {column: pl.Series([None], dtype=pl.String) for column in encoding.columns}
    return _measured(pl.DataFrame(nothing), encoding)[1]


def _measured(frame: pl.DataFrame, encoding: Encoding) -> tuple[np.ndarray, tuple[str, ...]]:
    """(B, M) in the user's units, NaN where missing; columns as wide as a text's are left out."""
    blocks, names = [np.zeros((frame.height, 0))], []
    for encoder in encoding.encoders:
        block, own = encoder.matrix(frame.get_column(encoder.column))
        if not scipy.sparse.issparse(block):
            blocks.append(np.asarray(block, dtype=np.float64))
            names += own
    return np.concatenate(blocks, axis=1), tuple(names)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, M) → (M,) mean (NaN without any value) and (M,) standard deviation (1 where nothing varies)."""
    known = np.isfinite(values)
    rows = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / rows
        spread = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / rows)
    return mean, np.where(spread > 0, spread, 1.0)
