"""The supervised learner: one move, and augmentation that belongs to its row."""

from __future__ import annotations

import pytest
import torch
from engine_cases import Batch, classes
from torch import nn
from torch.nn import functional

from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train

CPU = torch.device("cpu")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.last: Batch = {}

    def forward(self, batch: Batch) -> torch.Tensor:
        self.last = batch
        return self.layer(batch["number"])


def one_batch(size: int = 8) -> Batch:
    return next(Rows(classes(40), batch=size, seed=2).batches(nn.Identity(), CPU))


def test_one_move_down_the_loss() -> None:
    learner, batch = Supervised(Net(), functional.cross_entropy), one_batch()
    (move,) = list(learner.losses(batch))
    assert move.part == "net"
    assert torch.equal(move.loss, functional.cross_entropy(learner.net(batch), batch["target"]))
    assert "quantiles" not in learner.state_dict()


def test_noise_belongs_to_its_row_not_to_its_batch() -> None:
    learner, batch = Supervised(Net(), functional.cross_entropy, noise=0.5, seed=1), one_batch(8)
    list(learner.losses(batch))
    noise = learner.net.last["number"] - batch["number"]
    assert 0.2 < noise.std() < 0.8
    few = {name: values[2:5] for name, values in batch.items()}
    list(learner.losses(few))
    assert torch.equal(learner.net.last["number"] - few["number"], noise[2:5])
    later = batch | {"epoch": batch["epoch"] + 1}
    list(learner.losses(later))
    assert not torch.allclose(learner.net.last["number"] - batch["number"], noise)


def test_mixture_is_the_loss_for_soft_targets() -> None:
    learner, batch = Supervised(Net(), functional.cross_entropy, mixup=0.8, seed=4), one_batch(16)
    batch["category"] = torch.arange(16)[:, None]
    (move,) = list(learner.losses(batch))
    mixed = learner.net.last["number"]
    share, partner = _solve(batch["number"], mixed)
    assert 0.5 <= share <= 1.0
    assert sorted(partner.tolist()) == list(range(16))
    soft = (
        share * functional.one_hot(batch["target"], 3) + (1 - share) * functional.one_hot(batch["target"], 3)[partner]
    )
    assert move.loss.item() == pytest.approx(float(functional.cross_entropy(learner.net.layer(mixed), soft)), abs=1e-5)
    assert torch.equal(learner.net.last["category"], batch["category"])


def _solve(before: torch.Tensor, after: torch.Tensor) -> tuple[float, torch.Tensor]:
    """The share and the partners that explain the mixture, by trying."""
    for share in torch.linspace(0.5, 1.0, 4001).tolist():
        other = (after - share * before) / max(1 - share, 1e-9)
        distance = torch.cdist(other, before)
        if float(distance.min(1).values.max()) * (1 - share) < 5e-4:
            return share, distance.argmin(1)
    raise AssertionError("no share explains it")


def test_the_share_is_betas() -> None:
    learner = Supervised(Net(), functional.cross_entropy, mixup=0.4)
    reference = torch.distributions.Beta(0.4, 0.4).sample((20_000,))
    reference = torch.maximum(reference, 1 - reference)
    for q in (0.1, 0.5, 0.9):
        assert float(learner.quantiles.quantile(q)) == pytest.approx(float(reference.quantile(q)), abs=0.02)


def test_both_train() -> None:
    data = classes(200)
    learner = Supervised(Net(), functional.cross_entropy, mixup=0.2, noise=0.1)
    for _ in train(learner, Rows(data, batch=32), Plan(epochs=40, lr=0.02)):
        pass
    assert float((learner.net(data).argmax(1) == data["target"]).float().mean()) > 0.85


class Seeing(nn.Module):
    """Remembers what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 3)
        self.last: Batch = {}

    def forward(self, batch: Batch) -> torch.Tensor:
        self.last = batch
        pixels = batch["image:p"]
        return self.layer((pixels / 255 if pixels.dtype == torch.uint8 else pixels).mean((2, 3)))


def pictures(rows: int = 16, side: int = 12) -> Batch:
    """Each of one value of its own, so that pixels say whose they are."""
    values = torch.arange(rows, dtype=torch.uint8)[:, None, None, None] * 8 + 7
    row = torch.arange(rows)
    return {
        "image:p": values.expand(rows, 3, side, side).contiguous(),
        "number": torch.rand(rows, 2),
        "target": row % 3,
        "row": row,
        "epoch": torch.zeros_like(row),
    }


def test_pictures_of_bytes_are_mixed_as_numbers() -> None:
    learner, batch = Supervised(Seeing(), functional.cross_entropy, mixup=0.8, seed=4), pictures()
    (move,) = list(learner.losses(batch))
    seen = learner.net.last["image:p"]
    assert seen.dtype == torch.float32
    values, before = seen.flatten(1)[:, 0], batch["image:p"].flatten(1)[:, 0] / 255
    keys_of = (learner.net.last["number"] - batch["number"]).abs().sum(1) > 0
    share = next(s for s in torch.linspace(0.5, 1, 5001).tolist() if _explains(s, values, before))
    assert (values != before).any() and keys_of.any() and 0.5 <= share <= 1
    assert move.loss.isfinite()


def _explains(share: float, values: torch.Tensor, before: torch.Tensor) -> bool:
    other = (values - share * before) / max(1 - share, 1e-9)
    return float((other[:, None] - before).abs().min(1).values.max()) * (1 - share) < 1e-4


def test_cutmix_pastes_a_box_and_mixes_targets_by_area() -> None:
    net = Seeing()
    learner, batch = Supervised(net, functional.cross_entropy, cutmix=1.0, seed=4), pictures(side=20)
    shares = []
    for epoch in range(40):
        (move,) = list(learner.losses(batch | {"epoch": torch.full((16,), epoch)}))
        seen = (net.last["image:p"] * 255).round().long()[:, 0]  # (B, H, W)
        foreign = seen != batch["image:p"][:, 0].long()
        box = foreign.any(0)
        rows, columns = box.any(1).nonzero(), box.any(0).nonzero()
        area = (len(rows) * len(columns)) / 400 if len(rows) else 0.0
        partner = torch.where(foreign, (seen - 7) // 8, -1).flatten(1).max(1).values
        partner = torch.where(partner < 0, torch.arange(16), partner)
        outputs = net(net.last)
        expected = (1 - area) * functional.cross_entropy(outputs, batch["target"])
        expected = expected + area * functional.cross_entropy(outputs, batch["target"][partner])
        assert float(move.loss) == pytest.approx(float(expected), abs=1e-5)
        assert torch.equal(net.last["number"], batch["number"])
        shares.append(1 - area)
    assert min(shares) < 0.7 and max(shares) > 0.9


def test_mixup_and_cutmix_take_turns() -> None:
    learner = Supervised(Seeing(), functional.cross_entropy, mixup=0.8, cutmix=1.0, seed=4)
    mixed = []
    for epoch in range(60):
        batch = pictures() | {"epoch": torch.full((16,), epoch)}
        list(learner.losses(batch))
        mixed.append(not torch.equal(learner.net.last["number"], batch["number"]))
    assert 0.25 < sum(mixed) / 60 < 0.75


def test_what_augments_is_asked_while_learning_and_sees_rows_and_epochs() -> None:
    asked: list[Batch] = []

    def note(batch: Batch) -> Batch:
        asked.append(batch)
        return batch | {"image:p": 255 - batch["image:p"]}

    learner, batch = Supervised(Seeing(), functional.cross_entropy, augment=note), pictures()
    list(learner.losses(batch))
    assert torch.equal(learner.net.last["image:p"], 255 - batch["image:p"])
    assert asked[0].keys() >= {"row", "epoch"}
    learner.net(batch)
    assert len(asked) == 1
