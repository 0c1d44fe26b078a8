"""Airbench: its first layer makes patches uncorrelated, its views average, its rates reach the biases."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from deepwright.blocks.network import Network
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.training._rates import factors


def built(views: int = 1) -> Network:
    cls = find("network", "airbench")
    torch.manual_seed(0)
    signature = Signature((Field(form="image", name="p", shape=(3, 32, 32)),))
    return cls(cls.Config(widths=(8, 12, 12), views=views), signature, 4)


def smooth(rows: int = 200) -> dict[str, torch.Tensor]:
    coarse = torch.rand(rows, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return {"image:p": (F.interpolate(coarse, size=(32, 32), mode="bilinear") * 255).to(torch.uint8)}


def test_patches_leave_the_first_layer_uncorrelated() -> None:
    net, batch = built(), smooth()
    net.prepare(batch)
    whitened = F.conv2d(net.picture(batch), net.whitening)  # type: ignore[attr-defined]
    flat = whitened[:, :12].permute(1, 0, 2, 3).flatten(1)  # (12, N)
    second = flat @ flat.T / flat.shape[1]
    strong = second.diagonal() > 0.5  # directions that hardly occur are damped and not blown up
    assert strong.sum() >= 3
    off = second - torch.diag(second.diagonal())
    assert off.abs().max() < 0.02
    assert torch.allclose(second.diagonal()[strong], torch.ones(int(strong.sum())), atol=0.5)
    assert torch.equal(net.whitening[:12], -net.whitening[12:])  # type: ignore[attr-defined]


def test_views_of_a_picture_and_of_its_mirror_image_agree() -> None:
    net, batch = built(views=6).eval(), smooth(6)
    net.prepare(batch)
    mirrored = {"image:p": batch["image:p"].flip(3)}
    with torch.no_grad():
        one = built(views=1).eval()
        one.load_state_dict(net.state_dict())
        two = built(views=2).eval()
        two.load_state_dict(net.state_dict())
        assert torch.allclose(two(batch), two(mirrored), atol=1e-5)
        assert torch.allclose(two(batch), (one(batch) + one(mirrored)) / 2, atol=1e-5)
        assert not torch.allclose(net(batch), one(batch), atol=1e-4)


def test_biases_learn_at_their_own_rate() -> None:
    net = built()
    plan = Plan(**net.recommended)
    names = [name for name, _ in net.named_parameters()]
    found = dict(zip(names, factors(names, plan.rates, names), strict=True))
    assert {name for name, factor in found.items() if factor == 64.0} == {f"biases.{i}.bias" for i in range(6)}
