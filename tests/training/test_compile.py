"""Compiled training takes the same way as plain training, and leaves the learner as it was."""

from __future__ import annotations

import pytest
import torch
from engine_cases import Plain, classes, flat, weights_of

from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import train


@pytest.mark.slow
def test_compiled_is_the_same_training() -> None:
    from torch._dynamo.utils import counters

    # SGD, not Adam: the bias before the batch norm has a gradient of rounding errors only, which Adam would enlarge
    data, plan = classes(96), Plan(epochs=4, optimizer="sgd", lr=0.1)
    plain, compiled = Plain(dropout=0.0), Plain(dropout=0.0)
    for _ in train(plain, Rows(data, batch=32), plan):
        pass
    counters.clear()
    names = list(weights_of(compiled))
    frames = []
    for _ in train(compiled, Rows(data, batch=32), plan.model_copy(update={"compile": True})):
        before = dict(counters["frames"])
        compiled.eval()
        with torch.no_grad():
            compiled.net(data["number"])
        frames.append(dict(counters["frames"]) == before)
    assert counters["stats"]["unique_graphs"] >= 1
    assert all(frames)
    assert list(weights_of(compiled)) == names
    assert torch.allclose(flat(plain), flat(compiled), atol=1e-5)
