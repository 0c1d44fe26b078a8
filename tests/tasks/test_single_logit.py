"""Binary classification with one logit: the sigmoid path gives what the softmax path gives."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.tasks.classification import Classification

TARGET = pl.Series("y", ["no", "yes", "no", "no", "yes"])


@pytest.mark.parametrize("options", [{}, {"class_weights": "balanced"}, {"label_smoothing": 0.1}])
def test_one_logit_equals_two(options: dict[str, object]) -> None:
    one = Classification.fit(TARGET, {"loss": "binary_cross_entropy", **options})
    two = Classification.fit(TARGET, options)
    assert (one.outputs, two.outputs) == (1, 2)
    z = torch.randn(5, 1, dtype=torch.float64)
    target = torch.as_tensor(one.encode(TARGET))
    both = torch.cat([torch.zeros_like(z), z], dim=1)
    assert torch.allclose(one.loss(z, target), two.loss(both, target))
    assert one.predict(z.numpy()).equals(two.predict(both.numpy()))


def test_the_loss_is_binary_cross_entropy_with_logits() -> None:
    task = Classification.fit(TARGET, {"loss": "binary_cross_entropy"})
    z = torch.randn(5, 1)
    target = torch.as_tensor(task.encode(TARGET))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], target.float())
    assert torch.allclose(task.loss(z, target), expected)
    assert np.allclose(task.predict(z.numpy())["p(yes)"], torch.sigmoid(z[:, 0]).numpy())
