"""Compiled training takes the same way as plain training, and leaves the learner as it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from engine_cases import Batch, Duel, Plain, classes, duel_rows, flat, told, weights_of
from torch import nn

from deepwright.blocks.learner import Move
from deepwright.core.plan import Plan
from deepwright.streams.rows import Rows
from deepwright.training import Report, train
from deepwright.training._compiled import Compiled, Derived
from deepwright.training._part import Part

pytestmark = pytest.mark.slow

# SGD, not Adam: the bias before the batch norm has a gradient of rounding errors only, which Adam would enlarge
PLAN = Plan(epochs=4, optimizer="sgd", lr=0.1, momentum=0.5, clip=1.0)
COMPILED = PLAN.model_copy(update={"compile": True})


class Whole(Plain):
    """One move a batch, and nothing after it."""

    one_move = True


class Looking(Whole):
    """Looks at a number while it learns, which no graph can hold."""

    def losses(self, batch: Batch) -> Iterator[Move]:
        for move in super().losses(batch):
            yield Move(move.part, move.loss * (1.0 if move.loss.item() > 0 else 2.0))


class Boasting(Whole):
    """Says `one_move`, and makes two."""

    def losses(self, batch: Batch) -> Iterator[Move]:
        yield from super().losses(batch)
        yield from super().losses(batch)


def go(learner: nn.Module, plan: Plan, rows: int = 90) -> list[Report]:
    """Batches of 32, 32 and 26: two shapes."""
    return list(train(learner, Rows(classes(rows), batch=32), plan))


@pytest.mark.parametrize(
    "update",
    [{}, {"accumulate": 2}, {"precision": "bfloat16"}, {"l1": 1e-3}],
    ids=["plain", "accumulate", "lower", "l1"],
)
def test_a_whole_step_is_the_same_training(update: dict[str, object]) -> None:
    plain, compiled = Whole(dropout=0.0), Whole(dropout=0.0)
    first = go(plain, PLAN.model_copy(update=update))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        second = go(compiled, COMPILED.model_copy(update=update))
    near = 2e-2 if "precision" in update else 1e-5
    assert torch.allclose(flat(plain), flat(compiled), atol=near)
    assert [r.losses["net"] for r in second] == pytest.approx([r.losses["net"] for r in first], rel=near)
    assert list(weights_of(compiled)) == list(weights_of(plain))


def test_a_whole_step_is_one_graph_that_gives_gradients() -> None:
    learner, batch = Whole(dropout=0.0), classes(32)
    parts = {"net": Part(learner, "net", PLAN)}
    compiled = Compiled(learner, parts, wanted=True)
    compiled.enter()
    (move,) = compiled.losses(batch)
    compiled.leave()
    assert isinstance(move, Derived)
    assert not torch._dynamo.config.trace_autograd_ops
    (plain,) = learner.losses(batch)
    wanted = torch.autograd.grad(plain.loss, parts["net"].parameters)
    assert torch.allclose(move.loss, plain.loss)
    for ours, theirs in zip(move.gradients, wanted, strict=True):
        assert ours is not None
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_whole_step_goes_on_bit_for_bit() -> None:
    """With dropout, from every report of a training over two shapes of batch."""
    straight = Whole(dropout=0.3)
    states, said = [], []
    for report in train(straight, Rows(classes(90), batch=32), COMPILED):
        states.append(report.state())
        said.append(told(report))
    for at, state in enumerate(states[:-1]):
        resumed = Whole(dropout=0.3, seed=5)
        rest = [told(r) for r in train(resumed, Rows(classes(90), batch=32), COMPILED, state=state)]
        assert rest == said[at + 1 :]
        assert torch.equal(flat(resumed), flat(straight))


@pytest.mark.parametrize("made", [Plain, Looking, Boasting])
def test_what_is_no_single_graph_says_so_and_compiles_the_networks(made: Callable[..., nn.Module]) -> None:
    from torch._dynamo.utils import counters

    plain, compiled = made(dropout=0.0), made(dropout=0.0)
    go(plain, PLAN)
    names = list(weights_of(compiled))
    torch._dynamo.reset()  # what another test compiled would be used again
    counters.clear()
    frames = []
    data = classes(90)
    with pytest.warns(UserWarning, match="not compiled as a whole"):
        for _ in train(compiled, Rows(data, batch=32), COMPILED):
            before = dict(counters["frames"])
            compiled.eval()
            with torch.no_grad():
                compiled.net(data["number"])  # type: ignore[operator]
            frames.append(dict(counters["frames"]) == before)
    assert counters["stats"]["unique_graphs"] >= 1
    assert all(frames)  # the caller's turn is not compiled
    assert list(weights_of(compiled)) == names
    assert torch.allclose(flat(plain), flat(compiled), atol=1e-5)


def test_several_moves_are_the_same_training() -> None:
    plain, compiled = Duel(), Duel()
    for _ in train(plain, Rows(duel_rows(), batch=64), PLAN):
        pass
    with pytest.warns(UserWarning, match="one move a batch"):
        for _ in train(compiled, Rows(duel_rows(), batch=64), COMPILED):
            pass
    assert torch.allclose(flat(plain), flat(compiled), atol=1e-4)
