"""Networks for pictures: sizes they take, properties that need no reference, descriptions, and weights taken over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.description import describe
from deepwright.blocks.image_network import ImageNetwork
from deepwright.blocks.norms import BatchNorm2d
from deepwright.blocks.published_weights import load_published, read_weights, take_over
from deepwright.blocks.shapes import shapes_only
from deepwright.cli.listing import listing
from deepwright.core.errors import RecipeError, UserError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, names, preset
from deepwright.core.tensors import write_tensors
from deepwright.networks.vit import positions_resized

NAMES = sorted(name for name in names("network") if find("network", name).takes == {"image"})
CLASSES = sorted({find("network", name) for name in NAMES}, key=lambda cls: cls.__name__)


def pictures(channels: int, height: int, width: int) -> Signature:
    return Signature((Field(form="image", name="picture", shape=(channels, height, width)),))


def made(cls: type, shape: tuple[int, int, int] = (3, 32, 32), outputs: int = 4, **config: Any) -> ImageNetwork:
    """A small one; the same weights every time."""
    torch.manual_seed(0)
    return cls(cls.Config.model_validate({**cls.trial, **config}), pictures(*shape), outputs)


def batch(shape: tuple[int, int, int] = (3, 32, 32), rows: int = 2) -> dict[str, Tensor]:
    return {"image:picture": torch.randn(rows, *shape, generator=torch.Generator().manual_seed(1))}


def named(name: str, shape: tuple[int, int, int], outputs: int, **config: Any) -> ImageNetwork:
    """The network of that name in its full size, without memory."""
    cls = find("network", name)
    with shapes_only():
        return cls(cls.Config.model_validate({**preset("network", name), **config}), pictures(*shape), outputs)


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_names_are_there() -> None:
    promised = {"lenet5", "lenet5_1998", "alexnet", "alexnet_two_tower"}
    promised |= {f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")}
    promised |= {f"{kind}{depth}" for kind in ("plain", "resnet") for depth in (20, 32, 44, 56, 110)}
    promised |= {f"resnet{depth}" for depth in (18, 34, 50, 101, 152)}
    promised |= {f"efficientnet_b{number}" for number in range(8)}
    promised |= {"vit_ti16", "vit_s16", "vit_b16", "vit_l16", "vit_p4"}
    assert set(NAMES) >= promised


@pytest.mark.parametrize("name", NAMES)
def test_a_name_builds_what_is_published_of_it(name: str) -> None:
    """By its preset alone, as a recipe does; every name has a published size."""
    cls = find("network", name)
    (known, *_) = [size for size in cls.published if size.name in ("", name)]
    with shapes_only():
        net = cls(cls.Config.model_validate(preset("network", name)), known.signature, known.outputs)
    assert parameters(net) == known.parameters


def test_listing_says_the_size_of_each_name() -> None:
    items = {item["name"]: item for item in listing("networks")}
    assert items["resnet50"]["parameters"] == {"224 × 224 colour, 1,000 classes": 25_557_032}
    assert all(items[name]["parameters"] and items[name]["takes"] == ["image"] for name in NAMES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_any_channels_outputs_and_sizes(cls: type) -> None:
    side = 32 if cls.__name__ == "LeNet5Of1998" else 40
    for channels, outputs, width in ((1, 1, side), (5, 7, side if side == 32 else 48)):
        net = made(cls, (channels, side, width), outputs).train()
        assert net(batch((channels, side, width), rows=1)).shape == (1, outputs)


@pytest.mark.parametrize(
    ("name", "shape", "nearest"),
    [
        ("lenet5", (1, 8, 30), "12 × 30"),
        ("lenet5_1998", (1, 27, 27), "28 × 28"),
        ("lenet5_1998", (1, 64, 64), "32 × 32"),
        ("alexnet", (3, 32, 32), "63 × 63"),
        ("alexnet_two_tower", (3, 62, 100), "63 × 100"),
        ("vgg16", (3, 28, 28), "32 × 32"),
        ("vit_b16", (3, 230, 225), "224 × 224"),
        ("vit_p4", (3, 3, 33), "4 × 32"),
    ],
)
def test_a_size_that_does_not_fit_names_the_nearest(name: str, shape: tuple[int, int, int], nearest: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(nearest)):
        named(name, shape, 10)
    height, width = map(int, nearest.split(" × "))
    named(name, (shape[0], height, width), 10)


@pytest.mark.parametrize("shape", [(3,), (0, 4, 4), ()])
def test_a_field_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    cls = find("network", "lenet5")
    with pytest.raises(RecipeError, match="channels, height, width"):
        cls(cls.Config(), Signature((Field(form="image", name="p", shape=shape),)), 2)
    with pytest.raises(RecipeError, match="one column of pictures"):
        cls(cls.Config(), Signature((Field(form="number", name="n"),)), 2)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("resnet20", {"depth": 21}, "20 and 26"),
        ("vit_p4", {"heads": 5}, "heads"),
        ("alexnet_two_tower", {"maps": [3, 4, 4, 4, 4]}, "even"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit(name: str, config: Mapping[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        named(name, (3, 64, 64), 10, **config)


# Properties


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "vgg11_bn", "efficientnet_b0"])
def test_batch_norm_evaluates_otherwise_than_it_trains(name: str) -> None:
    cls = find("network", name)
    without = {"efficientnet_b0": {"skip": 0.0, "dropout": 0.0}, "vgg11_bn": {"dropout": 0.0}}.get(name, {})
    net = made(cls, **without)
    given = batch(rows=4)
    evaluated = net.eval()(given)
    trained = net.train()(given)  # moves the running statistics, too
    assert not torch.allclose(trained, evaluated, rtol=1e-3)
    assert not torch.allclose(net.eval()(given), evaluated, rtol=1e-4)


def test_batch_norm_takes_a_single_place_by_its_running_statistics() -> None:
    layer = BatchNorm2d(3)
    layer(torch.randn(8, 3, 2, 2))
    single, before = torch.randn(1, 3, 1, 1), layer.running_mean.clone()
    assert torch.equal(layer.train()(single), layer.eval()(single)) and torch.equal(layer.running_mean, before)


@pytest.mark.parametrize(("name", "last"), [("resnet20", "norm2"), ("resnet18", "norm3")])
def test_a_residual_net_whose_last_norms_are_zero_passes_its_input_on(name: str, last: str) -> None:
    net = made(find("network", name)).eval()
    for stage in net.stages:
        for block in stage:
            getattr(block, last).weight.data.zero_()
    x = F.relu(net.norm(net.first(net.picture(batch()))))
    for stage in net.stages:
        for block in stage:
            x = F.relu(block.shortcut(x) if name == "resnet18" else block._passed_on(x))
    assert torch.allclose(net(batch()), net.output(x.mean((2, 3))), atol=1e-6)


def test_a_plain_net_whose_last_norms_are_zero_sees_nothing() -> None:
    net = made(find("network", "plain20"), shortcuts=False).eval()
    for stage in net.stages:
        stage[-1].norm2.weight.data.zero_()
    assert torch.allclose(*net(batch()))


def test_shortcuts_have_no_weights() -> None:
    """Option A: a plain net has the same tensors as the residual one."""
    both = [named(name, (3, 32, 32), 10).state_dict() for name in ("plain56", "resnet56")]
    assert [(name, tensor.shape) for name, tensor in both[0].items()] == [(n, t.shape) for n, t in both[1].items()]


def test_a_shift_by_all_steps_shifts_the_maps_of_vgg() -> None:
    net = made(find("network", "vgg11"), (3, 64, 64), norm=False).eval()
    given = torch.zeros(1, 3, 64, 64)
    given[:, :, 16:32, 16:32] = torch.randn(1, 3, 16, 16)
    steps = 2 ** len(net.trial["depths"])
    before, after = net.stages(given), net.stages(given.roll((steps, 2 * steps), (2, 3)))
    inner = slice(3, -3)  # places that the border, which is padded, does not reach
    assert before.std() > 0 and torch.allclose(before.roll((1, 2), (2, 3))[..., inner, inner], after[..., inner, inner])
    half = net.stages(given.roll(1, 2))
    assert not torch.allclose(before, half)


def test_max_pool_forgets_a_shift_within_its_window() -> None:
    layer = made(find("network", "lenet5")).maps[2]
    given = torch.zeros(1, 1, 8, 8)
    given[0, 0, 2, 4] = 1.0
    shifted = given.roll((1, 1), (2, 3))
    assert isinstance(layer, nn.MaxPool2d) and torch.equal(layer(given), layer(shifted))
    assert not torch.equal(layer(given), layer(given.roll(2, 2)))


def test_without_positions_a_vit_does_not_know_where_its_patches_are() -> None:
    net = made(find("network", "vit_p4"), width=16, heads=2).eval()
    given = batch()["image:picture"]
    patches = given.unflatten(2, (4, 8)).unflatten(4, (4, 8)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, N, C, P, P)
    mixed = patches[:, torch.randperm(16, generator=torch.Generator().manual_seed(0))].unflatten(1, (4, 4))
    other = {"image:picture": mixed.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)}
    for parameter in net.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    with_positions = (net({"image:picture": given}) - net(other)).abs().max()
    net.positions.data.zero_()
    without = (net({"image:picture": given}) - net(other)).abs().max()
    assert without < 1e-5 < 1e-3 < with_positions


def test_response_normalisation_is_the_papers() -> None:
    from deepwright.networks.alexnet_two_tower import damped

    x = 30 * torch.randn(2, 7, 3, 3, dtype=torch.float64)
    expected = torch.empty_like(x)
    for i in range(7):
        total = x[:, max(0, i - 2) : min(6, i + 2) + 1].square().sum(1)  # the sum of the paper's section 3.3
        expected[:, i] = x[:, i] / (2 + 1e-4 * total) ** 0.75
    assert torch.allclose(damped(x), expected, atol=1e-12)
    assert torch.allclose(damped(x), F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0), atol=1e-12)


def test_towers_do_not_see_each_other_in_the_second_layer() -> None:
    net = made(find("network", "alexnet_two_tower"))
    x = torch.randn(1, 4, 9, 9, requires_grad=True)
    net.two(x)[:, :4].sum().backward()
    assert x.grad is not None and x.grad[:, :2].abs().sum() > 0 and x.grad[:, 2:].abs().sum() == 0


def test_lenet_of_1998_is_equal_to_one_written_with_pytorchs_layers() -> None:
    net = made(find("network", "lenet5_1998"), (1, 32, 32), 10)
    c3 = nn.Conv2d(6, 16, 5)
    c3.weight.data.zero_()
    for n, place in enumerate(net.c3.place.tolist()):
        c3.weight.data[place // 6, place % 6] = net.c3.weight.data[n]
    c3.bias.data.copy_(net.c3.bias.data)

    def squash(x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * 2 / 3)

    def mean(layer: nn.Module, x: Tensor) -> Tensor:
        four = sum(x[..., i::2, j::2] for i in (0, 1) for j in (0, 1))
        return squash(four * layer.weight + layer.bias)

    given = batch((1, 32, 32))
    x = mean(net.s2, squash(net.c1(given["image:picture"])))
    x = squash(net.c5(mean(net.s4, squash(c3(x))))).flatten(1)
    expected = -torch.cdist(squash(net.f6(x)), net.output.codes).square()
    assert torch.allclose(net(given), expected, rtol=1e-4)
    assert (c3.weight.abs().sum((2, 3)) > 0).sum(1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert set(net.output.codes.flatten().tolist()) == {-1.0, 1.0}
    assert (net.output.codes @ net.output.codes.T).fill_diagonal_(0).max() < 42  # classes lie far apart
    framed = find("network", "lenet5_1998")(net.Config(), pictures(1, 28, 28), 10)
    framed.load_state_dict(net.state_dict())
    small = {"image:picture": F.pad(batch((1, 28, 28))["image:picture"], (2, 2, 2, 2))}
    assert torch.equal(framed(batch((1, 28, 28))), net(small))


def test_blocks_are_skipped_for_whole_rows_and_keep_the_mean() -> None:
    block = made(find("network", "efficientnet_b0"), skip=0.5).stages[6][0]
    y = block.train()
    y.skip = 0.25
    kept = y._kept(torch.ones(4000, 2, 1, 1))
    assert torch.equal(kept[:, 0], kept[:, 1]) and set(kept.unique().tolist()) == {0.0, float(torch.tensor(1) / 0.75)}
    assert abs(kept.mean().item() - 1) < 0.05
    assert torch.equal(y.eval()._kept(kept), kept)


# Descriptions


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("alexnet", 0.714),
        ("vgg16", 15.47),
        ("resnet18", 1.814),
        ("resnet50", 4.089),
        ("efficientnet_b0", 0.386),
        ("vit_b16", 17.564),
    ],
)  # fmt: skip
def test_multiply_adds_are_those_that_torchvision_publishes(name: str, billions: float) -> None:
    net = named(name, (3, 224, 224), 1000)
    rows = describe(net, net_signature(net))
    assert round(sum(row.multiply_adds for row in rows) / 1e9, 3) == billions
    assert sum(row.parameters for row in rows) == parameters(net)


def net_signature(net: ImageNetwork) -> Signature:
    return Signature((net.image,))


def test_receptive_fields_are_those_of_the_literature() -> None:
    """Araujo, Norris and Sim, 2019: AlexNet 195, VGG-16 212. ResNets by hand, steps of 2 in the 3 × 3 convolutions."""
    last = {"alexnet": ("maps.12", 195), "vgg16": ("stages.30", 212)}
    last |= {"resnet50": ("stages.3.2.norm3", 427), "resnet101": ("stages.3.2.norm3", 971)}
    for name, (layer, field) in last.items():
        net = named(name, (3, 224, 224), 1000)
        found = {row.name: row.field for row in describe(net, net_signature(net))}
        assert found[layer] == (field, field), name


@pytest.mark.parametrize("name", ["lenet5", "vgg11", "resnet20", "resnet18"])
def test_the_receptive_field_is_what_gradients_reach(name: str) -> None:
    """From the middle place of each layer's output, on a picture large enough that nothing is cut off."""
    cls, side = find("network", name), 96
    net = made(cls, (1, side, side), **{"vgg11": {"norm": False}}.get(name, {})).eval()
    for parameter in net.parameters():
        parameter.data.abs_().add_(0.01)  # nothing cancels, no unit is dead
    rows = {row.name: row for row in describe(net, net_signature(net)) if len(row.shape) == 3}
    outputs: dict[str, Tensor] = {}
    for layer, module in net.named_modules():
        if layer in rows and not isinstance(module, nn.MaxPool2d):
            module.register_forward_hook(lambda _, __, out, layer=layer: outputs.__setitem__(layer, out))
    given = torch.rand(1, 1, side, side, requires_grad=True)
    net({"image:picture": given})
    for layer, out in outputs.items():
        middle = out[0, :, out.shape[2] // 2, out.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(middle, given, retain_graph=True)
        reached = gradient[0, 0].nonzero()
        height, width = (reached.max(0).values - reached.min(0).values + 1).tolist()
        assert height <= rows[layer].field[0] and width <= rows[layer].field[1], layer
        pooled = name in ("lenet5", "vgg11")  # gradients of a maximum reach one of the places it saw
        assert pooled or (height, width) == rows[layer].field, layer


def test_a_max_pool_counts_as_wide_as_a_mean_in_its_place() -> None:
    net = made(find("network", "lenet5"), (1, 64, 64)).eval()
    fields = {row.name: row.field for row in describe(net, net_signature(net))}
    net.maps[2], net.maps[5] = nn.AvgPool2d(2), nn.AvgPool2d(2)
    assert {row.name: row.field for row in describe(net, net_signature(net))} == fields
    given = torch.rand(1, 1, 64, 64, requires_grad=True)
    for parameter in net.parameters():
        parameter.data.abs_()
    net.maps(given)[0, :, 7, 7].sum().backward()
    assert given.grad is not None and len(given.grad[0, 0].sum(0).nonzero()) == fields["maps.5"][0] == 16


def test_every_network_is_described() -> None:
    for cls in dict.fromkeys(find("network", name) for name in names("network")):
        forms = {
            "number": tuple(Field(form="number", name=f"n{i}") for i in range(3)),
            "category": (Field(form="category", name="c", size=40),),
            "tokens": (Field(form="tokens", name="t", size=9),),
            "image": (Field(form="image", name="picture", shape=(3, 32, 32)),),
        }
        signature = Signature(tuple(field for form in sorted(cls.takes) for field in forms[form]))
        net = cls(cls.Config.model_validate(dict(cls.trial)), signature, 9)
        net.train()
        rows = describe(net, signature)
        assert sum(row.parameters for row in rows) == parameters(net) and rows[-1].shape
        assert sum(row.multiply_adds for row in rows) > 0 and all(module.training for module in net.modules())
        seeing = {row.field is not None for row in rows if row.shape}  # a network of both kinds has both
        assert seeing <= ({True} if cls.takes == {"image"} else {"image" in cls.takes, False}), cls


# Weights taken over


def weights_of(net: ImageNetwork, table: int = 0) -> dict[str, Tensor]:
    """Its weights under the names of a library."""
    names = net.weight_names[table]
    return {names.of(name): tensor.detach().clone() for name, tensor in net.weights().items()}


PUBLISHED = [cls for cls in CLASSES if made(cls).weight_names]


@pytest.mark.parametrize("cls", PUBLISHED, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_back_from_a_file_by_each_librarys_names(cls: type, suffix: str, tmp_path: Path) -> None:
    source = made(cls).eval()
    for number in range(len(source.weight_names)):
        path = tmp_path / f"weights{number}{suffix}"
        theirs = weights_of(source, number)
        assert len(theirs) == len(source.weights())  # no two of ours are one of theirs
        if suffix == ".pth":
            torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in theirs.items()}}, path)
        else:
            write_tensors(path, {name: tensor.numpy() for name, tensor in theirs.items()})
        torch.manual_seed(7)
        net = cls(source.Config.model_validate(cls.trial), net_signature(source), 4).eval()
        assert not torch.allclose(net(batch()), source(batch()))
        came = load_published(net, path)
        assert came.library == source.weight_names[number].library and not came.left
        assert torch.equal(net(batch()), source(batch()))


def test_another_number_of_outputs_leaves_the_output_layer_alone() -> None:
    source, net = (made(find("network", "resnet18"), outputs=outputs) for outputs in (4, 6))
    before = net.output.weight.clone()
    for parameter in source.parameters():
        parameter.data.add_(1.0)
    came = take_over(net, weights_of(source), "memory")
    assert came.left == ("output.weight", "output.bias") and torch.equal(net.output.weight, before)
    assert torch.equal(net.first.weight, source.first.weight) and "first.weight" in came.taken


def test_weights_of_another_network_are_refused_by_name() -> None:
    net = made(find("network", "resnet18"))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(RecipeError, match=r"it lacks layer1\.0\.conv3"):
        take_over(net, weights_of(made(find("network", "resnet20"))), "memory")
    with pytest.raises(RecipeError, match="it holds layer2"):
        take_over(net, weights_of(made(find("network", "resnet18"), blocks=[1, 3])), "memory")
    with pytest.raises(RecipeError, match=r"'conv1\.weight' has the shape"):
        take_over(net, weights_of(made(find("network", "resnet18"), (1, 32, 32))), "memory")
    with pytest.raises(RecipeError, match="nobody's"):
        take_over(made(find("network", "lenet5")), {}, "memory")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_positions_are_interpolated_to_another_size() -> None:
    cls = find("network", "vit_p4")
    small, large = made(cls, (3, 32, 32)), made(cls, (3, 64, 48))
    take_over(large, weights_of(small), "memory")
    assert large.positions.shape == (1, 1 + 8 * 6, 8)
    assert torch.equal(large.positions[:, 0], small.positions[:, 0])
    assert torch.equal(positions_resized(small.positions, (4, 4), (4, 4)), small.positions)
    flat = torch.ones(1, 17, 3)
    assert torch.allclose(positions_resized(flat, (4, 4), (9, 5)), torch.ones(1, 46, 3))


class _Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("bomb"),)


def test_files_that_are_no_weights_are_data_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = {
        "text.pth": b"hello",
        "empty.pt": b"",
        "text.safetensors": b"hello, world",
        "zip.pth": b"PK\x03\x04" + b"0" * 50,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    torch.save({"state_dict": {"a": _Bomb()}}, tmp_path / "bomb.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    for name in [*bad, "bomb.pth", "list.pth", "numbers.pth", "missing.pth", "missing.safetensors"]:
        with pytest.raises(UserError) as raised:
            read_weights(tmp_path / name)
        assert name in str(raised.value)
    assert not (tmp_path / "bomb").exists()
