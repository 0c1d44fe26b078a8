"""Initialisers draw what their formulas say; names are matched to activations and mistyped ones corrected."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from deepwright.blocks.activations import ACTIVATIONS, activation
from deepwright.blocks.initialisers import INITIALISERS, initialise, matched
from deepwright.blocks.norms import BatchNorm, norm
from deepwright.core.errors import NotFoundError

FAN_IN, FAN_OUT = 500, 2000  # a million draws

BOUNDS = {
    "uniform": 1 / math.sqrt(FAN_IN),
    "xavier_uniform": math.sqrt(6 / (FAN_IN + FAN_OUT)),
    "kaiming_uniform": math.sqrt(6 / FAN_IN),
}
DEVIATIONS = {
    "normal": 0.01,
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming_normal": math.sqrt(2 / FAN_IN),
}


def drawn(name: str, seed: int = 0) -> torch.Tensor:
    layer = nn.Linear(FAN_IN, FAN_OUT)
    initialise(layer, name, torch.Generator().manual_seed(seed))
    assert (layer.bias == 0).all()
    return layer.weight.detach().double()


@pytest.mark.parametrize("name", BOUNDS)
def test_uniform_bounds_and_deviation(name: str) -> None:
    weight, bound = drawn(name), BOUNDS[name]
    assert weight.abs().max().item() == pytest.approx(bound, rel=0.005)
    assert weight.abs().max().item() <= bound * (1 + 1e-6)
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.005)
    assert abs(weight.mean().item()) < bound * 0.005


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal_deviation(name: str) -> None:
    weight = drawn(name)
    assert weight.std().item() == pytest.approx(DEVIATIONS[name], rel=0.005)
    share = (weight.abs() < DEVIATIONS[name]).double().mean().item()
    assert share == pytest.approx(math.erf(1 / math.sqrt(2)), rel=0.005)  # a bell, not a box


def test_orthogonal_and_zero() -> None:
    weight = drawn("orthogonal")
    assert torch.allclose(weight.T @ weight, torch.eye(FAN_IN, dtype=torch.float64), atol=1e-4)
    assert (drawn("zero") == 0).all()


@pytest.mark.parametrize(("old", "new"), [("glorot_uniform", "xavier_uniform"), ("he_normal", "kaiming_normal")])
def test_synonyms(old: str, new: str) -> None:
    assert torch.equal(drawn(old), drawn(new))


def test_the_generator_decides() -> None:
    before = torch.get_rng_state()
    assert torch.equal(drawn("xavier_normal", 3), drawn("xavier_normal", 3))
    assert not torch.equal(drawn("xavier_normal", 3), drawn("xavier_normal", 4))
    torch.set_rng_state(before)


def test_kaiming_keeps_relu_signals_and_small_normal_does_not() -> None:
    for name, alive in (("kaiming_normal", True), ("normal", False)):
        x = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
        for i in range(20):
            layer = nn.Linear(256, 256)
            initialise(layer, name, torch.Generator().manual_seed(i))
            x = torch.relu(layer(x))
        assert (x.std().item() > 0.05) is alive


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_an_initialiser_and_keeps_the_shape(name: str) -> None:
    assert matched(name) in INITIALISERS
    x = torch.randn(4, 3)
    assert activation(name)(x).shape == x.shape


def test_activations_known_values() -> None:
    x = torch.tensor([-1.0, 0.0, 2.0])
    assert torch.allclose(activation("silu")(x), x * torch.sigmoid(x))
    assert torch.equal(activation("swish")(x), activation("silu")(x))
    assert activation("step")(x).tolist() == [0.0, 0.0, 1.0]
    assert activation("softmax")(torch.randn(5, 3)).sum(-1).tolist() == pytest.approx([1.0] * 5)
    neuron = activation("relu")(torch.tensor([0.5, 0.8]) @ torch.tensor([0.2, 0.4]) + 0.1)
    assert neuron.item() == pytest.approx(0.52)


@pytest.mark.parametrize(
    ("wrong", "right", "call"),
    [
        ("rellu", "relu", activation),
        ("xavier_unifrom", "xavier_uniform", lambda name: initialise(nn.Linear(2, 2), name)),
        ("batchnorm", "batch", lambda name: norm(name, 3)),
    ],
)
def test_mistyped_names_are_answered_with_the_nearest(wrong: str, right: str, call) -> None:
    with pytest.raises(NotFoundError, match=f"Did you mean '{right}'"):
        call(wrong)


def test_batch_norm_is_pytorchs_and_takes_a_single_row() -> None:
    ours, theirs = BatchNorm(5), nn.BatchNorm1d(5)
    for _ in range(3):
        x = torch.randn(32, 5) * 3 + 1
        assert torch.equal(ours(x), theirs(x))
    kept = ours.running_mean.clone()
    row = torch.randn(1, 5)
    assert torch.equal(ours(row), theirs.eval()(row))
    assert torch.equal(ours.running_mean, kept)
