"""Networks for pictures resume bit for bit with everything on, and their state lies as it always did."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from deepwright.blocks.augmentation import Augmented
from deepwright.contenders._augmenting import augmentations
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train

ROWS = {
    "image:p": torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    "target": torch.arange(40) % 2,
}
PLAN = Plan(epochs=3, batch=16, optimizer="sgd", momentum=0.9, lr=0.05, report_every=1, seed=1, ema=0.9)


def learner(name: str, config: dict[str, Any]) -> Supervised:
    torch.manual_seed(0)
    cls = find("network", name)
    net = cls(cls.Config(**config), Signature((Field(form="image", name="p", shape=(3, 16, 16)),)), 2)
    net.prepare(ROWS)
    steps = augmentations(["flip", {"crop": {"padding": 2}}, "light"])
    return Supervised(net, nn.functional.cross_entropy, augment=Augmented(steps, ["p"], 1), cutmix=1.0, seed=1)


@pytest.mark.parametrize(
    ("name", "config"),
    [("resnet20", {"depth": 8, "width": 4}), ("airbench", {"widths": (8, 12, 12)}), ("lenet5", {})],
)
def test_channels_last_and_augmented_they_resume_bit_for_bit(name: str, config: dict[str, Any]) -> None:
    whole, first, second = (learner(name, config) for _ in range(3))
    for _ in train(whole, Rows(ROWS, batch=16, seed=1), PLAN):
        pass
    state = None
    for report in train(first, Rows(ROWS, batch=16, seed=1), PLAN):
        if report.step == 4:
            state = report.state()
            break
    for _ in train(second, Rows(ROWS, batch=16, seed=1), PLAN, state=state):
        pass
    ours, theirs = whole.state_dict(), second.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert all(tensor.is_contiguous() for tensor in ours.values())
