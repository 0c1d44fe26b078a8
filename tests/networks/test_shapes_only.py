"""Networks built for their shapes alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from deepwright.blocks.initialisers import INITIALISERS
from deepwright.blocks.shapes import shapes_only


def _made() -> nn.Module:
    return nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.LSTM(4, 2))


def test_shapes_and_types_are_those_of_the_module() -> None:
    with shapes_only():
        empty = _made().state_dict()
    full = _made().state_dict()
    assert {name: (t.shape, t.dtype) for name, t in empty.items()} == {n: (t.shape, t.dtype) for n, t in full.items()}
    assert all(tensor.is_meta for tensor in empty.values())


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_initialisers_leave_shapes_alone(name: str) -> None:
    with shapes_only():
        weight = torch.empty(4, 3)
        INITIALISERS[name](weight, None)
    assert weight.is_meta and weight.shape == (4, 3)


@pytest.mark.slow
def test_outside_everything_is_as_before() -> None:
    with shapes_only():
        _made()
    torch.manual_seed(0)
    assert nn.Linear(3, 3).weight.std() > 0 and torch.empty(4).normal_().std() > 0


def test_no_part_of_pytorch_is_loaded_for_it() -> None:
    """Drawing normal numbers without memory would import symbolic mathematics."""
    code = (
        "import sys; from torch import nn; from deepwright.blocks.shapes import shapes_only\n"
        "with shapes_only(): nn.Embedding(3, 3)\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
