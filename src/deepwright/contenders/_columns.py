"""Columns as decision trees like them: numbers as they are (NaN is missing), many-valued categories as codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl

from deepwright.core.encoding import Encoding

if TYPE_CHECKING:
    from deepwright.contenders._design import Matrix

_ONE_HOT = 12
"""Categories with more codes than this enter as one column of codes, which LightGBM splits into groups."""


@final
@dataclass(frozen=True, kw_only=True)
class TreeColumns:
    """names (D,), columns: the input column of each, coded: the numbers of those that hold codes of a category."""

    encoding: Encoding
    names: tuple[str, ...]
    columns: tuple[str, ...]
    coded: tuple[int, ...]

    @staticmethod
    def of(encoding: Encoding) -> TreeColumns:
        """Read off the encoders; nothing is learnt here."""
        names: list[str] = []
        columns: list[str] = []
        coded: list[int] = []
        for encoder in encoding.encoders:
            field = _code_field(encoding, encoder.column)
            if field is not None:
                coded.append(len(names))
                own = [field]
            else:
                own = encoder.matrix(pl.Series(encoder.column, [None], dtype=pl.String))[1]
            names += own
            columns += [encoder.column] * len(own)
        return TreeColumns(encoding=encoding, names=tuple(names), columns=tuple(columns), coded=tuple(coded))

    def rows(self, frame: pl.DataFrame) -> Matrix:
        """(B, D) float64; sparse where there is text."""
        import scipy.sparse

        blocks = []
        for encoder in self.encoding.encoders:
            column = frame.get_column(encoder.column)
            field = _code_field(self.encoding, encoder.column)
            if field is None:
                blocks.append(encoder.matrix(column)[0])
            else:
                blocks.append(encoder.encode(column)[field].astype(np.float64)[:, None])
        if any(scipy.sparse.issparse(block) for block in blocks):
            return scipy.sparse.hstack([scipy.sparse.csr_matrix(block) for block in blocks], format="csr")
        return np.concatenate([np.zeros((frame.height, 0)), *blocks], axis=1)


def _code_field(encoding: Encoding, column: str) -> str | None:
    """The name of the one category field that a column gives, where it has many codes; else None."""
    fields = next(encoder.fields for encoder in encoding.encoders if encoder.column == column)
    alone = len(fields) == 1 and fields[0].form == "category" and fields[0].size > _ONE_HOT
    return fields[0].name if alone else None
