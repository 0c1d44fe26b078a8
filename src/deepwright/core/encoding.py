"""Encoding: the fitted encoders of all input columns; a frame in, named arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deepwright.core.errors import DataError, RunError, nearest
from deepwright.core.fields import Signature

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import scipy.sparse

    from deepwright.core.kind import Encoder

_BLOCK = 65_536
"""Rows encoded at a time: a column of them fits into a core's cache, and calls cost little beside the work."""
_SIDE_BY_SIDE = ("number", "category")
"""Forms whose fields stand as columns of one array."""


@dataclass(frozen=True)
class Encoding:
    """Input columns, each with its encoder; fitted on the training rows only."""

    encoders: tuple[Encoder, ...]

    @cached_property
    def signature(self) -> Signature:
        """What `tensors` gives."""
        return Signature(tuple(field for encoder in self.encoders for field in encoder.fields))

    @property
    def columns(self) -> list[str]:
        """The input columns, in order."""
        return [encoder.column for encoder in self.encoders]

    def check(self, frame: pl.DataFrame, where: str) -> list[str]:
        """Names of extra columns (ignored); raises DataError naming the missing ones and the nearest that came."""
        missing = [column for column in self.columns if column not in frame.columns]
        if missing:
            guesses = {column: nearest(column, frame.columns) for column in missing}
            hints = [f"'{guess}' looks like '{column}'" for column, guess in guesses.items() if guess]
            raise DataError(
                f"expected the columns the model was trained on; missing: {', '.join(missing)}.",
                where=where,
                remedy=f"Add or rename them{' (' + '; '.join(hints) + ')' if hints else ''}.",
            )
        return [column for column in frame.columns if column not in self.columns]

    def tensors(self, frame: pl.DataFrame) -> dict[str, np.ndarray]:
        """For networks: "number" (B, N) float32, "category" (B, C) int64, "tokens:NAME" (B, T) int64.

        Written block by block into arrays of their final size, on as many threads as polars has: each block of each
        column is read, encoded and laid beside its neighbours while it is in the cache.
        """
        columns = [frame.get_column(encoder.column) for encoder in self.encoders]
        batch = self._allocate(columns, frame.height)
        starts = range(0, frame.height, _BLOCK)
        if len(starts) < 2:
            self._fill(batch, columns, 0)
            return batch
        from concurrent.futures import ThreadPoolExecutor

        import polars as pl

        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            for done in [pool.submit(self._fill, batch, columns, start) for start in starts]:
                done.result()
        return batch

    def _allocate(self, columns: list[pl.Series], rows: int) -> dict[str, np.ndarray]:
        """Empty arrays for `rows` rows; the width of texts is read off one row."""
        import numpy as np

        batch: dict[str, np.ndarray] = {}
        if self.signature.numbers:
            batch["number"] = np.empty((rows, self.signature.numbers), dtype=np.float32)
        if self.signature.categories:
            batch["category"] = np.empty((rows, len(self.signature.categories)), dtype=np.int64)
        for encoder, column in zip(self.encoders, columns, strict=True):
            for field in encoder.fields:
                if field.form == "image":
                    batch[f"image:{field.name}"] = np.empty((rows, *field.shape), dtype=np.uint8)
                elif field.form not in _SIDE_BY_SIDE:
                    one = encoder.encode(column.head(1))[field.name]
                    batch[f"{field.form}:{field.name}"] = np.empty((rows, *one.shape[1:]), dtype=one.dtype)
        return batch

    def _fill(self, batch: dict[str, np.ndarray], columns: list[pl.Series], start: int) -> None:
        """Encode the block of rows that begins at `start` into its place."""
        import numpy as np

        rows = slice(start, start + _BLOCK)
        beside: dict[str, list[np.ndarray]] = {form: [] for form in _SIDE_BY_SIDE}
        for encoder, column in zip(self.encoders, columns, strict=True):
            values = encoder.encode(column.slice(start, _BLOCK))
            for field in encoder.fields:
                if field.form in beside:
                    beside[field.form].append(values[field.name])
                else:
                    batch[f"{field.form}:{field.name}"][rows] = values[field.name]
        for form, arrays in beside.items():
            if arrays:
                batch[form][rows] = np.stack(arrays).T

    def matrix(self, frame: pl.DataFrame) -> tuple[np.ndarray | scipy.sparse.csr_matrix, list[str]]:
        """For classical models: (B, D) float64, sparse where a text column makes it wide, and D names."""
        import numpy as np
        import scipy.sparse

        parts = [encoder.matrix(frame.get_column(encoder.column)) for encoder in self.encoders]
        names = [name for _, part_names in parts for name in part_names]
        blocks = [block for block, _ in parts]
        if any(scipy.sparse.issparse(block) for block in blocks):
            return scipy.sparse.hstack([scipy.sparse.csr_matrix(block) for block in blocks], format="csr"), names
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((frame.height, 0)), names

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Column → how many rows hold a value that training never showed; columns without any are left out."""
        counts = {e.column: int(e.unseen(frame.get_column(e.column)).sum()) for e in self.encoders}
        return {column: count for column, count in counts.items() if count}

    def state(self) -> list[dict[str, Any]]:
        """JSON-able: one object a column; larger arrays come from `arrays`."""
        return [{"column": e.column, "kind": e.kind, "state": e.state()} for e in self.encoders]

    def arrays(self) -> dict[str, np.ndarray]:
        """ "COLUMN_NUMBER/NAME" → array, for safetensors."""
        return {f"{i}/{name}": array for i, e in enumerate(self.encoders) for name, array in e.arrays().items()}

    @staticmethod
    def load(state: Sequence[dict[str, Any]], arrays: dict[str, np.ndarray]) -> Encoding:
        """Rebuild from `state()` and `arrays()`; kinds are looked up among the built-in ones only.

        Raises RunError where anything in them is not as it was written.
        """
        from deepwright.core.find import find

        encoders = []
        for i, entry in enumerate(state):
            kind, column, own_state = _sound(entry)
            own = {key.partition("/")[2]: array for key, array in arrays.items() if key.partition("/")[0] == str(i)}
            encoder = find("kind", kind)().load(own_state, own)
            if encoder.column != column:
                raise RunError(f"the encoder of column '{column}' says that it is of '{encoder.column}'.", where=_WHERE)
            encoders.append(encoder)
        return Encoding(tuple(encoders))


_WHERE = "schema.json, encoding"


def _sound(entry: object) -> tuple[str, str, dict[str, Any]]:
    """Kind, column and state of one stored encoder; RunError unless they are what was written."""
    from deepwright.core.find import names

    if not isinstance(entry, dict):
        raise RunError("expected one object for each column.", where=_WHERE, remedy="Restore the run folder.")
    kind, column, state = entry.get("kind"), entry.get("column"), entry.get("state")
    if not (isinstance(kind, str) and isinstance(column, str) and isinstance(state, dict)):
        raise RunError(
            "expected column, kind and state of each encoder.", where=_WHERE, remedy="Restore the run folder."
        )
    if kind not in names("kind"):
        raise RunError(
            f"column '{column}' is of a kind '{kind}' that this version does not have.",
            where=_WHERE,
            remedy="A kind of your own is not imported from a run folder; fit again.",
        )
    return kind, column, state
