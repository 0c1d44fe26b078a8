"""Pictures: an epoch against a loop by hand, what augmentation costs, decoding, and memory.

Epoch. ResNet-20 at batch 128 on pictures of 32 × 32 with crop and flip. The loop by hand is what a tutorial shows:
Pillow pictures, transforms of one item (pad and crop, flip, to tensor, normalise) in a DataLoader with 0 and with 2
workers, of which the faster counts; the same network with its rows as they come. Ours is `train` with the stream and
the learner of the contender. Both on one thread, in turns, so that what disturbs the machine disturbs both.

Decoding. JPEG photographs to 64 × 64, CPU time on one core, against open, convert, resize with Pillow; and read
again. Memory. Pictures of ten times `data.memory`, encoded and trained on in random order; the peak above that of the
same process on few of them.

    python benchmarks/images.py [--rounds 5] [--batches 6] [--data cifar.zip] [--only epoch|decoding|memory] [--json]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np

BATCH, SIDE = 128, 32
PROMISED = {"epoch": 0.65, "augmentation": 0.15, "decoding": 1.8, "above": 300}


# An epoch, and what augmentation costs of it.


def pictures(rows: int, source: str | None) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 3) uint8 and (N,) int64: made, or the first ones of an image folder or zip."""
    draw = np.random.default_rng(0)
    if source is None:
        coarse = draw.integers(0, 256, (rows, 4, 4, 3), dtype=np.uint8)
        return coarse.repeat(8, 1).repeat(8, 2), draw.integers(0, 10, rows)
    from deepwright.core.find import find
    from deepwright.sources import open_table

    frame = open_table(source).frame.sample(fraction=1.0, shuffle=True, seed=0)
    column = next(name for name in frame.columns if find("kind", "image")().recognise(frame[name]).confidence > 0.5)
    chosen = frame.head(rows)
    encoder = find("kind", "image")().fit(chosen[column], options={"size": SIDE, "channels": 3})
    pixels = encoder.encode(chosen[column])[column].transpose(0, 2, 3, 1)
    other = next(name for name in frame.columns if name != column)
    return np.ascontiguousarray(pixels), chosen[other].cast(str).rank("dense").to_numpy().astype(np.int64) - 1


def network() -> Any:
    import torch

    from deepwright.core.fields import Field, Signature
    from deepwright.core.find import find, preset

    torch.manual_seed(0)
    cls = find("network", "resnet20")
    signature = Signature((Field(form="image", name="p", shape=(3, SIDE, SIDE)),))
    return cls(cls.Config(**preset("network", "resnet20")), signature, 10)


class ByHand:
    """Items one by one, as a data set of Pillow pictures gives them."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, batches: int) -> None:
        from PIL import Image

        self.pictures = [Image.fromarray(row) for row in pixels[: BATCH * batches]]
        self.labels = labels

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        import random

        import torch
        from PIL import Image, ImageOps

        picture = ImageOps.expand(self.pictures[row], 4)
        left, top = random.randint(0, 8), random.randint(0, 8)
        picture = picture.crop((left, top, left + SIDE, top + SIDE))
        if random.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)  # (3, H, W)
        mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)))
        return tensor.sub_(mean).div_(deviation), int(self.labels[row])


class Plain:
    """The network without what we do to make it fast: no channels side by side, nothing in place."""

    def __init__(self) -> None:
        from torch import nn
        from torch.nn import functional as F

        class Block(nn.Module):
            def __init__(self, before: int, after: int, step: int) -> None:
                super().__init__()
                self.c1, self.n1 = nn.Conv2d(before, after, 3, step, 1, bias=False), nn.BatchNorm2d(after)
                self.c2, self.n2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
                self.step, self.new = step, after - before

            def forward(self, x: Any) -> Any:
                y = self.n2(self.c2(F.relu(self.n1(self.c1(x)))))
                if self.new:
                    x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.new // 2, self.new // 2))
                return F.relu(x + y)

        widths = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
        self.net = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *(Block(*w) for w in widths),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip


def by_hand(pixels: np.ndarray, labels: np.ndarray, batches: int, workers: int) -> float:
    """Wall-clock seconds of `batches` batches; the first one, and starting workers, left out."""
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Plain().net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    loader: Any = DataLoader(ByHand(pixels, labels, batches + 1), BATCH, shuffle=True, num_workers=workers)  # type: ignore[arg-type]
    began = 0.0
    for number, (x, y) in enumerate(loader):
        if number == 1:
            began = time.perf_counter()
        optimizer.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return time.perf_counter() - began


def ours(pixels: np.ndarray, labels: np.ndarray, batches: int, augment: bool = True) -> float:
    """The same by our engine."""
    import torch
    from torch.nn import functional

    from deepwright.blocks.augmentation import Augmented
    from deepwright.contenders._augmenting import augmentations
    from deepwright.core.plan import Plan
    from deepwright.learners.supervised import Supervised
    from deepwright.streams.rows import Rows
    from deepwright.training import train

    rows = {
        "image:p": torch.from_numpy(pixels[: BATCH * (batches + 1)].transpose(0, 3, 1, 2).copy()),
        "target": torch.from_numpy(labels[: BATCH * (batches + 1)]),
    }
    net = network()
    net.prepare(rows)
    change = Augmented(augmentations([{"crop": {"padding": 4}}, "flip"]), ["p"], 0) if augment else None
    plan = Plan(
        epochs=1, batch=BATCH, optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4, threads=1, report_every=1
    )
    marks = [
        time.perf_counter()
        for _ in train(Supervised(net, functional.cross_entropy, augment=change), Rows(rows, batch=BATCH), plan)
    ]
    return marks[-1] - marks[0]


def augmenting(pixels: np.ndarray, labels: np.ndarray) -> float:
    """Seconds that crop and flip take of one batch."""
    import torch

    from deepwright.blocks.augmentation import Augmented
    from deepwright.contenders._augmenting import augmentations

    change = Augmented(augmentations([{"crop": {"padding": 4}}, "flip"]), ["p"], 0)
    row = torch.arange(BATCH)
    batch = {
        "image:p": torch.from_numpy(pixels[:BATCH].transpose(0, 3, 1, 2).copy()),
        "row": row,
        "epoch": torch.zeros_like(row),
    }
    change(batch)
    return _seconds(lambda: change(batch), 20)


def epoch(rounds: int, batches: int, source: str | None) -> dict[str, Any]:
    pixels, labels = pictures(BATCH * (batches + 1), source)
    runners: dict[str, Callable[[], float]] = {
        "by hand, 0 workers": lambda: by_hand(pixels, labels, batches, 0),
        "by hand, 2 workers": lambda: by_hand(pixels, labels, batches, 2),
        "ours": lambda: ours(pixels, labels, batches),
        "augmentation": lambda: augmenting(pixels, labels) * batches,
    }
    spent: dict[str, list[float]] = {name: [] for name in runners}
    work: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            before = _cpu()
            spent[name].append(runner() / batches * 1e3)
            work[name].append(_cpu() - before)
    found: dict[str, Any] = {name: _told(times) for name, times in spent.items()}
    hands = [name for name in runners if name.startswith("by hand")]
    # Rounds are compared each by itself: what else the machine does changes from round to round.
    ratios = [ours / min(hand) for ours, *hand in zip(spent["ours"], *(spent[name] for name in hands), strict=True)]
    found["ratio"] = round(statistics.median(ratios), 3)
    found["ratios"] = [round(ratio, 3) for ratio in sorted(ratios)]
    found["work"] = round(statistics.median(work["ours"]) / min(statistics.median(work[name]) for name in hands), 3)
    found["share"] = round(found["augmentation"]["median"] / found["ours"]["median"], 4)
    found["kept"] = found["ratio"] <= PROMISED["epoch"] and found["share"] <= PROMISED["augmentation"]
    return found


# Decoding.


def photographs(count: int, width: int, height: int) -> list[bytes]:
    """JPEG of quality 85, as smooth and as rough as photographs."""
    from PIL import Image

    draw = np.random.default_rng(0)
    found = []
    for _ in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (15, 20, 3), dtype=np.uint8)).resize((width, height))
        noisy = np.asarray(coarse).astype(np.int16) + draw.integers(-5, 6, (height, width, 3))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
        found.append(file.getvalue())
    return found


def decoding(rounds: int) -> dict[str, Any]:
    """Of photographs of two sizes; the promise is about the larger one, still a small one for a camera."""
    found: dict[str, Any] = {}
    for width, height, count in ((320, 240, 120), (640, 480, 60)):
        size = f"{width} × {height}"
        found |= {f"{name}, {size}": told for name, told in _decoded(photographs(count, width, height), rounds).items()}
        found["ratio"] = round(found[f"Pillow, {size}"]["median"] / found[f"ours, {size}"]["median"], 2)
        found[f"ratio, {size}"] = found["ratio"]
    found["kept"] = found["ratio"] >= PROMISED["decoding"]
    return found


def _decoded(files: list[bytes], rounds: int) -> dict[str, dict[str, float]]:
    import polars as pl
    from PIL import Image

    from deepwright.kinds import _picture_reader as reader
    from deepwright.kinds._picture_cache import PictureCache

    column = pl.Series("photo", files, dtype=pl.Binary)
    made = reader.Reader(shape=(3, 64, 64))

    def plainly() -> None:
        for content in files:
            np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((64, 64)))

    def fresh() -> None:
        reader.CACHE = PictureCache()
        list(made.read(column))

    runners: dict[str, Callable[[], Any]] = {
        "Pillow": plainly,
        "ours": fresh,
        "read again": lambda: list(made.read(column)),
    }
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            began = time.process_time()
            runner()
            spent[name].append((time.process_time() - began) / len(files) * 1e6)
    return {name: _told(times) for name, times in spent.items()}


# Memory.


def memory_work(rows: int, budget: int) -> float:
    """Peak MiB of this process after encoding and training on so many pictures of 64 × 64, within `budget` MiB."""
    import polars as pl

    from deepwright.contenders.network import NetworkContender
    from deepwright.core.contender import Brief
    from deepwright.core.encoding import Encoding
    from deepwright.core.find import find

    side, draw = 64, np.random.default_rng(0)
    few = [f"P6 {side} {side} 255\n".encode() + draw.integers(0, 256, side * side * 3, dtype=np.uint8).tobytes()
           for _ in range(64)]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for number, content in enumerate(few):
            paths.append(str(Path(place, f"{number}.ppm")))
            Path(paths[-1]).write_bytes(content)
        frame = pl.DataFrame({"photo": [paths[i % 64] for i in range(rows)], "class": ["a", "b"] * (rows // 2)})
        encoding = Encoding((find("kind", "image")().fit(frame["photo"].head(64)),))
        task = find("task", "classification").fit(frame["class"], {})
        made = NetworkContender(
            NetworkContender.Options(network="lenet5", training={"steps": 60, "batch": 64, "threads": 1})
        )
        brief = Brief(
            task=task, encoding=encoding, metric="accuracy", seconds=None, seed=0, folder=Path(place),
            log=lambda report: None, rewind=lambda step: None, progress=lambda part, text: None, memory=budget,
        )  # fmt: skip
        made.fit(frame, frame.head(64), brief)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(budget: int) -> dict[str, Any]:
    def peak(rows: int) -> float:
        command = [sys.executable, __file__, "--rows", str(rows), "--budget", str(budget)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    rows = 10 * budget * (1 << 20) // (64 * 64 * 3) // 2 * 2
    bare, full = peak(64), peak(rows)
    above = full - bare
    return {
        "rows": rows,
        "budget": budget,
        "bare": round(bare),
        "peak": round(full),
        "above": round(above),
        "kept": above <= budget + PROMISED["above"],
    }


def _cpu() -> float:
    """CPU seconds of this process and of those that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _seconds(runner: Callable[[], Any], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        runner()
    return (time.perf_counter() - began) / times


def _told(times: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(times), 2),
        "low": round(min(times), 2),
        "high": round(max(times), 2),
    }


def _lines(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    units = {"epoch": "ms a batch", "decoding": "CPU µs a picture"}
    for part, unit in units.items():
        for name, row in found.get(part, {}).items():
            if isinstance(row, dict):
                yield f"{name:24} {row['median']:9.1f} {unit}  ({row['low']:.1f} to {row['high']:.1f})"
        if part == "epoch" and part in found:
            low, high = found[part]["ratios"][0], found[part]["ratios"][-1]
            yield f"an epoch takes {found[part]['ratio']} ({low} to {high}) of the time of the loop by hand"
            yield f"and {found[part]['work']} of its CPU time (promised {PROMISED['epoch']})"
            yield f"augmentation takes {found[part]['share']:.1%} of a step (promised {PROMISED['augmentation']:.0%})"
        if part == "decoding" and part in found:
            small, large = (found[part][key] for key in found[part] if key.startswith("ratio, "))
            yield f"decoded {small} and {large} times as fast as by Pillow (promised {PROMISED['decoding']})"
    if "memory" in found:
        row = found["memory"]
        yield f"{row['rows']:,} pictures, ten times {row['budget']} MiB: {row['above']} MiB above a process with few"
    for part, row in found.items():
        yield f"{part}: {'kept' if row['kept'] else 'NOT KEPT'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=6, help="batches of 128 that stand for an epoch")
    parser.add_argument("--data", help="a folder or zip of classes of pictures, such as CIFAR-10's; else made ones")
    parser.add_argument("--only", choices=("epoch", "decoding", "memory"))
    parser.add_argument("--budget", type=int, default=32, help="MiB")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rows:
        print(memory_work(asked.rows, asked.budget))
        return 0
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "epoch": lambda: epoch(asked.rounds, asked.batches, asked.data),
        "decoding": lambda: decoding(asked.rounds),
        "memory": lambda: memory(asked.budget),
    }
    found = {name: part() for name, part in parts.items() if asked.only in (None, name)}
    if asked.json:
        print(json.dumps({"benchmark": "images", "rounds": asked.rounds, "results": found}))
    else:
        print("\n".join(_lines(found)))
    return 0 if all(part["kept"] for part in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
