"""Networks for pictures against the libraries that published them, and against the CIFAR nets written from the paper.

Random weights of the reference go into ours through the table of names that the product has; outputs and gradients
must agree, and must not once a weight is changed. Every tensor of the reference is used, every one of ours filled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from reference_libraries import timm, torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork
from deepwright.blocks.published_weights import load_published, take_over
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, preset

pytestmark = pytest.mark.slow

OUTPUTS = 7


def ours(name: str, side: int, **config: object) -> ImageNetwork:
    cls = find("network", name)
    signature = Signature((Field(form="image", name="p", shape=(3, side, side)),))
    return cls(cls.Config.model_validate({**preset("network", name), **config}), signature, OUTPUTS)


@torch.no_grad()
def stirred(reference: nn.Module, side: int) -> nn.Module:
    """Its weights, norms and running statistics moved off their first values, so that none can be left out unseen.

    Running statistics are those of noise, so that signals come through to the end as they do in a trained network.
    """
    torch.manual_seed(3)
    for tensor in reference.parameters():
        if tensor.ndim == 1:
            tensor.add_(torch.empty_like(tensor).uniform_(-0.2, 0.2))
        else:
            tensor.normal_(std=0.5 if tensor.ndim == 3 else (2 / tensor[0].numel()) ** 0.5)
    norms = [module for module in reference.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        reference.train()(torch.randn(6, 3, side, side))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return reference.eval()


def differences(
    net: ImageNetwork, reference: nn.Module, side: int, *, deep: bool, rows: int = 2
) -> tuple[float, float]:
    """Of outputs the largest, relative to the largest output above 1; of gradients the largest relative in norm.

    Gradients are those of 64 bits: in 32, rounding puts a few of a deep net's ReLUs on the other side of 0. So are the
    outputs of nets so deep that random weights make much of rounding.
    """
    torch.manual_seed(5)
    given = torch.randn(rows, 3, side, side)
    weigh = torch.randn(rows, OUTPUTS, dtype=torch.float64)
    a, b = net({"image:p": given}), reference(given)
    mine, other = (given.double().requires_grad_() for _ in range(2))
    exact, theirs64 = net.double()({"image:p": mine}), reference.double()(other)
    a, b = (exact, theirs64) if deep else (a, b)
    assert b.std(0).max() > 0.02  # otherwise only the last bias would be compared
    (exact * weigh).sum().backward()
    (theirs64 * weigh).sum().backward()
    net.float()
    reference.float()
    gradients = {name: p.grad for name, p in reference.named_parameters()}
    (table,) = [
        names for names in net.weight_names if {names.of(n) for n, _ in net.named_parameters()} == set(gradients)
    ]
    pairs = [(p.grad, gradients[table.of(name)]) for name, p in net.named_parameters()]
    pairs.append((mine.grad, other.grad))
    largest = max(theirs.norm().item() for _, theirs in pairs)
    apart = max(((own - theirs).norm() / theirs.norm().clamp(min=1e-4 * largest)).item() for own, theirs in pairs)
    return ((a - b).abs().max() / b.abs().max().clamp(min=1.0)).item(), apart


def equal(net: ImageNetwork, reference: nn.Module, side: int, *, bound: float = 1e-5, where: str) -> None:
    """Copy, compare outputs and gradients, change one weight, and see the difference."""
    came = take_over(net, stirred(reference, side).state_dict(), "reference")
    assert set(came.taken) == set(net.weights()) and not came.left
    net.eval()
    reference.eval()
    outputs, gradients = differences(net, reference, side, deep=bound > 1e-5)
    print(f"\nDIFFERENCE {where:45} outputs {outputs:.1e}  gradients {gradients:.1e}")
    assert outputs <= bound and gradients <= 1e-4
    for name, parameter in net.named_parameters():
        if name.startswith(("first", "maps.0", "stages.0.weight", "patches")):
            parameter.data.view(-1)[:9] += 0.5
            break
    changed, _ = differences(net, reference, side, deep=bound > 1e-5)
    assert changed > 10 * bound


VISION = {
    "alexnet": (70, {}),
    "vgg11": (33, {}),
    "vgg13": (32, {}),
    "vgg16": (32, {}),
    "vgg19": (32, {}),
    "vgg11_bn": (32, {}),
    "vgg16_bn": (32, {}),
    "resnet18": (65, {}),
    "resnet34": (33, {}),
    "resnet50": (65, {}),
    "resnet101": (40, {}),
    "resnet152": (33, {}),
    "efficientnet_b0": (65, {}),
    "efficientnet_b1": (40, {}),
    "efficientnet_b5": (33, {}),
}
"""Name → side of the pictures; odd ones try the rounding of every step."""


@pytest.mark.parametrize("name", VISION)
def test_equals_torchvision(name: str) -> None:
    side, config = VISION[name]
    torch.manual_seed(0)
    reference = getattr(torchvision(), name)(weights=None, num_classes=OUTPUTS)
    deep = name in ("resnet101", "resnet152", "efficientnet_b1", "efficientnet_b5", "efficientnet_b0")
    equal(ours(name, side, **config), reference, side, bound=1e-4 if deep else 1e-5, where=f"torchvision {name}")


def test_vit_equals_torchvisions() -> None:
    from_library = torchvision().VisionTransformer(32, 8, 2, 4, 64, 256, num_classes=OUTPUTS)
    net = ours("vit_b16", 32, patch=8, layers=2, heads=4, width=64)
    equal(net, from_library, 32, where="torchvision VisionTransformer, 2 layers")


@pytest.mark.parametrize(("name", "side"), [("vit_ti16", 48), ("vit_b16", 32)])
def test_vit_equals_timms(name: str, side: int) -> None:
    reference = timm().create_model(
        name.replace("vit_ti16", "vit_tiny_patch16_224").replace("vit_b16", "vit_base_patch16_224"),
        img_size=side, num_classes=OUTPUTS,
    )  # fmt: skip
    equal(ours(name, side), reference, side, where=f"timm {name}")


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "efficientnet_b0"])
def test_equals_timm(name: str) -> None:
    reference = timm().create_model(name, num_classes=OUTPUTS)
    equal(ours(name, 64), reference, 64, bound=1e-4 if name == "efficientnet_b0" else 1e-5, where=f"timm {name}")


def test_timms_positions_at_another_size_are_ours() -> None:
    layers = timm().layers
    given = torch.randn(1, 1 + 14 * 14, 16)
    from deepwright.networks.vit import positions_resized

    expected = layers.resample_abs_pos_embed(given, [6, 9], num_prefix_tokens=1)
    assert torch.allclose(positions_resized(given, (14, 14), (6, 9)), expected, atol=1e-6)


def test_every_published_count_is_torchvisions() -> None:
    models = torchvision()
    convolutional = ["alexnet", *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))]
    convolutional += [
        *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
        *(f"efficientnet_b{i}" for i in range(8)),
    ]
    for name in convolutional:
        said = next(size.parameters for size in find("network", name).published if size.name in ("", name))
        assert said == models.get_model_weights(name).DEFAULT.meta["num_params"], name


def test_a_saved_file_of_torchvision_loads(tmp_path: Path) -> None:
    reference = stirred(torchvision().resnet18(weights=None, num_classes=1000), 64)
    torch.save(reference.state_dict(), tmp_path / "resnet18.pth")
    net = ours("resnet18", 64).eval()
    came = load_published(net, tmp_path / "resnet18.pth")
    assert came.left == ("output.weight", "output.bias")
    given = torch.randn(2, 3, 64, 64)
    body = nn.Sequential(*list(reference.children())[:-1], nn.Flatten(), net.output)
    assert torch.allclose(net({"image:p": given}), body(given), atol=1e-5)


def test_training_mode_is_torchvisions() -> None:
    """With batch statistics, and without dropout and skipped blocks, which are random."""
    for name, config in (
        ("resnet18", {}),
        ("vgg11_bn", {"dropout": 0.0}),
        ("efficientnet_b0", {"dropout": 0.0, "skip": 0.0}),
    ):
        more = {"dropout": 0.0, "stochastic_depth_prob": 0.0} if name == "efficientnet_b0" else {}
        more |= {"dropout": 0.0} if name == "vgg11_bn" else {}
        reference = stirred(getattr(torchvision(), name)(weights=None, num_classes=OUTPUTS, **more), 64).train()
        net = ours(name, 64, **config).train()
        take_over(net, reference.state_dict(), "reference")
        given = torch.randn(4, 3, 64, 64)
        a, b = net({"image:p": given}), reference(given)
        print(f"\nDIFFERENCE training mode {name:20} {(a - b).abs().max().item():.1e} of {b.abs().max().item():.1f}")
        assert torch.allclose(a, b, atol=1e-4 * max(1.0, b.abs().max().item()))
        theirs = reference.state_dict()
        for own, tensor in net.weights().items():
            assert torch.allclose(tensor, theirs[net.weight_names[0].of(own)], rtol=1e-4, atol=1e-4), own


# The CIFAR nets, from the paper's section 4.2 and PyTorch's layers.


class PaperNet(nn.Module):
    """Weights in the order of the layers: convolution, norm, convolution, norm, …, and the linear layer."""

    def __init__(self, n: int, residual: bool) -> None:
        super().__init__()
        maps = [16] * (1 + 2 * n) + [32] * 2 * n + [64] * 2 * n
        self.residual, self.n = residual, n
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if a == b or a == 3 else 2, padding=1, bias=False)
            for a, b in zip([3, *maps], maps, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(m) for m in maps)
        self.fc = nn.Linear(64, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norms[0](self.convs[0](x)))
        for block in range(3 * self.n):
            one, two = 1 + 2 * block, 2 + 2 * block
            f = self.norms[two](self.convs[two](torch.relu(self.norms[one](self.convs[one](x)))))
            if self.residual:
                if f.shape != x.shape:  # half the places, zeros for the new maps, as many before as after
                    zeros = torch.zeros_like(f)
                    quarter = f.shape[1] // 4
                    zeros[:, quarter : quarter + x.shape[1]] = F.max_pool2d(x, 1, 2)
                    x = zeros
                f = f + x
            x = torch.relu(f)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


@pytest.mark.parametrize(("name", "n"), [("resnet20", 3), ("plain20", 3), ("resnet56", 9), ("resnet110", 18)])
def test_cifar_nets_equal_the_papers(name: str, n: int) -> None:
    reference = stirred(PaperNet(n, name.startswith("resnet")), 32)
    net = ours(name, 32).eval()
    tensors = _in_layer_order(reference)
    for own, theirs in zip((t.detach() for t in net.weights().values()), tensors, strict=True):
        own.copy_(theirs)
    given = torch.randn(2, 3, 32, 32)
    a, b = net({"image:p": given}), reference(given)
    apart = ((a - b).abs().max() / b.abs().max().clamp(min=1.0)).item()
    weigh = torch.randn(2, OUTPUTS, dtype=torch.float64)
    (net.double()({"image:p": given.double()}) * weigh).sum().backward()  # 64 bits: see `differences`
    (reference.double()(given.double()) * weigh).sum().backward()
    parameters = [t.grad for t in _in_layer_order(reference, keep_vars=True) if isinstance(t, nn.Parameter)]
    gradients = max(((p.grad - g).norm() / g.norm()).item() for p, g in zip(net.parameters(), parameters, strict=True))
    print(f"\nDIFFERENCE {'the paper, ' + name:45} outputs {apart:.1e}  gradients {gradients:.1e}")
    assert apart <= (1e-5 if n < 9 else 1e-4) and gradients <= 1e-4
    net.float().first.weight.data[0] += 0.5
    assert (net({"image:p": given}) - b).abs().max() > 1e-3


def _in_layer_order(reference: PaperNet, keep_vars: bool = False) -> list[Tensor]:
    def layers() -> Iterator[nn.Module]:
        for conv, norm in zip(reference.convs, reference.norms, strict=True):
            yield from (conv, norm)
        yield reference.fc

    return [tensor for layer in layers() for tensor in layer.state_dict(keep_vars=keep_vars).values()]


def test_alexnet_of_two_towers_equals_pytorchs_layers() -> None:
    net = ours("alexnet_two_tower", 70, units=64, maps=(8, 16, 12, 12, 8), dropout=0.0)
    for parameter in net.parameters():
        parameter.data.normal_(std=0.1)
    norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
    reference = nn.Sequential(
        nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(), norm, nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 16, 5, padding=2, groups=2), nn.ReLU(), norm, nn.MaxPool2d(3, 2),
        nn.Conv2d(16, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(12, 8, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, OUTPUTS),
    )  # fmt: skip
    for own, theirs in zip(net.parameters(), reference.parameters(), strict=True):
        theirs.data.copy_(own.data)
    given = torch.randn(2, 3, 70, 70)
    a, b = net({"image:p": given}), reference(given)
    assert (a - b).abs().max() < 1e-5
    assert not any(isinstance(module, Dropout) and module.share for module in net.modules())
    a.square().sum().backward()
    b.square().sum().backward()
    for own, theirs in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(own.grad, theirs.grad, rtol=1e-4, atol=1e-5)
