"""Rows: batches of the rows of a table, in an order that depends on (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import DataError, RunError
from deepwright.streams._mapped import Mapped

_BLOCK = 1 << 22
"""Bytes that are gathered together: enough to forget the cost of a call, little enough to stay in the caches."""


class _Held:
    """Columns in memory."""

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self.columns = dict(columns)
        self.rows = len(next(iter(self.columns.values())))

    def on(self, device: torch.device) -> _Held:
        """The same columns on the device, so that a batch is an index there."""
        return _Held({name: column.to(device) for name, column in self.columns.items()})

    def gather(self, index: Tensor) -> Batch:
        return {name: column.index_select(0, index) for name, column in self.columns.items()}

    @property
    def at_once(self) -> int:
        """Rows that are gathered together and then cut into batches: one large index costs less than many small."""
        row = sum(column[0].nbytes for column in self.columns.values())
        return max(1, _BLOCK // max(row, 1))

    def whole(self) -> Batch:
        return dict(self.columns)


class Rows(Stream):
    """Rows of columns that are encoded already; a batch is an index.

    columns: name → (N, …) tensor, all of the same N; or a `Mapped` that lies in files.
    batch:   rows in one batch; "full", or as many as there are, is every row at once, in their own order.
    shuffle: a new order each epoch, `randperm` seeded by (seed, epoch); else the order of the rows.

    A batch holds the columns and, for whoever wants random numbers that belong to a row, "row" (B,) int64, the
    row's number, and "epoch" (B,) int64. The last batch of an epoch is shorter where the rows do not divide.
    Raises DataError when there are no rows or the columns differ in length.
    """

    def __init__(
        self,
        columns: Mapping[str, Tensor] | Mapped,
        *,
        batch: int | Literal["full"] = 256,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        if not isinstance(columns, Mapped):
            _check(columns)
        self._store = columns if isinstance(columns, Mapped) else _Held(columns)
        self._batch = self._store.rows if batch == "full" else min(batch, self._store.rows)
        self._seed = seed
        self._shuffle = shuffle
        self._epoch = 0
        self._position = 0  # batches handed out in this epoch

    @property
    def batches_per_epoch(self) -> int:
        """Batches in one pass, the shorter last one included."""
        return -(-self._store.rows // self._batch)

    @property
    def epoch(self) -> int:
        """Of the batch that was handed out last; 0 before."""
        return self._epoch

    def order(self, epoch: int) -> Tensor:
        """(N,) int64: the rows' numbers in the order of that epoch."""
        if not self._shuffle:
            return torch.arange(self._store.rows)
        generator = torch.Generator().manual_seed(_epoch_seed(self._seed, epoch))
        return torch.randperm(self._store.rows, generator=generator)

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """Without an end; see `Stream.batches`."""
        store = self._store.on(device)
        while True:
            for batch in self._epoch_of(store, device):
                self._position += 1
                yield batch
            self._epoch, self._position = self._epoch + 1, 0

    def _epoch_of(self, store: _Held | Mapped, device: torch.device) -> Iterator[Batch]:
        """The batches of this epoch from the position on, gathered in blocks."""
        whole = self._batch == store.rows
        order = (torch.arange(store.rows) if whole else self.order(self._epoch)).to(device)  # (N,)
        block = max(1, store.at_once // self._batch) * self._batch
        for start in range(self._position * self._batch, store.rows, block):
            index = order[start : start + block]  # (K,) rows of up to K / B batches
            columns = store.whole() if whole else store.gather(index)
            columns["row"] = index
            columns["epoch"] = torch.tensor(self._epoch, device=device).expand(len(index))
            cut = {name: column.split(self._batch) for name, column in columns.items()}
            for pieces in zip(*cut.values(), strict=True):
                yield dict(zip(cut, pieces, strict=True))

    def state(self) -> dict[str, Any]:
        """Epoch and batches handed out in it, and what they were counted on."""
        return {"epoch": self._epoch, "position": self._position, "rows": self._store.rows, "batch": self._batch}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue after the last batch handed out; raises RunError when rows or batch size differ."""
        here = {"rows": self._store.rows, "batch": self._batch}
        if any(state[name] != value for name, value in here.items()):
            raise RunError(
                f"the checkpoint was made on {state['rows']} rows in batches of {state['batch']}, "
                f"here are {here['rows']} rows in batches of {here['batch']}.",
                remedy="Resume with the data and plan the training was started with.",
            )
        self._epoch, self._position = state["epoch"], state["position"]


def _epoch_seed(seed: int, epoch: int) -> int:
    """One seed for a pair; the multiplier is odd, so pairs within 2^32 epochs do not meet."""
    return (seed * 0x9E3779B97F4A7C15 + epoch) & 0x7FFFFFFFFFFFFFFF


def _check(columns: Mapping[str, Tensor]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if not lengths or 0 in lengths.values():
        raise DataError("there are no rows to learn from.", remedy="Give at least one row.")
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in their number of rows: {lengths}.")
