"""Rows: which, in which order, whatever happened before."""

from __future__ import annotations

import functools
import operator
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepwright.blocks.counter import keys, mix, normal, uniform
from deepwright.core.errors import DataError, InternalError, RunError
from deepwright.streams._mapped import Mapped, write_mapped
from deepwright.streams.rows import Rows

CPU = torch.device("cpu")
NOBODY = nn.Identity()


def columns(rows: int = 23) -> dict[str, torch.Tensor]:
    return {"number": torch.arange(rows * 2.0).reshape(rows, 2), "target": torch.arange(rows)}


def taken(stream: Rows, count: int) -> list[list[int]]:
    batches = stream.batches(NOBODY, CPU)
    return [next(batches)["row"].tolist() for _ in range(count)]


def test_every_row_once_an_epoch_and_another_order_each() -> None:
    stream = Rows(columns(), batch=5, seed=1)
    assert stream.batches_per_epoch == 5
    epochs = [taken(stream, 5) for _ in range(4)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [5, 5, 5, 5, 3]
        assert sorted(functools.reduce(operator.iadd, epoch, [])) == list(range(23))
    assert len({str(epoch) for epoch in epochs}) == 4
    assert taken(Rows(columns(), batch=5, seed=2), 5) != epochs[0]
    assert taken(Rows(columns(), batch=5, seed=1, shuffle=False), 5)[0] == [0, 1, 2, 3, 4]


def test_a_batch_is_the_rows_it_says() -> None:
    data = columns()
    batches = Rows(data, batch=6, seed=3).batches(NOBODY, CPU)
    for number in range(8):
        batch = next(batches)
        assert torch.equal(batch["number"], data["number"][batch["row"]])
        assert torch.equal(batch["target"], batch["row"])
        assert batch["epoch"].tolist() == [number // 4] * len(batch["row"])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    """Every stop point, and the two epochs after it; whatever the global generator does."""
    straight = taken(Rows(columns(), batch=4, seed=9), 24)
    for stop in range(24):
        first = Rows(columns(), batch=4, seed=9)
        torch.manual_seed(stop)
        before = taken(first, stop)
        second = Rows(columns(), batch=4, seed=9)
        second.restore(first.state())
        assert before + taken(second, 24 - stop) == straight
    long = Rows(columns(), batch=4, seed=9)
    wide = Rows(columns(), batch=23 // 2, seed=9)
    assert functools.reduce(operator.iadd, taken(long, 6), []) == functools.reduce(operator.iadd, taken(wide, 3), [])


def test_a_full_batch_is_all_rows_in_their_own_order() -> None:
    stream = Rows(columns(), batch="full", seed=1)
    assert stream.batches_per_epoch == 1
    assert taken(stream, 2) == [list(range(23))] * 2
    assert Rows(columns(), batch=1000).batches_per_epoch == 1


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(DataError, match="no rows"):
        Rows({})
    with pytest.raises(DataError, match="no rows"):
        Rows({"number": torch.zeros(0, 3)})
    with pytest.raises(DataError, match="differ"):
        Rows({"number": torch.zeros(4, 3), "target": torch.zeros(5)})
    with pytest.raises(RunError, match="batches of 4"):
        Rows(columns(), batch=5).restore(Rows(columns(), batch=4).state())


def test_mapped_columns_give_the_same_batches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = {
        "number": rng.normal(size=(1000, 3)).astype(np.float32),
        "tokens:a/b": rng.integers(0, 9, (1000, 5)),
        "target": np.arange(1000),
    }
    chunks = ({name: values[i : i + 64] for name, values in whole.items()} for i in range(0, 1000, 64))
    write_mapped(tmp_path, chunks, rows=1000)
    held = Rows({name: torch.from_numpy(values) for name, values in whole.items()}, batch=130, seed=4)
    for memory in (1 << 12, 1 << 22):
        held.restore({"epoch": 0, "position": 0, "rows": 1000, "batch": 130})
        mapped = Rows(Mapped(tmp_path, memory=memory), batch=130, seed=4)
        for a, b, _ in zip(held.batches(NOBODY, CPU), mapped.batches(NOBODY, CPU), range(20), strict=False):
            assert a.keys() == b.keys()
            assert all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)
    every = next(Rows(Mapped(tmp_path), batch="full").batches(NOBODY, CPU))
    assert torch.equal(every["target"], torch.arange(1000))
    with pytest.raises(InternalError, match="expected 7 rows"):
        write_mapped(tmp_path, [{"a": np.zeros(5)}], rows=7)
    with pytest.raises(DataError, match="no columns"):
        Mapped(tmp_path / "nowhere")


def test_batches_of_mapped_columns_are_memory_of_their_own(tmp_path: Path) -> None:
    write_mapped(tmp_path, [{"number": np.ones((10, 2), np.float32)}], rows=10)
    stream = Rows(Mapped(tmp_path), batch=5)
    next(stream.batches(NOBODY, CPU))["number"].zero_()
    assert all(batch["number"].min() == 1 for batch, _ in zip(stream.batches(NOBODY, CPU), range(3), strict=False))


def test_the_counters_numbers_look_random_and_belong_to_their_row() -> None:
    rows = torch.arange(20_000)
    drawn = keys(5, torch.zeros_like(rows), rows)
    assert len(drawn.unique()) == len(rows)
    u, n = uniform(drawn, 3), normal(drawn, 3)
    assert u.min() > 0 and u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01) and u.var() == pytest.approx(1 / 12, abs=0.003)
    assert n.mean() == pytest.approx(0.0, abs=0.02) and n.std() == pytest.approx(1.0, abs=0.02)
    corners = torch.corrcoef(torch.cat([u, uniform(drawn, 3, draw=1), n], 1).T) - torch.eye(9)
    assert corners.abs().max() < 0.05
    for other in (keys(6, torch.zeros_like(rows), rows), keys(5, torch.ones_like(rows), rows)):
        assert not (other == drawn).any()
        assert abs(float(torch.corrcoef(torch.stack([uniform(other, 1)[:, 0], u[:, 0]]))[0, 1])) < 0.03
    some = torch.tensor([7, 19_999, 3])
    assert torch.equal(uniform(keys(5, torch.zeros_like(some), some), 3), u[some])


def test_mixing_flips_half_of_the_bits() -> None:
    values = torch.arange(500)
    flips = Counter[int]()
    for bit in (0, 5, 31, 62):
        apart = mix(values) ^ mix(values ^ (1 << bit))
        flips[bit] = sum(bin(value & 0xFFFFFFFFFFFFFFFF).count("1") for value in apart.tolist())
    assert all(30 < count / 500 < 34 for count in flips.values())
