"""Tools around the engine: the rate's range test, the batch's doubling, the check of gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from engine_cases import Batch, Duel, Plain, classes, duel_rows, flat, run, score_of, weights_of
from torch import Tensor, nn

from deepwright.blocks.learner import Move
from deepwright.core.errors import TrainingError
from deepwright.core.plan import Plan
from deepwright.improve.batch_finder import find_batch
from deepwright.improve.gradient_check import check_gradients
from deepwright.improve.lr_finder import find_lr
from deepwright.streams.rows import Rows


def test_the_range_test_suggests_a_rate_that_learns_and_touches_nothing() -> None:
    data, learner = classes(300), Plain()
    learner.eval()
    before, state = weights_of(learner), torch.get_rng_state()
    found = find_lr(learner, lambda: Rows(data, batch=32), Plan(epochs=3, optimizer="sgd"), highest=1e5)
    assert all(torch.equal(before[key], value) for key, value in learner.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not learner.training
    assert list(found.rates) == sorted(found.rates)
    assert found.rates[0] == pytest.approx(1e-6)
    assert len(found.losses) == len(found.rates)
    assert 1e-3 < found.suggestion < (found.diverges or 1e5)
    run(learner, data, Plan(epochs=10, optimizer="sgd", lr=found.suggestion))
    assert score_of(learner, data) > -0.8


def test_a_quadratic_diverges_where_theory_says() -> None:
    """Gradient descent on c x²/2 diverges at rates above 2/c; the test finds it within an order of magnitude."""

    class Bowl(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.point = nn.Parameter(torch.ones(3))

        def losses(self, batch: Batch) -> Iterator[Move]:
            yield Move("point", 50.0 * self.point.square().sum())

    plan = Plan(steps=1, optimizer="sgd")
    found = find_lr(Bowl(), lambda: Rows(classes(8), batch=8), plan, lowest=1e-5, highest=10, steps=120)
    assert found.diverges is not None and 0.02 <= found.diverges < 0.2
    assert found.suggestion < 0.02


def test_a_loss_that_is_not_finite_is_told() -> None:
    data = classes(64)
    data["number"][:, 0] = float("nan")
    with pytest.raises(TrainingError, match="not finite from the start"):
        find_lr(Plain(), lambda: Rows(data, batch=64), Plan(epochs=1))


def test_the_largest_batch_that_fits() -> None:
    class Small(Plain):
        """A device that holds 100 rows."""

        def losses(self, batch: Batch) -> Iterator[Move]:
            if len(batch["number"]) > 100:
                raise torch.OutOfMemoryError("out of memory")
            return super().losses(batch)

    learner, data = Small(), classes(4096)
    before = weights_of(learner)
    found = find_batch(learner, lambda size: Rows(data, batch=size), Plan(epochs=1), smallest=16, seconds=0.02)
    assert found.sizes == (16, 32, 64)
    assert (found.largest, found.fits_all) == (64, False)
    assert found.suggestion in found.sizes
    assert all(speed > 0 for speed in found.rows_per_second)
    assert all(torch.equal(before[key], value) for key, value in learner.state_dict().items())
    with pytest.raises(TrainingError, match="does not fit"):
        find_batch(learner, lambda size: Rows(data, batch=size), Plan(epochs=1), smallest=128, seconds=0.01)


class Doubled(torch.autograd.Function):
    """A square whose gradient is right, or forgets the factor 2 for one column."""

    wrong = False

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope = 2 * x * gradients[0]
        if Doubled.wrong:
            slope[:, 1] /= 2
        return slope


class Squares(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.BatchNorm1d(5), nn.Linear(5, 3))

    def losses(self, batch: Batch) -> Iterator[Move]:
        yield Move("net", Doubled.apply(self.net(batch["number"])).mean())


def test_right_gradients_pass_and_an_injected_bug_is_found_and_named() -> None:
    learner, batch = Squares(), classes(12)
    before = flat(learner).clone()
    right = check_gradients(learner, batch, entries=100)
    assert right.passed and right.error < 1e-6
    assert right.checked == sum(p.numel() for p in learner.parameters())
    Doubled.wrong = True
    try:
        wrong = check_gradients(learner, batch, entries=100)
    finally:
        Doubled.wrong = False
    assert not wrong.passed and wrong.error > 0.1
    assert wrong.parameter.startswith("net.")
    assert torch.equal(flat(learner), before)


def test_every_part_of_a_learner_is_checked() -> None:
    duel, batch = Duel(), duel_rows(8)
    found = check_gradients(duel, batch, entries=3)
    assert found.passed and found.error < 1e-6
    critic, generator = (sum(min(3, p.numel()) for p in part.parameters()) for part in (duel.critic, duel.generator))
    assert found.checked == 2 * critic + generator


def test_a_forgotten_detach_is_told() -> None:
    class Cut(Squares):
        def losses(self, batch: Batch) -> Iterator[Move]:
            part = self.net[:-1](batch["number"]).detach()
            yield Move("net", self.net[-1](part).square().mean())

    found = check_gradients(Cut(), classes(12))
    assert not found.passed
    assert found.analytic == 0.0 and abs(found.numeric) > 1e-4
