"""A loss or gradient that is not finite never reaches a weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from engine_cases import Batch, Duel, Listed, Plain, classes, duel_rows, flat, run, told, weights_of
from torch import nn
from torch.nn import functional

from deepwright.blocks.learner import Move
from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import train
from deepwright.training._guard import Trusting
from deepwright.training.engine import _Engine

STEPS = 12


class Poisoned(nn.Module):
    """The loss of chosen batches is spoiled in one of several ways; nothing else depends on when."""

    def __init__(self, when: set[int], how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        self.when, self.how, self.batch = when, how, 0

    def losses(self, batch: Batch) -> Iterator[Move]:
        loss = functional.cross_entropy(self.net(batch["number"]), batch["target"])
        if self.batch in self.when:
            if self.how == "loss nan":
                loss = loss * math.nan
            if self.how == "loss inf":
                loss = loss + math.inf
            if self.how == "gradient":  # finite loss, gradient of the square root at 0 is infinite
                loss = loss + (self.net[2].bias * 0).abs().sum().sqrt()
        self.batch += 1
        yield Move("net", loss)


def steps_of(learner: nn.Module, stream: Any, plan: Plan, guard: bool = False) -> list[tuple[Any, torch.Tensor]]:
    """(report, weights) after each step; `guard` takes the way of accelerators."""
    engine = _Engine(learner, stream, plan)
    if guard:
        engine.guard = Trusting(torch.device("cpu"))
    return [(report, flat(learner).clone()) for report in engine.reports()]


@pytest.mark.parametrize("trusting", [False, True], ids=["cpu", "accelerator's way"])
@pytest.mark.parametrize("how", ["loss nan", pytest.param("loss inf", marks=pytest.mark.slow), "gradient"])
def test_at_every_step_index(how: str, trusting: bool) -> None:
    """The spoiled step moves nothing, schedule and optimizer included: the rest is as if its batch had not been."""
    data = classes(32)
    batches = [{name: column[i % 4 * 8 :][:8] for name, column in data.items()} for i in range(STEPS)]
    plan = Plan(steps=STEPS - 1, lr=0.05, schedule="cosine", report_every=1, clip=1.0, weight_decay=0.1)
    for spoiled in range(STEPS):
        learner = Poisoned({spoiled}, how)
        with_it = steps_of(learner, Listed(batches), plan, trusting)
        without = steps_of(Poisoned(set(), how), Listed(batches[:spoiled] + batches[spoiled + 1 :]), plan, trusting)
        assert [report.skipped for report, _ in with_it] == [int(i == spoiled) for i in range(len(with_it))]
        assert bool(torch.isfinite(flat(learner)).all())
        good = [pair for pair in with_it if not pair[0].skipped]
        assert [report.step for report, _ in good] == [report.step for report, _ in without]
        for (mine, mine_weights), (theirs, theirs_weights) in zip(good, without, strict=True):
            assert mine.lr == pytest.approx(theirs.lr, rel=1e-12)
            assert torch.equal(mine_weights, theirs_weights)


def test_the_trouble_names_part_parameters_and_rows() -> None:
    learner = Poisoned({2}, "gradient")
    reports = [report for report, _ in steps_of(learner, Rows(classes(32), batch=8), Plan(steps=4, report_every=1))]
    trouble = reports[2].trouble
    assert trouble is not None
    assert (trouble.part, trouble.step, trouble.parameters, trouble.rows) == ("net", 2, ("2.bias",), ())
    assert math.isfinite(trouble.loss)
    assert "2.bias" in str(trouble)
    data = classes(40)
    data["number"][17, 2] = math.nan
    data["number"][31, 0] = math.inf
    reports = run(Plain(), data, Plan(epochs=1), batch=40)
    assert reports[0].trouble is not None
    assert reports[0].trouble.rows == (17, 31)
    assert "rows 17, 31" in str(reports[0].trouble)
    assert math.isnan(reports[0].losses["net"])


def test_training_ends_after_too_many_in_a_row_and_weights_are_whole() -> None:
    learner = Poisoned(set(range(5, 100)), "loss nan")
    before_after = steps_of(learner, Rows(classes(32), batch=8), Plan(epochs=20, halt_after=7, report_every=1))
    reports = [report for report, _ in before_after]
    assert reports[-1].ended == "not finite"
    assert len(reports) == 5 + 7
    assert torch.equal(before_after[-1][1], before_after[4][1])


def test_now_and_then_does_not_end_it() -> None:
    learner = Poisoned(set(range(0, 100, 2)), "loss nan")
    reports = run(learner, classes(32), Plan(epochs=10, halt_after=2), batch=8)
    assert reports[-1].ended == "epochs"
    assert sum(report.skipped for report in reports) == 20


def test_only_the_part_in_trouble_stays() -> None:
    class Half(Duel):
        def losses(self, batch: Batch) -> Iterator[Move]:
            for move in super().losses(batch):
                yield Move(move.part, move.loss * math.nan) if move.part == "critic" else move

    duel = Half()
    before = {name: weights_of(getattr(duel, name)) for name in ("critic", "generator")}
    report = run(duel, duel_rows(64), Plan(epochs=3, weight_decay=0.1))[-1]
    after = {name: weights_of(getattr(duel, name)) for name in ("critic", "generator")}
    assert all(torch.equal(before["critic"][key], after["critic"][key]) for key in after["critic"])
    assert not all(torch.equal(before["generator"][key], after["generator"][key]) for key in after["generator"])
    assert report.skipped == 4
    assert math.isnan(report.losses["critic"]) and math.isfinite(report.losses["generator"])


def test_counts_resume_with_trouble_around() -> None:
    plan = Plan(steps=STEPS, report_every=1, halt_after=4)
    straight = Poisoned({3, 4, 7}, "loss nan")
    said = [told(report) for report in train(straight, Rows(classes(32), batch=8), plan)]
    for stop in range(1, len(said)):
        learner = Poisoned({3, 4, 7}, "loss nan")
        state: Any = None
        for number, report in enumerate(train(learner, Rows(classes(32), batch=8), plan), start=1):
            if number == stop:
                state = report.state()
                break
        other = Poisoned({3, 4, 7}, "loss nan")
        other.batch = stop
        rest = [told(report) for report in train(other, Rows(classes(32), batch=8), plan, state=state)]
        assert rest == said[stop:]
        assert torch.equal(flat(straight), flat(other))


def test_the_accelerators_way_reports_as_the_cpus() -> None:
    plan = Plan(epochs=4, lr=0.05, clip=0.4, optimizer="adamw")
    pairs = [steps_of(Poisoned({1, 6}, "loss nan"), Rows(classes(32), batch=8), plan, way) for way in (False, True)]
    for (one, weights), (two, others) in zip(*pairs, strict=True):
        assert torch.allclose(weights, others, atol=1e-6)
        assert one.losses == pytest.approx(two.losses, rel=1e-5)
        assert one.gradient_norm == pytest.approx(two.gradient_norm, rel=1e-5)
        assert (one.step, one.skipped) == (two.step, two.skipped)
