"""Design: how a frame becomes the numbers of a classical model: missing values filled, columns put on one scale.

Axes: B rows, D dense columns, M columns that had missing values, S sparse (text) columns, R reduced text columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np
import polars as pl

from deepwright.core.encoding import Encoding
from deepwright.core.errors import RunError
from deepwright.core.files import read_tensors, write_tensors

if TYPE_CHECKING:
    import scipy.sparse

    Matrix: TypeAlias = np.ndarray | scipy.sparse.csr_matrix

_REDUCED = 64
"""Columns that text is reduced to for models that need dense rows."""


@final
@dataclass(frozen=True, kw_only=True)
class Design:
    """Fitted on the training rows; immutable.

    fill:   (D,) mean of each dense column, put where a value is missing.
    flags:  (M,) int64 dense columns with missing training values; each adds a 0/1 column "NAME.missing".
    center, scale: (D + M + R,) what is taken away and divided by; zeros and ones where nothing is scaled.
    basis:  (R, S) directions that text is reduced to (truncated SVD); (0, 0) where text stays sparse or there is none.
    names, columns: of what `rows` gives, and the input column that each came from.
    """

    encoding: Encoding
    fill: np.ndarray
    flags: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    basis: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]

    @staticmethod
    def fit(
        encoding: Encoding, frame: pl.DataFrame, *, scaled: bool = True, dense: bool = False, seed: int = 0
    ) -> Design:
        """scaled: dense columns get mean 0 and variance 1. dense: text is reduced, so that rows are always dense."""
        numbers, sparse, names, columns = _blocks(encoding, frame)
        missing = np.isnan(numbers)
        some = ~missing.all(axis=0)
        fill = np.zeros(numbers.shape[1])
        fill[some] = np.nanmean(numbers[:, some], axis=0)
        flags = np.flatnonzero(missing.any(axis=0))
        width = numbers.shape[1]
        flagged = [(f"{names[i]}.missing", columns[i]) for i in flags]
        text_names, text_columns = names[width:], columns[width:]
        basis = np.zeros((0, 0))
        if dense and sparse is not None:
            basis = _directions(sparse, seed)
            text_names, text_columns = _reduced(basis, columns[width:])
        design = Design(
            encoding=encoding,
            fill=fill,
            flags=flags,
            center=np.zeros(width + len(flags) + len(basis)),
            scale=np.ones(width + len(flags) + len(basis)),
            basis=basis,
            names=(*names[:width], *(name for name, _ in flagged), *text_names),
            columns=(*columns[:width], *(column for _, column in flagged), *text_columns),
        )
        if not scaled:
            return design
        filled = design._dense(numbers, sparse)
        scale = filled.std(axis=0)
        # A column that is constant but for rounding must not be blown up.
        scale[scale <= 1e-12 * np.abs(filled).max(axis=0, initial=0.0)] = 1.0
        return Design(**{**design.__dict__, "center": filled.mean(axis=0), "scale": scale})

    def rows(self, frame: pl.DataFrame) -> Matrix:
        """(B, D + M + S) sparse where there is text that was not reduced, else (B, D + M + R) float64."""
        numbers, sparse, _, _ = _blocks(self.encoding, frame)
        dense = (self._dense(numbers, sparse) - self.center) / self.scale
        if sparse is None or len(self.basis):
            return dense
        import scipy.sparse

        return scipy.sparse.hstack([scipy.sparse.csr_matrix(dense), sparse], format="csr")

    def save(self, folder: Path) -> None:
        """Write `design.safetensors`."""
        arrays = {name: getattr(self, name) for name in ("fill", "flags", "center", "scale", "basis")}
        write_tensors(folder / "design.safetensors", arrays)

    @staticmethod
    def load(folder: Path, encoding: Encoding) -> Design:
        """Rebuild what `save` wrote; raises RunError where it does not fit the encoding."""
        path = folder / "design.safetensors"
        arrays = read_tensors(path)
        numbers, sparse, names, columns = _blocks(encoding, _nothing(encoding))
        width, texts = numbers.shape[1], 0 if sparse is None else sparse.shape[1]
        fits = set(arrays) == {"fill", "flags", "center", "scale", "basis"} and arrays["fill"].shape == (width,)
        if not fits or not _consistent(arrays, width, texts):
            raise RunError("its shapes do not fit the columns of the run.", where=str(path))
        flags = arrays["flags"]
        text_names, text_columns = names[width:], columns[width:]
        if len(arrays["basis"]):
            text_names, text_columns = _reduced(arrays["basis"], text_columns)
        return Design(
            encoding=encoding,
            names=(*names[:width], *(f"{names[i]}.missing" for i in flags), *text_names),
            columns=(*columns[:width], *(columns[i] for i in flags), *text_columns),
            **arrays,
        )

    def _dense(self, numbers: np.ndarray, sparse: scipy.sparse.csr_matrix | None) -> np.ndarray:
        """(B, D + M + R) filled, flagged, text reduced; not scaled."""
        missing = np.isnan(numbers)
        parts = [np.where(missing, self.fill, numbers), missing[:, self.flags].astype(np.float64)]
        if sparse is not None and len(self.basis):
            parts.append(np.asarray(sparse @ self.basis.T))
        return np.concatenate(parts, axis=1)


def _blocks(
    encoding: Encoding, frame: pl.DataFrame
) -> tuple[np.ndarray, scipy.sparse.csr_matrix | None, list[str], list[str]]:
    """Dense (B, D) with NaN for missing, sparse (B, S) or None, and names and input columns of both in turn."""
    import scipy.sparse

    dense: list[tuple[np.ndarray, list[str], str]] = []
    sparse: list[tuple[scipy.sparse.csr_matrix, list[str], str]] = []
    for encoder in encoding.encoders:
        block, names = encoder.matrix(frame.get_column(encoder.column))
        if scipy.sparse.issparse(block):
            sparse.append((scipy.sparse.csr_matrix(block), names, encoder.column))
        else:
            dense.append((np.asarray(block, dtype=np.float64), names, encoder.column))
    numbers = np.concatenate([np.zeros((frame.height, 0)), *(block for block, _, _ in dense)], axis=1)
    numbers[~np.isfinite(numbers)] = np.nan
    texts = scipy.sparse.hstack([block for block, _, _ in sparse], format="csr") if sparse else None
    names = [name for _, own, _ in [*dense, *sparse] for name in own]
    columns = [column for _, own, column in [*dense, *sparse] for _ in own]
    return numbers, texts, names, columns


def _nothing(encoding: Encoding) -> pl.DataFrame:
    """A frame of one row of missing values, to learn names and widths from."""
    return pl.DataFrame({column: pl.Series([None], dtype=pl.String) for column in encoding.columns})


def _directions(sparse: scipy.sparse.csr_matrix, seed: int) -> np.ndarray:
    """(R, S) the leading right singular vectors (latent semantic analysis, Deerwester et al. 1990)."""
    from sklearn.decomposition import TruncatedSVD

    most = min(sparse.shape) - 1
    if most < 1:
        return np.ones((1, sparse.shape[1]))
    return TruncatedSVD(n_components=min(_REDUCED, most), random_state=seed).fit(sparse).components_


def _reduced(basis: np.ndarray, columns: list[str]) -> tuple[list[str], list[str]]:
    """Names of the R reduced columns, and the input column that weighs most in each."""
    owners = {column: np.array([own == column for own in columns]) for column in dict.fromkeys(columns)}
    weights = {column: (basis[:, own] ** 2).sum(axis=1) for column, own in owners.items()}
    chosen = [max(weights, key=lambda column: weights[column][i]) for i in range(len(basis))]
    return [f"{column}.topic{i + 1}" for i, column in enumerate(chosen)], chosen


def _consistent(arrays: dict[str, np.ndarray], width: int, texts: int) -> bool:
    flags, basis = arrays["flags"], arrays["basis"]
    total = (width + len(flags) + len(basis),) if flags.ndim == 1 and basis.ndim == 2 else None
    return (
        total is not None
        and flags.dtype == np.int64
        and bool(((flags >= 0) & (flags < width)).all())
        and arrays["center"].shape == arrays["scale"].shape == total
        and basis.shape in ((0, 0), (len(basis), texts))
        and all(np.isfinite(array).all() for array in arrays.values())
    )
