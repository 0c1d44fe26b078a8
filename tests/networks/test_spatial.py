"""What is seen of a picture inside networks: maps in their places, gradients where nothing learns."""

import pytest
import torch
from torch import nn

from deepwright.blocks.network import Network
from deepwright.blocks.spatial import class_activation, maps_on_the_way
from deepwright.core.config import Config
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, preset

KEY = "image:photo"
CASES = [
    ("lenet5", 28, [(28, 28), (14, 14), (10, 10), (5, 5)]),
    ("resnet20", 32, [(32, 32), (16, 16), (8, 8)]),
    ("vgg11_bn", 32, [(32, 32), (16, 16), (8, 8), (2, 2)]),
    ("efficientnet_b0", 64, [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]),
    ("alexnet_two_tower", 32, None),
    ("lenet5_1998", 32, [(28, 28), (14, 14), (10, 10), (5, 5)]),
]


def built(name: str, size: int) -> Network:
    cls = find("network", name)
    config = {**preset("network", name), **(cls.trial if name.startswith(("alexnet", "vgg")) else {})}
    torch.manual_seed(0)
    signature = Signature((Field(form="image", name="photo", shape=(3, size, size)),))
    return cls(cls.Config(**config), signature, 10).eval()


def batch(size: int) -> dict[str, torch.Tensor]:
    return {KEY: torch.randint(0, 256, (1, 3, size, size), generator=torch.Generator().manual_seed(1)).to(torch.uint8)}


@pytest.mark.parametrize(("name", "size", "places"), CASES)
def test_maps_of_every_size_are_seen(name, size, places):
    net = built(name, size)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    seen = maps_on_the_way(net, batch(size), KEY)
    assert places is None or [one.places for one in seen] == places
    assert all(one.maps().shape[1:] == one.places and not one.tokens for one in seen)
    activation = class_activation(net, batch(size), KEY, lambda outputs: outputs[0, 3])
    assert activation is not None and float(activation.min()) >= 0 and float(activation.max()) <= 1.0001
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_tokens_are_laid_back_on_their_grid():
    net = built("vit_p4", 16)
    seen = maps_on_the_way(net, batch(16), KEY)
    assert seen and all(one.tokens and one.places == (4, 4) and one.maps().shape == (192, 4, 4) for one in seen)
    (first,) = [one for one in seen if one.values.shape[1] == 16][:1]
    patches = net.patches(net.picture(batch(16)))[0]
    assert torch.allclose(first.maps(), patches.detach())
    activation = class_activation(net, batch(16), KEY, lambda outputs: outputs[0, 3])
    assert activation is not None and activation.shape == (4, 4) and float(activation.max()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["resnet20", "vit_p4"])
def test_frozen_networks_show_the_same(name):
    net = built(name, 16)
    free = class_activation(net, batch(16), KEY, lambda outputs: outputs[0, 1])
    net.requires_grad_(False)
    frozen = class_activation(net, batch(16), KEY, lambda outputs: outputs[0, 1])
    assert free is not None and frozen is not None
    assert torch.allclose(free, frozen, atol=1e-6)


class _Spot(Network):
    """Answers with how bright one corner is."""

    paper = "none"
    takes = frozenset({"image"})

    class Config(Config):
        """None."""

    def __init__(self) -> None:
        super().__init__(self.Config(), Signature((Field(form="image", name="photo", shape=(1, 8, 8)),)), 2)
        self.maps = nn.Conv2d(1, 1, 1, bias=False)
        self.output = nn.Linear(64, 2, bias=False)
        nn.init.ones_(self.maps.weight)
        nn.init.zeros_(self.output.weight)
        self.output.weight.data.view(2, 8, 8)[1, :2, :2] = 1.0

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.output(self.maps(batch[KEY].float()).flatten(1))

    @property
    def head(self) -> nn.Module:
        return self.output


def test_class_activation_by_hand():
    """With one map, w is the mean slope: the activation is the map itself where w is positive, 0 where it is not."""
    net, picture = _Spot(), torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = class_activation(net, {KEY: picture}, KEY, lambda outputs: outputs[0, 1])
    assert found is not None and torch.allclose(found, picture[0, 0] / picture.max())
    opposite = class_activation(net, {KEY: picture}, KEY, lambda outputs: -outputs[0, 1])
    assert opposite is not None and not opposite.any()
