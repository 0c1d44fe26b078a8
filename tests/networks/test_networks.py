"""Networks against references built from PyTorch's own layers, gradients against finite differences, and known toys."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from deepwright.core.errors import NotFoundError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, names
from deepwright.networks.linear import Linear
from deepwright.networks.mlp import MLP
from deepwright.networks.perceptron import Perceptron
from deepwright.networks.residual_mlp import ResidualMLP
from deepwright.networks.tabm import TabM


def numbers(columns: int) -> Signature:
    return Signature(tuple(Field(form="number", name=f"x{i}") for i in range(columns)))


def test_mlp_equals_sequential_with_its_weights() -> None:
    net = MLP(MLP.Config(widths=(7, 5), activation="tanh", dropout=0.0), numbers(4), 3)
    reference = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3))
    ours = list(net.parameters())
    theirs = list(reference.parameters())
    assert [p.shape for p in ours] == [p.shape for p in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        mine.data.copy_(other.data)
    x = torch.randn(11, 4)
    a, b = net({"number": x}), reference(x)
    assert (a - b).abs().max() < 1e-6
    a.square().sum().backward()
    b.square().sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine.grad, other.grad, rtol=1e-4, atol=1e-6)
    ours[0].data[0, 0] += 1e-2
    assert (net({"number": x}) - b).abs().max() > 1e-4  # the comparison can fail


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("bias", [True, False])
def test_mlp_takes_any_shape(norm: str, bias: bool) -> None:
    for widths in ((), (1,), (3, 9, 2, 4)):
        net = MLP(MLP.Config(widths=widths, norm=norm, bias=bias, initialiser="orthogonal"), numbers(2), 1)
        assert net({"number": torch.randn(6, 2)}).shape == (6, 1)
        assert any(name.startswith("output.bias") for name, _ in net.named_parameters()) is bias


def test_mistyped_settings_name_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'sigmoid'"):
        MLP(MLP.Config(activation="sigmoyd"), numbers(2), 1)


def test_residual_blocks_without_weights_pass_everything_on() -> None:
    net = ResidualMLP(ResidualMLP.Config(width=6, norm="none"), numbers(3), 2).eval()
    for block in net.blocks:
        block.narrow.weight.data.zero_()
        block.narrow.bias.data.zero_()
    x = torch.randn(5, 3)
    expected = net.output(torch.relu(net.first(x)))
    assert torch.allclose(net({"number": x}), expected, atol=1e-6)


def test_tabm_with_one_member_is_an_mlp() -> None:
    config = TabM.Config(members=1, width=8, blocks=2, dropout=0.0, inputs={"numbers": "none"})
    net = TabM(config, numbers(4), 3)
    reference = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    for layer, place in zip(net.layers, (0, 2), strict=True):
        layer.weight.data.copy_(reference[place].weight.data)
        layer.bias.data.copy_(reference[place].bias.data[None])
    net.output.weight.data.copy_(reference[4].weight.data.T[None])
    net.output.bias.data.copy_(reference[4].bias.data[None])
    x = torch.randn(9, 4)
    assert (net({"number": x})[:, 0] - reference(x)).abs().max() < 1e-6
    net.layers[0].in_scale.data[0, 0] = 0.5
    assert (net({"number": x})[:, 0] - reference(x)).abs().max() > 1e-3


def test_tabm_members_start_apart_and_are_independent() -> None:
    net = TabM(TabM.Config(members=4, width=8, dropout=0.0), numbers(3), 2)
    batch = {"number": torch.randn(10, 3)}
    before = net(batch).detach()
    assert all(not torch.allclose(before[:, 0], before[:, m]) for m in range(1, 4))
    net.layers[1].out_scale.data[2] += 1.0
    moved = (net(batch) != before).any(dim=(0)).any(dim=1)
    assert moved.tolist() == [False, False, True, False]
    net(batch)[:, 1].sum().backward()
    for layer in net.layers:
        for own in (layer.in_scale, layer.out_scale, layer.bias):
            assert (own.grad.abs().sum(1) > 0).tolist() == [False, True, False, False]


def test_tabm_draws_one_scale_a_column_and_member() -> None:
    signature = Signature((*numbers(2).fields, Field(form="category", name="c", size=5)))
    net = TabM(TabM.Config(members=3, inputs={"numbers": "none"}), signature, 1)
    scale = net.layers[0].in_scale
    assert scale.shape == (3, 2 + 4)
    assert set(scale.flatten().tolist()) <= {-1.0, 1.0}
    assert (scale[:, 2:] == scale[:, 2:3]).all()
    embedded = TabM(TabM.Config(members=3, inputs={"numbers": "piecewise_linear", "number_width": 7}), signature, 1)
    first = embedded.layers[0].in_scale
    assert (first[:, :7] == first[:, :1]).all() and len(first.unique()) == 9


@pytest.mark.parametrize("name", [n for n in names("network") if "image" not in find("network", n).takes])
def test_gradients_match_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    cls = find("network", name)
    small = {
        "mlp": {"widths": [4], "activation": "tanh", "norm": "layer"},
        "residual_mlp": {"width": 3, "blocks": 1, "activation": "gelu"},
        "tabm": {"width": 3, "members": 2, "activation": "tanh", "inputs": {"numbers": "periodic", "number_width": 2}},
        "perceptron": {"slope": 2.0},
        "gpt": {"layers": 2, "heads": 2, "width": 4, "context": 3, "bias": True},
    }
    signature, batch = numbers(3), {"number": torch.randn(4, 3, dtype=torch.float64)}
    if cls.takes == {"tokens"}:
        signature = Signature((Field(form="tokens", name="text", size=5),))
        batch = {"tokens:text": torch.randint(5, (2, 3))}
    net = cls(cls.Config(**small.get(name, {})), signature, 2).double().eval()
    for parameter in net.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    weights = dict(net.named_parameters())

    def outputs(*values: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(weights, values, strict=True)), (batch,))

    assert torch.autograd.gradcheck(outputs, tuple(weights.values()), atol=1e-6)


def test_perceptron_follows_rosenblatts_rule() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator)
    truth = (x @ torch.tensor([1.0, -2.0]) > 0.2).float()
    net = Perceptron(Perceptron.Config(slope=1e4), numbers(2), 1)
    layer = net.output
    w, b, mistakes = torch.zeros(2), 0.0, []
    for epoch in range(40):
        wrong = 0
        for row, t in zip(x, truth, strict=True):
            net.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net({"number": row[None]})[0, 0], t).backward()
            if epoch or mistakes or wrong:  # the very first scores are 0, where a step says neither
                said = float(w @ row + b > 0)
                w, b = w + (t - said) * row, b + float(t - said)
                wrong += said != t
                layer.weight.data -= 1e-4 * layer.weight.grad
                layer.bias.data -= 1e-4 * layer.bias.grad
            else:
                w, b, wrong = row * (t - 0.5), float(t - 0.5), 1
                layer.weight.data -= 1e-4 * layer.weight.grad
                layer.bias.data -= 1e-4 * layer.bias.grad
        mistakes.append(wrong)
        assert torch.allclose(layer.weight[0], w, atol=1e-3)
        if not wrong:
            break
    assert mistakes[-1] == 0 and len(mistakes) > 2  # separable: it ends, after some work


XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TRUTH = torch.tensor([0.0, 1.0, 1.0, 0.0])


def solves_xor(net: nn.Module, steps: int = 200) -> bool:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net({"number": XOR})[:, 0], TRUTH).backward()
        optimizer.step()
    return bool(((net({"number": XOR})[:, 0] > 0) == TRUTH.bool()).all())


@pytest.mark.parametrize("activation", ["tanh", pytest.param("gelu", marks=pytest.mark.slow)])
def test_eight_hidden_units_solve_xor(activation: str) -> None:
    solved = 0
    for seed in range(3):
        torch.manual_seed(seed)
        solved += solves_xor(MLP(MLP.Config(widths=(8,), activation=activation, dropout=0.0), numbers(2), 1))
    assert solved >= 2


@pytest.mark.parametrize("cls", [Linear, Perceptron])
def test_one_layer_never_solves_xor(cls: type) -> None:
    assert not solves_xor(cls(cls.Config(), numbers(2), 1))
