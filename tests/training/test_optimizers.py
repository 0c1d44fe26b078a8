"""Our optimizers take the same way as torch.optim's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.plan import Plan
from deepwright.training.optimizers import build, names_of_optimizers

PAIRS = {
    "sgd": ({"optimizer": "sgd", "lr": 0.05}, torch.optim.SGD, {"lr": 0.05}),
    "momentum": ({"optimizer": "sgd", "lr": 0.05, "momentum": 0.9}, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (
        {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
        torch.optim.SGD,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    "adagrad": ({"optimizer": "adagrad", "lr": 0.05}, torch.optim.Adagrad, {"lr": 0.05}),
    "rmsprop": ({"optimizer": "rmsprop", "lr": 0.01}, torch.optim.RMSprop, {"lr": 0.01}),
    "rmsprop momentum": (
        {"optimizer": "rmsprop", "lr": 0.01, "momentum": 0.5},
        torch.optim.RMSprop,
        {"lr": 0.01, "momentum": 0.5},
    ),
    "adam": ({"optimizer": "adam", "lr": 0.01}, torch.optim.Adam, {"lr": 0.01}),
    "adam betas": (
        {"optimizer": "adam", "lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-4},
        torch.optim.Adam,
        {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-4},
    ),
    "adamw": ({"optimizer": "adamw", "lr": 0.01}, torch.optim.AdamW, {"lr": 0.01}),
}


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 2))


def groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, object]]:
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", PAIRS)
def test_twenty_steps_like_torch_optim(name: str, decay: float) -> None:
    ours, reference, arguments = PAIRS[name]
    mine, theirs = net(), net()
    optimizer = build(ours["optimizer"], list(mine.parameters()), Plan(steps=1, weight_decay=decay, **ours))
    other = reference(groups(list(theirs.parameters()), decay), **arguments)
    draw = torch.Generator().manual_seed(1)
    for _ in range(20):
        x, y = torch.randn(8, 5, generator=draw), torch.randn(8, 2, generator=draw)
        (mine(x) - y).square().mean().backward()
        optimizer.step(ours["lr"], [p.grad for p in mine.parameters()])
        mine.zero_grad()
        other.zero_grad()
        (theirs(x) - y).square().mean().backward()
        other.step()
    apart = max(
        float((a - b).detach().abs().max()) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True)
    )
    assert apart <= 1e-6


@pytest.mark.parametrize("name", sorted(set(names_of_optimizers()) - {"sgd", "adagrad", "rmsprop", "adam", "adamw"}))
def test_any_other_is_torch_optims(name: str) -> None:
    import inspect

    made = {key.lower(): value for key, value in vars(torch.optim).items() if inspect.isclass(value)}[name]
    mine, theirs = net(), net()
    optimizer = build(name, list(mine.parameters()), Plan(steps=1, optimizer=name, lr=0.01))
    decays = "weight_decay" in inspect.signature(made).parameters
    other = made(groups(list(theirs.parameters()), 0.0) if decays else list(theirs.parameters()), lr=0.01)
    for seed in range(5):
        x = torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))
        mine(x).square().mean().backward()
        optimizer.step(0.01, [p.grad for p in mine.parameters()])
        mine.zero_grad()
        other.zero_grad()
        theirs(x).square().mean().backward()
        other.step()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("sgd", {"lr": 1e-3, "momentum": 0.9}, 4000),
        ("adam", {"lr": 2e-2}, 4000),
        ("adamw", {"lr": 2e-2}, 4000),
        ("rmsprop", {"lr": 1e-3}, 6000),
        ("adagrad", {"lr": 0.5}, 6000),
    ],
)
def test_rosenbrock_valley(name: str, options: dict[str, float], steps: int) -> None:
    point = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = build(name, [point], Plan(steps=1, optimizer=name, **options))
    for _ in range(steps):
        x, y = point.tolist()
        slope = [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]  # of (1 - x)² + 100 (y - x²)²
        optimizer.step(options["lr"], [torch.tensor(slope, dtype=torch.float64)])
    assert float((point.detach() - 1).abs().max()) < 0.05


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_parameter_without_gradient_stays_and_counts_its_own_steps(name: str) -> None:
    """As torch.optim: a network whose parts are used now and then."""
    a, b, c, d = (nn.Parameter(torch.ones(3)) for _ in range(4))
    optimizer = build(name, [a, b], Plan(steps=1, optimizer=name, lr=0.1))
    other = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name]([c, d], lr=0.1)
    for step in range(6):
        gradient = torch.full((3,), 1.0 + step)
        present = step % 3 != 1
        optimizer.step(0.1, [gradient, gradient.clone() if present else None])
        c.grad, d.grad = gradient.clone(), gradient.clone() if present else None
        other.step()
    assert torch.allclose(a, c, atol=1e-7)
    assert torch.allclose(b, d, atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam", "adamw"])
def test_the_kernel_can_be_told_on_the_device_to_skip_and_to_scale(name: str) -> None:
    """What an accelerator's steps rely on; the CPU kernels take the same arguments."""
    plan = Plan(steps=1, optimizer=name, lr=0.1, momentum=0.9 if name == "sgd" else 0.0)
    p, q = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4))
    one, two = build(name, [p], plan), build(name, [q], plan)
    good, bad = torch.zeros(()), torch.ones(())
    one.step(0.1, [torch.full((4, 4), 6.0)], torch.tensor(3.0), good)
    before, state = p.detach().clone(), one.state()
    one.step(0.1, [torch.full((4, 4), float("nan"))], torch.tensor(1.0), bad)
    assert torch.equal(p, before)
    assert str(one.state()) == str(state)
    two.step(0.1, [torch.full((4, 4), 2.0)])
    assert torch.allclose(p, q)
    one.step(0.1, [torch.full((4, 4), 2.0)])
    two.step(0.1, [torch.full((4, 4), 2.0)])
    assert torch.allclose(p, q)


def test_names_are_real_and_wrong_ones_are_told() -> None:
    known = names_of_optimizers()
    assert {"sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "radam", "adamax", "adadelta", "asgd"} <= set(known)
    parameters = [nn.Parameter(torch.ones(2, 2))]
    for name in known:
        build(name, parameters, Plan(steps=1, optimizer=name))
    with pytest.raises(NotFoundError, match="adamw"):
        build("adamv", parameters, Plan(steps=1))
    with pytest.raises(RecipeError, match="has no momentum"):
        build("adam", parameters, Plan(steps=1, momentum=0.9))
    with pytest.raises(RecipeError, match="has no betas"):
        build("adadelta", parameters, Plan(steps=1, betas=(0.9, 0.99)))
    with pytest.raises(RecipeError, match="momentum above 0"):
        build("sgd", parameters, Plan(steps=1, optimizer="sgd", nesterov=True))
