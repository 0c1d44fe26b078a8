"""94 % on CIFAR-10 on one GPU: our engine beside a loop by hand of the paper's whole method, in the same call.

The loop by hand follows Jordan, 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (airbench94): the same network,
half precision, channels last, the summed loss with rates for a thousand examples, a triangular schedule that starts at
a fifth of its peak, whitening biases that learn for three epochs, biases at 64 times the rate, a moving average copied
back every five steps, alternating flips, shifts by two pixels, six views when it is scored. Ours is what the recipe
cifar10-fast does: the network `airbench`, `train`, `Augmented`. Setting up and one warm-up training of a few steps
(compiling ours) are left out of both times; every contestant runs in each round. Promised: at most 1.5 times its time
at an accuracy of 94 % or more, as it is owed for a GPU.

    python benchmarks/gpu/cifar10_fast.py --data FOLDER_OR_cifar10 [--rounds 5] [--epochs 10] [--json]
    python benchmarks/gpu/cifar10_fast.py --toy      (made pictures, any device: that both run, and nothing else)
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.augmentation import Augmented
from deepwright.blocks.losses import cross_entropy
from deepwright.contenders._augmenting import augmentations
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PROMISED, WANTED = 1.5, 0.94
Data = dict[str, Tensor]


def made(rows: int) -> Data:
    """Ten classes that a coarse pattern tells apart."""
    draw = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 256, (10, 3, 4, 4), generator=draw)
    target = torch.randint(0, 10, (rows,), generator=draw)
    pixels = patterns[target].repeat_interleave(8, 2).repeat_interleave(8, 3)
    noisy = pixels + torch.randint(-80, 81, pixels.shape, generator=draw)
    return {"image:p": noisy.clamp(0, 255).to(torch.uint8), "target": target}


def read(source: str) -> tuple[Data, Data]:
    """Training and test pictures of CIFAR-10, by its name or from a folder with its files."""
    import polars as pl

    from deepwright.sources import open_table

    table = open_table(source)
    frame, part, target = table.frame, table.origin.part, table.origin.target
    if part is None or target is None:
        raise SystemExit(f"{source}: expected CIFAR-10 with its own split, as cifar10 or a folder with its files.")
    (column,) = (name for name in frame.columns if name not in (part, target))
    labels = {label: code for code, label in enumerate(sorted(frame[target].unique().to_list()))}
    found = []
    for rows in (frame.filter(pl.col(part) != "test"), frame.filter(pl.col(part) == "test")):
        encoder = find("kind", "image")().fit(rows[column].head(64), options={"size": 32, "channels": 3})
        pixels = torch.from_numpy(encoder.encode(rows[column])[column])
        found.append({"image:p": pixels, "target": torch.tensor([labels[label] for label in rows[target]])})
    return found[0], found[1]


# Ours.


def network(views: int) -> Any:
    cls = find("network", "airbench")
    return cls(cls.Config(views=views), Signature((Field(form="image", name="p", shape=(3, 32, 32)),)), 10)


def ours(rows: Data, test: Data, epochs: float, batch: int, seed: int) -> float:
    torch.manual_seed(seed)
    net = network(6).to(DEVICE)
    net.prepare({name: column[:5_000].to(DEVICE) for name, column in rows.items()})
    recommended = dict(find("network", "airbench").recommended) | {"batch": batch, "seed": seed}
    recommended["lr"] *= batch / 1024  # the paper's rates are for a sum over examples
    recommended |= {"epochs": None, "steps": max(1, round(epochs * (len(rows["target"]) // batch)))}
    plan = Plan(**recommended, compile=DEVICE.type == "cuda", report_every=10**6, device=DEVICE.type)
    change = Augmented(
        augmentations([{"flip": {"alternate": True}}, {"crop": {"padding": 2, "fill": "reflect"}}]), ["p"], seed
    )
    learner = Supervised(net, _smoothed, augment=change, seed=seed)
    for _ in train(learner, Rows(rows, batch=batch, seed=seed), plan):
        pass
    net.eval()
    return _accuracy(lambda pixels: net({"image:p": pixels}), test)


def _smoothed(outputs: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(outputs, target, label_smoothing=0.2)


# By hand.


class Group(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(n, after, 3, padding="same", bias=False) for n in (before, after))
        self.norm1, self.norm2 = (nn.BatchNorm2d(after, eps=1e-12, momentum=0.4) for _ in range(2))
        for norm in (self.norm1, self.norm2):
            norm.weight.requires_grad = False
        for convolution in (self.first, self.second):
            nn.init.dirac_(convolution.weight.data[: convolution.in_channels])

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(F.max_pool2d(self.first(x), 2)))
        return F.gelu(self.norm2(self.second(x)))


def by_hand_network(pixels: Tensor) -> nn.Sequential:
    """The paper's network, whitened on (N, 3, 32, 32) standardised pixels."""
    whitening = nn.Conv2d(3, 24, 2, bias=True)
    patches = pixels[:5_000].unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).float()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values + 5e-4).sqrt()).flip(1).T.reshape(12, 3, 2, 2)
    whitening.weight.data = torch.cat([filters, -filters])
    whitening.weight.requires_grad = False
    nn.init.zeros_(whitening.bias)  # type: ignore[arg-type]
    groups = (Group(24, 64), Group(64, 256), Group(256, 256))
    net = nn.Sequential(
        whitening, nn.GELU(), *groups, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, 10, bias=False)
    ).to(DEVICE)
    net = net.to(memory_format=torch.channels_last)
    if DEVICE.type == "cuda":
        net = net.half()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.float()
    return net


def by_hand(rows: Data, test: Data, epochs: float, batch: int, seed: int) -> float:
    torch.manual_seed(seed)
    kind = torch.half if DEVICE.type == "cuda" else torch.float32
    pixels, target = rows["image:p"].to(DEVICE).to(kind) / 255, rows["target"].to(DEVICE)
    deviation, mean = torch.std_mean(pixels.float(), dim=(0, 2, 3), keepdim=True)
    pixels = ((pixels - mean) / deviation).to(kind).contiguous(memory_format=torch.channels_last)
    net = by_hand_network(pixels)
    a_step = 1024 * (1 + 1 / (1 - 0.85))
    rate, decay = 11.5 / a_step, 0.0153 * batch / a_step
    biases = [p for name, p in net.named_parameters() if "norm" in name and p.requires_grad]
    others = [p for name, p in net.named_parameters() if "norm" not in name and p.requires_grad]
    optimizer = torch.optim.SGD(
        [{"params": others, "lr": rate, "weight_decay": decay / rate},
         {"params": biases, "lr": 64 * rate, "weight_decay": decay / (64 * rate)}],
        momentum=0.85, nesterov=True,
    )  # fmt: skip
    each = len(target) // batch
    total = max(1, round(epochs * each))
    slow = {name: tensor.clone() for name, tensor in net.state_dict().items() if tensor.is_floating_point()}
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _triangle(step, total))
    flipped = torch.rand(len(target), 1, 1, 1, device=DEVICE) < 0.5
    padded = F.pad(torch.where(flipped, pixels.flip(3), pixels), (2, 2, 2, 2), "reflect")
    net.train()
    for step in range(total):
        epoch, place = divmod(step, each)
        if place == 0:
            order = torch.randperm(len(target), device=DEVICE)
            shown = _shifted(padded.flip(3) if epoch % 2 else padded)
            net[0].bias.requires_grad = epoch < 3  # type: ignore[union-attr]
        index = order[place * batch : (place + 1) * batch]
        loss = F.cross_entropy(net(shown[index]) / 9, target[index], label_smoothing=0.2, reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 5 == 0 or step + 1 == total:
            _look_back(net, slow, 0.95**5 * (step / total) ** 3 if step + 1 < total else 1.0)
    net.eval()

    def views(some: Tensor) -> Tensor:
        some = ((some.to(kind) / 255 - mean) / deviation).to(kind).contiguous(memory_format=torch.channels_last)
        wide = F.pad(some, (1, 1, 1, 1), "reflect")
        moved = _both(net, wide[:, :, :32, :32]) + _both(net, wide[:, :, 2:, 2:])
        return 0.5 * _both(net, some) + 0.25 * moved

    return _accuracy(views, test)


def _triangle(step: int, total: int) -> float:
    peak = 0.23 * total
    if step < peak:
        return 0.2 + 0.8 * step / peak
    return 1.0 + (0.07 - 1.0) * (step - peak) / max(1.0, total - peak)


def _shifted(padded: Tensor) -> Tensor:
    """Every picture's window of 32 × 32 at a place of its own."""
    places = torch.randint(0, 5, (len(padded), 2), device=padded.device)
    windows = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # (N, 3, 5, 5, 32, 32)
    rows = torch.arange(len(padded), device=padded.device)
    return windows[rows, :, places[:, 0], places[:, 1]].contiguous(memory_format=torch.channels_last)


def _look_back(net: nn.Module, slow: dict[str, Tensor], kept: float) -> None:
    """The slow weights follow, and the network goes on from them; kept 1: it takes them as they are."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name in slow:
                slow[name].lerp_(tensor, 1 - kept)
                tensor.copy_(slow[name])


def _both(net: nn.Module, pixels: Tensor) -> Tensor:
    return (0.5 * (net(pixels) + net(pixels.flip(3)))).float()


def _accuracy(predict: Callable[[Tensor], Tensor], test: Data) -> float:
    with torch.no_grad():
        answers = [predict(part.to(DEVICE)).argmax(1).cpu() for part in test["image:p"].split(2_000)]
    return float((torch.cat(answers) == test["target"]).float().mean())


def measure(rows: Data, test: Data, rounds: int, epochs: float, batch: int) -> dict[str, Any]:
    runners = {"by hand": by_hand, "ours": ours}
    few = {name: column[: 4 * batch] for name, column in rows.items()}
    spent: dict[str, list[float]] = {name: [] for name in runners}
    scores: dict[str, list[float]] = {name: [] for name in runners}
    for runner in runners.values():
        runner(few, {name: column[:100] for name, column in test.items()}, 1, batch, 0)
    for seed in range(rounds):
        for name, runner in runners.items():
            _wait()
            began = time.perf_counter()
            scores[name].append(runner(rows, test, epochs, batch, seed))
            _wait()
            spent[name].append(time.perf_counter() - began)
    found: dict[str, Any] = {
        name: {
            "seconds": round(statistics.median(spent[name]), 3),
            "low": round(min(spent[name]), 3),
            "high": round(max(spent[name]), 3),
            "accuracy": round(statistics.mean(scores[name]), 4),
        }
        for name in runners
    }
    found["ratio"] = round(found["ours"]["seconds"] / found["by hand"]["seconds"], 3)
    found["kept"] = found["ratio"] <= PROMISED and found["ours"]["accuracy"] >= WANTED
    return found


def _wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="cifar10, or a folder with its files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=9.9)
    parser.add_argument("--toy", action="store_true", help="made pictures, two epochs of 512, one round")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not asked.toy and not asked.data:
        parser.error("give --data cifar10, or --toy")
    if asked.toy:
        found = measure(made(512), made(200), 1, 2, 64)
    else:
        found = measure(*read(asked.data), asked.rounds, asked.epochs, 1024)
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU"
    if asked.json:
        print(json.dumps({"benchmark": "cifar10_fast", "device": device, "toy": asked.toy, "results": found}))
    else:
        print(f"{device}{', toy size: these times say nothing' if asked.toy else ''}")
        for name in ("by hand", "ours"):
            row = found[name]
            print(f"{name:8} {row['seconds']:8.2f} s ({row['low']} to {row['high']}), accuracy {row['accuracy']:.2%}")
        print(f"{found['ratio']} of the time by hand (promised {PROMISED})")
    return 0 if found["kept"] or asked.toy else 1


if __name__ == "__main__":
    sys.exit(main())
