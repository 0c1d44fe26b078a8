"""Augmentations: the contract over all of them, and what each one in particular does to a picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from deepwright.blocks.augmentation import Augmentation, Draws
from deepwright.core.find import find, names
from deepwright.evaluation.contracts import check


@pytest.mark.parametrize("name", names("augmentation"))
def test_keeps_its_contract(name: str) -> None:
    assert {says: wrong for says, wrong in check("augmentation", name) if wrong} == {}


def made(name: str, **options: Any) -> Augmentation:
    cls = find("augmentation", name)
    return cls(cls.Options(**options))


def draws(rows: int, epoch: int = 0, seed: int = 0) -> Draws:
    row = torch.arange(rows)
    return Draws(seed, torch.full_like(row, epoch), row)


def pictures(rows: int = 64, shape: tuple[int, int, int] = (3, 10, 8)) -> Tensor:
    return torch.rand(rows, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "axis"), [("flip", 3), ("vertical_flip", 2)])
def test_flips_turn_half_of_the_pictures_round(name: str, axis: int) -> None:
    before = pictures(2_000)
    after = made(name)(before, draws(2_000))
    turned = (after == before.flip(axis)).flatten(1).all(1)
    kept = (after == before).flatten(1).all(1)
    assert (turned | kept).all()
    assert 0.45 < turned.float().mean() < 0.55


def test_alternating_flip_shows_both_sides_in_two_epochs() -> None:
    before, flip = pictures(500), made("flip", alternate=True)
    epochs = [flip(before, draws(500, epoch)) for epoch in range(4)]
    assert torch.equal(epochs[0], epochs[2]) and torch.equal(epochs[1], epochs[3])
    assert torch.equal(epochs[0].flip(3), epochs[1])
    assert 0.4 < (epochs[0] == before).flatten(1).all(1).float().mean() < 0.6


@pytest.mark.parametrize("fill", ["black", "edge", "reflect"])
@pytest.mark.parametrize("kind", [torch.float32, torch.uint8])
def test_crop_is_a_window_of_the_padded_picture(fill: str, kind: torch.dtype) -> None:
    before = (pictures(200) * 255).to(kind)
    after = made("crop", padding=2, fill=fill)(before, draws(200))
    mode = {"black": "constant", "edge": "replicate", "reflect": "reflect"}[fill]
    padded = functional.pad(before.float(), (2, 2, 2, 2), mode=mode).to(kind)
    found = [
        [torch.equal(after[row], padded[row, :, y : y + 10, x : x + 8]) for y in range(5) for x in range(5)]
        for row in range(200)
    ]
    assert all(any(row) for row in found)
    assert all(sum(place) >= 2 for place in zip(*found, strict=True)), "some of the 25 places are never drawn"


def test_rotation_by_a_quarter_is_that_of_the_array() -> None:
    from deepwright.augmentations._affine import sampled, turned

    before = pictures(3, (1, 9, 9))
    after = sampled(before, turned(torch.full((3,), torch.pi / 2)), "black")
    assert torch.allclose(after, before.rot90(1, (2, 3)), atol=1e-5)


def test_a_part_that_is_the_whole_is_the_picture() -> None:
    before = pictures(5, (3, 12, 7))
    after = made("random_resized_crop", scale=(1.0, 1.0), ratio=(1.0, 1.0))(before, draws(5))
    assert torch.allclose(after, before, atol=1e-5)


def test_a_part_lies_inside_the_picture() -> None:
    """Of a picture whose pixels say where they are, every part is a stretch of rising values."""
    ramp = torch.linspace(0, 1, 20).expand(300, 1, 30, 20)
    after = made("random_resized_crop", scale=(0.2, 0.6))(ramp, draws(300))[:, 0, 15]  # (B, W)
    assert (after.diff() > 0).float().mean() > 0.9  # at its ends half a pixel is the edge's
    wide = after[:, -1] - after[:, 0]
    assert wide.min() > 0.2 and wide.max() < 1.0 and wide.std() > 0.05


def test_colours_do_what_they_say() -> None:
    from deepwright.augmentations._colours import recoloured

    before = 0.25 + 0.5 * pictures(6)
    one = torch.ones(6)
    assert torch.allclose(recoloured(before, one, one, one, 0 * one), before, atol=1e-5)
    assert torch.allclose(recoloured(before, brightness=0.5 * one), before / 2, atol=1e-6)
    grey = recoloured(before, saturation=0 * one)
    assert torch.allclose(grey[:, :1].expand_as(grey), grey, atol=1e-5)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert torch.allclose(grey[:, 0], (before * weights).sum(1), atol=1e-4)
    turned = recoloured(before, hue=0.25 * one)
    assert not torch.allclose(turned, before, atol=0.05)
    assert torch.allclose(recoloured(turned, hue=-0.25 * one), before, atol=0.25)
    flat = recoloured(before, contrast=0 * one)
    assert flat.flatten(1).std(1).max() < 1e-5
    with_alpha = torch.cat([before, pictures(6)[:, :1]], 1)
    assert torch.equal(recoloured(with_alpha, brightness=0.5 * one)[:, 3], with_alpha[:, 3])


def test_cutout_hides_a_square_of_the_mean() -> None:
    before = pictures(400, (3, 16, 16))
    after = made("cutout", share=0.5)(before, draws(400))
    hidden = (after != before).any(1)  # (B, H, W)
    assert hidden.flatten(1).sum(1).max() == 64
    assert (hidden.flatten(1).sum(1) >= 16).all()
    means = before.mean((2, 3))
    for row in range(20):
        assert torch.allclose(after[row][:, hidden[row]], means[row][:, None], atol=1e-6)


def test_noise_has_its_deviation() -> None:
    before = torch.full((200, 3, 8, 8), 0.5)
    moved = made("noise", deviation=0.1)(before, draws(200)) - before
    assert abs(moved.mean()) < 0.002
    assert abs(moved.std() - 0.1) < 0.003


def test_the_light_policy_is_light() -> None:
    """A disc in the middle stays a disc in the middle."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    disc = ((x**2 + y**2) < 0.3).float().expand(200, 3, 32, 32) * 0.6 + 0.2
    after = made("light")(disc, draws(200))
    shape = after[:, 0] > after[:, 0].flatten(1).mean(1)[:, None, None]
    both = (shape & (disc[:, 0] > 0.5)).flatten(1).sum(1) / (shape | (disc[:, 0] > 0.5)).flatten(1).sum(1)
    assert both.min() > 0.55
    assert (after - disc).abs().flatten(1).max(1).values.min() >= 0
    assert ((after - disc).abs().flatten(1).mean(1) > 1e-3).float().mean() > 0.7


def test_no_two_places_share_their_numbers() -> None:
    row = torch.arange(1_000)
    several = [Draws(0, torch.zeros_like(row), row, place) for place in range(3)]
    numbers = [d.uniform(1, draw)[:, 0] for d in several for draw in range(3)] + [d.lasting() for d in several]
    numbers += [d.normal(1)[:, 0] for d in several]
    related = torch.corrcoef(torch.stack(numbers)).fill_diagonal_(0)
    assert related.abs().max() < 0.15


def test_uniform_numbers_never_reach_one() -> None:
    """An index made from one of them stays inside."""
    from deepwright.blocks import counter

    numbers = counter.uniform(counter.keys(0, torch.zeros(1_000, dtype=torch.int64), torch.arange(1_000)), 4_000)
    assert float(numbers.min()) > 0 and float(numbers.max()) < 1
    assert (numbers * 9).long().max() == 8
