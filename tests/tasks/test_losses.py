"""Losses equal PyTorch's, the hand numbers of the textbook, and their own formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from deepwright.blocks import losses
from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.hierarchy import distances, level_codes
from deepwright.tasks._options import check_loss, loss_names

CLASSES = ("animal/dog", "animal/cat", "car/vw", "car/fiat", "car/bmw")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


REGRESSION = [
    ("mse", losses.mse, functional.mse_loss),
    ("mae", losses.mae, functional.l1_loss),
    ("rmse", losses.rmse, lambda o, t: functional.mse_loss(o, t).sqrt()),
    ("huber", losses.huber, functional.huber_loss),
]


@pytest.mark.parametrize(("name", "own", "reference"), REGRESSION)
def test_regression_equals_torch(name: str, own, reference) -> None:  # type: ignore[no-untyped-def]
    output, target = 3 * torch.randn(64, 1, dtype=torch.float64), torch.randn(64, dtype=torch.float64)
    assert torch.allclose(own(output, target), reference(output[:, 0], target), rtol=1e-6)
    members = torch.randn(64, 5, 1, dtype=torch.float64)
    apart = torch.stack([reference(members[:, m, 0], target) for m in range(5)]).mean()
    assert torch.allclose(own(members, target), apart, rtol=1e-6)


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_huber_by_its_formula(delta: float) -> None:
    error = torch.linspace(-6, 6, 101)
    expected = torch.where(error.abs() <= delta, error**2 / 2, delta * (error.abs() - delta / 2)).mean()
    assert torch.allclose(losses.huber(error[:, None], torch.zeros(101), delta), expected)


def test_rmse_has_a_gradient_where_the_fit_is_perfect() -> None:
    output = torch.ones(4, 1, requires_grad=True)
    losses.rmse(output, torch.ones(4)).backward()
    assert output.grad is not None and torch.equal(output.grad, torch.zeros(4, 1))


def test_a_wrong_shape_is_refused_and_never_broadcast() -> None:
    with pytest.raises(RecipeError, match="expected targets of shape"):
        losses.mse(torch.zeros(4, 3), torch.zeros(4))
    with pytest.raises(RecipeError):
        losses.mse(torch.zeros(4, 1), torch.zeros(5))
    # (4, 1) against (4,) is the same four numbers, not sixteen pairs.
    assert losses.mse(torch.arange(4.0)[:, None], torch.arange(4.0)) == 0


def test_binary_cross_entropy_equals_torch_and_its_formula() -> None:
    logits, target = 4 * torch.randn(50, 3, dtype=torch.float64), torch.randint(0, 2, (50, 3)).double()
    expected = functional.binary_cross_entropy_with_logits(logits, target)
    assert torch.allclose(losses.binary_cross_entropy(logits, target), expected, rtol=1e-6)
    p = torch.sigmoid(logits)
    assert torch.allclose(expected, -(target * p.log() + (1 - target) * (1 - p).log()).mean())
    weights = torch.tensor([1.0, 5.0, 0.2], dtype=torch.float64)
    weighed = losses.binary_cross_entropy(logits, target, weights)
    assert torch.allclose(
        weighed, functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weights), rtol=1e-6
    )


def test_tags_are_independent_sigmoids() -> None:
    logits, target = torch.randn(20, 4), torch.randint(0, 2, (20, 4)).float()
    apart = torch.stack([losses.binary_cross_entropy(logits[:, k : k + 1], target[:, k : k + 1]) for k in range(4)])
    assert torch.allclose(losses.binary_cross_entropy(logits, target), apart.mean())


@pytest.mark.parametrize(
    ("target", "probability", "cost"),
    [
        (1.0, 1.0, 0.0),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 100.0),
        (0.0, 1.0, 100.0),
        (1.0, 0.5, math.log(2)),
        (0.0, 0.9, 2.302585),
    ],
)
def test_the_four_corners_of_binary_cross_entropy(target: float, probability: float, cost: float) -> None:
    found = losses.cross_entropy_of_probability(torch.tensor([probability]), torch.tensor([target]))
    assert found.item() == pytest.approx(cost, rel=1e-6)


def test_certain_mistakes_on_logits_cost_much_and_stay_finite() -> None:
    logit = torch.tensor([[-1000.0]], requires_grad=True)
    cost = losses.binary_cross_entropy(logit, torch.tensor([[1.0]]))
    cost.backward()
    assert cost.item() == pytest.approx(1000.0)
    assert logit.grad is not None and logit.grad.item() == pytest.approx(-1.0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_equals_torch_and_soft_equals_sparse(smoothing: float, weighted: bool) -> None:
    logits, target = torch.randn(40, 5, dtype=torch.float64), torch.randint(0, 5, (40,))
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0, 0.1], dtype=torch.float64) if weighted else None
    expected = functional.cross_entropy(logits, target, weights, label_smoothing=smoothing)
    one_hot = functional.one_hot(target, 5).double()
    assert torch.allclose(losses.cross_entropy(logits, target, weights, smoothing), expected, rtol=1e-6)
    assert torch.allclose(losses.cross_entropy(logits, one_hot, weights, smoothing), expected, rtol=1e-6)
    members = torch.randn(40, 3, 5, dtype=torch.float64)
    apart = torch.stack([losses.cross_entropy(members[:, m], target, weights, smoothing) for m in range(3)]).mean()
    assert torch.allclose(losses.cross_entropy(members, target, weights, smoothing), apart, rtol=1e-6)
    assert torch.allclose(losses.cross_entropy(members, one_hot, weights, smoothing), apart, rtol=1e-6)


def test_unknown_classes_are_left_out() -> None:
    logits, target = torch.randn(10, 3), torch.tensor([0, 1, 2, -1, 0, -1, 1, 2, 0, 1])
    known = target >= 0
    for loss in (losses.cross_entropy, losses.hierarchical(("a/x", "a/y", "b/z"))):
        assert torch.allclose(loss(logits, target), loss(logits[known], target[known]))


def test_two_outputs_are_one_sigmoid_of_their_difference() -> None:
    logits, target = torch.randn(30, 2, dtype=torch.float64), torch.randint(0, 2, (30,))
    one = functional.binary_cross_entropy_with_logits(logits[:, 1] - logits[:, 0], target.double())
    assert torch.allclose(losses.cross_entropy(logits, target), one, rtol=1e-9)


# -------------------------------------------------------------------- hierarchical
def by_formula(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    codes, p = level_codes(CLASSES), torch.softmax(logits, dim=1)
    terms = []
    for row, truth in enumerate(target.tolist()):
        for level in range(codes.shape[1]):
            under = torch.as_tensor(codes[:, level] == codes[truth, level])
            terms.append(-p[row][under].sum().log())
    return torch.stack(terms).mean()


def test_hierarchical_equals_its_formula() -> None:
    logits, target = torch.randn(12, 5, dtype=torch.float64), torch.randint(0, 5, (12,))
    own = losses.hierarchical(CLASSES)
    assert torch.allclose(own(logits, target), by_formula(logits, target), rtol=1e-9)
    soft = functional.one_hot(target, 5).double()
    assert torch.allclose(own(logits, soft), own(logits, target))
    members = torch.randn(12, 3, 5, dtype=torch.float64)
    assert torch.allclose(own(members, target), torch.stack([own(members[:, m], target) for m in range(3)]).mean())


def test_distant_mistakes_cost_more() -> None:
    own = losses.hierarchical(CLASSES)
    calls_a_cat, calls_a_car = 6 * torch.eye(5)[[1]], 6 * torch.eye(5)[[2]]
    dog = torch.tensor([0])
    assert own(calls_a_car, dog) > own(calls_a_cat, dog) + 1
    assert torch.allclose(losses.cross_entropy(calls_a_car, dog), losses.cross_entropy(calls_a_cat, dog))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_without_a_tree_it_is_cross_entropy(smoothing: float) -> None:
    logits, target = torch.randn(30, 4, dtype=torch.float64), torch.randint(0, 4, (30,))
    own = losses.hierarchical(("a", "b", "c", "d"))
    assert torch.allclose(
        own(logits, target, label_smoothing=smoothing),
        losses.cross_entropy(logits, target, label_smoothing=smoothing),
        rtol=1e-9,
    )
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    assert torch.allclose(own(logits, target, weights), losses.cross_entropy(logits, target, weights), rtol=1e-9)


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.hierarchical(CLASSES)], ids=["flat", "tree"])
def test_gradients_equal_finite_differences(loss) -> None:  # type: ignore[no-untyped-def]
    logits = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: loss(z, torch.tensor([0, 1, 3, -1])), (logits,))


# -------------------------------------------------------------------- by name
def test_losses_of_the_users_own() -> None:
    own = losses.custom("torch.nn.functional:l1_loss")
    output, target = torch.randn(9, 1), torch.randn(9)
    assert torch.allclose(own(output, target), losses.mae(output, target))
    members = torch.randn(9, 4, 1)
    assert torch.allclose(own(members, target), losses.mae(members, target))
    classes = losses.custom("torch.nn.functional:cross_entropy")
    logits, codes = torch.randn(9, 3), torch.randint(0, 3, (9,))
    assert torch.allclose(classes(logits, codes), losses.cross_entropy(logits, codes))


@pytest.mark.parametrize("path", ["no.such.module:loss", "torch:no_such_function", "torch.nn.functional:", ":loss"])
def test_a_loss_that_cannot_be_imported(path: str) -> None:
    with pytest.raises(NotFoundError, match="cannot be imported"):
        losses.custom(path)


def test_a_loss_that_gives_no_number() -> None:
    with pytest.raises(RecipeError, match=r"shape \(9,\)"):
        losses.custom("torch:subtract")(torch.randn(9, 1), torch.randn(9))
    with pytest.raises(RecipeError, match="not a function"):
        losses.custom("math:pi")


@pytest.mark.parametrize("task", ["regression", "classification", "tagging"])
def test_every_name_fits_somewhere_and_is_refused_elsewhere_with_a_reason(task: str) -> None:
    fitting = loss_names(task)
    for name in losses.LOSSES:
        if name in fitting:
            check_loss(name, task)
            continue
        with pytest.raises(RecipeError, match=f"'{name}' does not fit {task}: .+") as caught:
            check_loss(name, task)
        assert fitting[0] in (caught.value.remedy or "")
    check_loss("my.module:loss", task)
    with pytest.raises(NotFoundError, match="Did you mean"):
        check_loss(fitting[0][:-1], task)


def test_every_loss_has_a_task() -> None:
    tasks = ("regression", "classification", "tagging")
    assert {name for task in tasks for name in loss_names(task)} == set(losses.LOSSES)


def test_every_loss_has_its_formula_in_its_docstring() -> None:
    for name, function in losses.LOSSES.items():
        assert function.__doc__ and len(function.__doc__) > 40, name


# -------------------------------------------------------------------- what the tree buys
@pytest.mark.slow
def test_the_tree_brings_mistakes_closer() -> None:
    """A model too small for all classes gives up the leaves with the hierarchical loss, and the groups with a flat one.

    Two of four inputs tell the leaf, two (more faintly) the group; only two units stand between inputs and outputs.
    """
    classes = tuple(f"{group}/{leaf}" for group in "abcd" for leaf in "xyz")
    leaf = 2.0 * np.array([[0, 1], [-0.87, -0.5], [0.87, -0.5]])
    group = 1.5 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    centres = torch.tensor([[*leaf[k % 3], *group[k // 3]] for k in range(12)], dtype=torch.float32)
    gains = []
    for seed in range(6):
        torch.manual_seed(seed)
        truth = torch.randint(0, 12, (1200,))
        x = centres[truth] + torch.randn(1200, 4)
        flat, tree = (
            _mean_distance(loss, classes, x, truth) for loss in (losses.cross_entropy, losses.hierarchical(classes))
        )
        gains.append(flat - tree)
    # 12 seeds gave 0.21 levels nearer (of 1.2), standard error 0.02, from 0.08 to 0.37.
    assert min(gains) > 0
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def _mean_distance(loss, classes: tuple[str, ...], x: torch.Tensor, truth: torch.Tensor) -> float:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 12))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(model(x[:600]), truth[:600]).backward()
        optimizer.step()
    called = model(x[600:]).argmax(dim=1)
    return float(distances(classes)[truth[600:].numpy(), called.numpy()].mean())
