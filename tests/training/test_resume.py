"""Stopping anywhere and going on is the same as not stopping, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Duel, Plain, classes, duel_rows, score_of, told, weights_of
from torch import nn

from deepwright.core.errors import RunError
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import Report, train
from deepwright.training.checkpoint import load, save

PLANS = {
    "adamw one_cycle ema": Plan(epochs=4, lr=0.01, schedule="one_cycle", ema=0.9, clip=0.5, report_every=1),
    "sgd cosine warmup": Plan(
        epochs=4, optimizer="sgd", momentum=0.9, lr=0.1, schedule="cosine", warmup=0.2, report_every=1
    ),
    "rmsprop step": Plan(epochs=4, optimizer="rmsprop", schedule="step", every=1, gamma=0.5, report_every=1),
    "adagrad accumulate": Plan(epochs=4, optimizer="adagrad", lr=0.1, accumulate=2, report_every=1, max_norm=1.0),
    "nadam plateau": Plan(epochs=4, optimizer="nadam", schedule="plateau", every=2, gamma=0.3, report_every=1),
    "patience": Plan(epochs=40, patience=1, lr=0.2, ema=0.5, report_every=2, weight_decay=0.1),
}


def go(
    learner: nn.Module, data: Any, plan: Plan, *, stop: int | None = None, state: Any = None, scored: bool = True
) -> tuple[list[dict[str, Any]], Any]:
    """What each report told, and the state at the report that was stopped at."""
    said: list[dict[str, Any]] = []
    kept = None
    stream = Rows(data, batch=20, seed=plan.seed)
    for number, report in enumerate(train(learner, stream, plan, state=state), start=1):
        if scored:
            report.score = score_of(learner, data)
        said.append(told(report) | {"order": stream.order(int(report.epoch) + 1).tolist()})
        if number == stop:
            kept = report.state()
            break
    return said, kept


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in ("nadam plateau", "rmsprop step") else ()) for n in PLANS]
)
def test_stopped_at_every_report_equals_straight_on(name: str, tmp_path: Path) -> None:
    """Weights, best weights, optimizer, average, schedule, generators, patience, order: compared after every report."""
    data, plan = classes(90), PLANS[name]
    straight = Plain(dropout=0.3)
    said, _ = go(straight, data, plan)
    assert len(said) >= 5
    for stop in range(1, len(said), 1 + len(said) // 7):
        first, second = Plain(dropout=0.3), Plain(dropout=0.3, seed=99)
        before, state = go(first, data, plan, stop=stop)
        save(tmp_path / f"{stop}", "last", state)
        checkpoint = load(tmp_path / f"{stop}", "last")
        assert checkpoint is not None and not checkpoint.damaged
        torch.manual_seed(1234 + stop)  # what the new process happens to draw must not matter
        after, _ = go(second, data, plan, state=checkpoint.state)
        assert before + after == said
        for key, value in straight.state_dict().items():
            assert torch.equal(second.state_dict()[key], value), key


def test_the_state_at_the_end_is_the_same_tree(tmp_path: Path) -> None:
    """Not only what comes out: everything that is saved is equal too, clock apart."""
    data, plan = classes(90), PLANS["adamw one_cycle ema"]

    def last(learner: nn.Module, state: Any = None) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for report in train(learner, Rows(data, batch=20), plan, state=state):
            report.score = score_of(learner, data)
            if report.step in (7, 20):
                kept[str(report.step)] = report.state()
        return kept

    straight = last(Plain())
    resumed = last(Plain(seed=5), straight["7"])
    assert_same_tree(straight["20"], resumed["20"], "")


def assert_same_tree(a: Any, b: Any, path: str) -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            if key != "seconds":
                assert_same_tree(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), path
    else:
        assert a == b, path


def test_two_parts_resume(tmp_path: Path) -> None:
    plan = Plan(steps=40, report_every=6, lr=0.01, ema=0.95)
    data = duel_rows(70)
    straight, first, second = Duel(), Duel(), Duel(seed=8)
    said, _ = go(straight, data, plan, scored=False)
    before, state = go(first, data, plan, stop=3, scored=False)
    after, _ = go(second, data, plan, state=state, scored=False)
    assert before + after == said
    assert all(
        torch.equal(a, b) for a, b in zip(weights_of(straight).values(), weights_of(second).values(), strict=True)
    )


def test_augmented_rows_are_the_same_after_a_resume() -> None:
    """Noise and mixture belong to (seed, epoch, row)."""

    class Seeing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.Linear(4, 3)
            self.seen: list[torch.Tensor] = []

        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            self.seen.append(torch.cat([batch["row"][:, None].float(), batch["number"]], 1))
            return self.layer(batch["number"])

    def learner() -> Supervised:
        return Supervised(Seeing(), nn.functional.cross_entropy, mixup=0.4, noise=0.2, seed=3)

    data, plan = classes(50), Plan(steps=12, report_every=1)
    straight = learner()
    go(straight, data, plan, scored=False)
    for stop in range(1, 12):
        first, second = learner(), learner()
        _, state = go(first, data, plan, stop=stop, scored=False)
        go(second, data, plan, state=state, scored=False)
        joined = first.net.seen + second.net.seen
        assert all(torch.equal(a, b) for a, b in zip(joined, straight.net.seen, strict=True))
    assert not torch.equal(straight.net.seen[0].sort(0).values, straight.net.seen[3].sort(0).values)


def test_a_state_of_something_else_is_refused() -> None:
    plan = Plan(epochs=2)
    _, state = go(Plain(), classes(90), plan, stop=1)
    with pytest.raises(RunError, match="weights do not fit"):
        go(Plain(width=5), classes(90), plan, state=state)
    with pytest.raises(RunError, match="90 rows"):
        go(Plain(), classes(91), plan, state=state)


def test_an_ended_training_stays_ended_and_gives_its_best() -> None:
    data = classes(90)
    learner, other = Plain(), Plain(seed=4)
    plan = Plan(epochs=40, patience=2, lr=0.3)
    state = None
    best: tuple[float, dict[str, torch.Tensor]] = (-1e9, {})
    report: Report
    for report in train(learner, Rows(data, batch=20), plan):
        report.score = score_of(learner, data)
        best = max(best, (report.score, weights_of(learner)), key=lambda pair: pair[0])
        state = report.state()
    assert report.ended == "patience"
    assert list(train(other, Rows(data, batch=20), plan, state=state)) == []
    assert all(torch.equal(best[1][key], value) for key, value in other.state_dict().items())


def test_a_longer_plan_goes_on_from_an_ended_one() -> None:
    data = classes(90)
    straight, first = Plain(), Plain()
    go(straight, data, Plan(epochs=6), scored=False)
    _, state = go(first, data, Plan(epochs=3), stop=3, scored=False)
    said, _ = go(first, data, Plan(epochs=6), state=state, scored=False)
    assert len(said) == 3
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), first.parameters(), strict=True))
