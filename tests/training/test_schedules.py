"""Schedules equal PyTorch's, where those define the same thing."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from deepwright.core.errors import NotFoundError
from deepwright.core.plan import Plan
from deepwright.training._scores import Plateau
from deepwright.training.schedules import At, find_schedule, names_of_schedules

STEPS = 100


def torchs(make: Callable[[Any], Any], lr: float = 1.0) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step < STEPS - 1:
                scheduler.step()
    return rates


def ours(name: str, last: int = STEPS, **options: Any) -> list[float]:
    factor, plan = find_schedule(name), Plan(steps=STEPS, schedule=name, **options)
    return [factor(plan, At(min(i / last, 1.0), i)) for i in range(STEPS)]


@pytest.mark.parametrize(
    ("rates", "reference"),
    [
        (ours("constant"), torchs(lambda o: lr_scheduler.LambdaLR(o, lambda _: 1.0))),
        (ours("step", every=7, gamma=0.5), torchs(lambda o: lr_scheduler.StepLR(o, 7, 0.5))),
        (ours("exponential", gamma=0.01), torchs(lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / STEPS)))),
        (ours("linear"), torchs(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, STEPS))),
        (ours("cosine"), torchs(lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS))),
        (
            ours("one_cycle", last=STEPS - 1),  # PyTorch reaches the end in the last step, not after it
            torchs(
                lambda o: lr_scheduler.OneCycleLR(
                    o, max_lr=1.0, total_steps=STEPS, pct_start=(0.3 * (STEPS - 1) + 1) / STEPS
                )
            ),
        ),
        (
            ours("linear", warmup=0.2)[:21],
            [i / 20 for i in range(20)] + [1.0],
        ),
    ],
    ids=["constant", "step", "exponential", "linear", "cosine", "one_cycle", "warmup"],
)
def test_first_hundred_rates(rates: list[float], reference: list[float]) -> None:
    length = min(len(rates), len(reference))
    assert length >= 20
    assert max(abs(a - b) for a, b in zip(rates[:length], reference[:length], strict=True)) < 1e-12


def test_every_schedule_is_in_bounds_and_named() -> None:
    for name in names_of_schedules():
        rates = ours(name, warmup=0.1)
        assert all(0.0 <= rate <= 1.0 + 1e-12 for rate in rates), name
        assert rates[0] == 0.0 and max(rates) > 0.9, name
    with pytest.raises(NotFoundError, match="cosine"):
        find_schedule("cosin")


def test_plateau_drops_like_torchs() -> None:
    scores = [0.1, 0.2, 0.2, 0.2, 0.2, 0.3, 0.2, math.nan, 0.1, 0.1, 0.1, 0.1, 0.5] + [0.5] * 12
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=2)  # drops at the third
    mine, factor, plan = Plateau(), find_schedule("plateau"), Plan(steps=1, schedule="plateau", gamma=0.5)
    for score in scores:
        theirs.step(score)
        mine.see(score, every=3)
        assert factor(plan, At(0.0, 0, mine.drops)) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert mine.drops >= 3
