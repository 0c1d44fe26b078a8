"""Factors on the learning rate: parts of a network move by theirs, with every optimizer, and through a checkpoint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from engine_cases import Plain, classes
from pydantic import ValidationError
from torch import nn

from deepwright.core.errors import RecipeError
from deepwright.core.plan import PartPlan, Plan
from deepwright.streams.rows import Rows
from deepwright.training import train
from deepwright.training.optimizers import build, names_of_optimizers

RATES = {"0": 0.1, "4.bias": 0.5}
"""The first layer, and one tensor of the last."""


def moved(**plan: Any) -> dict[str, torch.Tensor]:
    """How far each parameter of a small network goes in one step of SGD."""
    learner = Plain(dropout=0.0)
    before = {name: p.detach().clone() for name, p in learner.net.named_parameters()}
    list(train(learner, Rows(classes(), batch=32), Plan(steps=1, optimizer="sgd", lr=0.1, **plan)))
    return {name: p.detach() - before[name] for name, p in learner.net.named_parameters()}


def test_parameters_move_by_their_factor() -> None:
    usual, slowed = moved(), moved(rates=RATES)
    for name, step in usual.items():
        factor = {"0.weight": 0.1, "0.bias": 0.1, "4.bias": 0.5}.get(name, 1.0)
        assert torch.allclose(slowed[name], factor * step, atol=1e-7)
    assert float(usual["0.weight"].abs().max()) > 0


def test_the_longest_prefix_counts_and_whole_words_only() -> None:
    from deepwright.training._rates import factors

    names = ["stages.1.a", "stages.10.a", "stages.2.a", "stages.2.b", "first"]
    rates = {"stages": 0.5, "stages.1": 0.1, "stages.2.b": 0.2}
    assert factors(names, rates, names) == [0.1, 0.5, 0.5, 0.2, 1.0]


def test_a_part_may_have_its_own() -> None:
    slowed = moved(parts={"net": PartPlan(rates={"0": 0.1})})
    assert torch.allclose(slowed["0.weight"], 0.1 * moved()["0.weight"], atol=1e-7)


@pytest.mark.parametrize("name", sorted(names_of_optimizers()))
def test_every_optimizer_takes_them(name: str) -> None:
    """One parameter at a factor goes where it goes alone at that rate."""

    def three() -> list[nn.Parameter]:
        draw = torch.Generator().manual_seed(0)
        return [nn.Parameter(torch.randn(3, 3, generator=draw)), nn.Parameter(torch.randn(3, generator=draw))]

    plan = Plan(steps=1, optimizer=name, lr=0.01)
    together, at_full, at_tenth = three(), three(), three()
    both = build(name, together, plan, [1.0, 0.1])
    alone = [(build(name, at_full[:1], plan), 0.01), (build(name, at_tenth[1:], plan), 0.001)]
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        gradients = [torch.randn(3, 3, generator=draw), torch.randn(3, generator=draw)]
        both.step(0.01, [g.clone() for g in gradients])
        for (one, lr), gradient in zip(alone, gradients, strict=True):
            one.step(lr, [gradient.clone()])
    assert torch.allclose(together[0], at_full[0], atol=1e-7)
    assert torch.allclose(together[1], at_tenth[1], atol=1e-7)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "nadam"])
def test_resumed_training_is_the_same_bit_for_bit(optimizer: str) -> None:
    plan = Plan(steps=12, optimizer=optimizer, lr=0.01, rates=RATES, report_every=4, schedule="cosine")
    straight, state = Plain(), None
    for report in train(straight, Rows(classes(), batch=16), plan):
        state = report.state() if report.step == 4 else state
    again = Plain(seed=5)
    list(train(again, Rows(classes(), batch=16), plan, state=state))
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), again.parameters(), strict=True))


def test_an_unknown_prefix_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"training\.rates: no parameter's name begins with '4\.bia'.*'4\.bias'"):
        moved(rates={"4.bia": 0.1})


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_factors_are_above_zero(factor: float) -> None:
    with pytest.raises(ValidationError):
        Plan(steps=1, rates={"0": factor})


def test_what_does_not_move_keeps_its_norm() -> None:
    """The largest norm of a unit's weights is enforced where a step was taken, and nowhere else."""
    learner = Plain(dropout=0.0)
    learner.net.append(nn.Linear(2, 2))  # used by nobody
    learner.net[-1].forward = lambda x: x  # type: ignore[method-assign, union-attr]
    before = learner.net[-1].weight.detach().clone()  # type: ignore[union-attr, operator]
    list(train(learner, Rows(classes(), batch=32), Plan(steps=2, lr=0.1, max_norm=1e-3)))
    assert torch.equal(learner.net[-1].weight, before)  # type: ignore[union-attr, arg-type]
    assert float(learner.net[0].weight.norm(dim=1).max()) < 1.1e-3  # type: ignore[union-attr, operator]
