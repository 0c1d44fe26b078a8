"""Small pictures made here, and a desk to try transfer on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from deepwright.blocks.image_network import ImageNetwork
from deepwright.contenders._network_start import Start
from deepwright.contenders.network import NetworkContender
from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, preset

SIDE = 16
SMALL: dict[str, Any] = {"network": "resnet20", "config": {"depth": 8, "width": 4}}
QUICK: dict[str, Any] = {"epochs": 2, "batch": 16, "lr": 0.05, "schedule": "constant", "warmup": 0.0}


def picture(pixels: np.ndarray) -> bytes:
    """(H, W, 3) or (H, W) uint8 → a PPM or PGM file."""
    kind = b"P6" if pixels.ndim == 3 else b"P5"
    return kind + f" {pixels.shape[1]} {pixels.shape[0]} 255\n".encode() + pixels.tobytes()


def bars(rows: int, seed: int = 0, *, labels: str = "abcd", grey: bool = False) -> pl.DataFrame:
    """Bars that lie, stand, cross, or are not there, at random places; the label is which."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, len(labels), rows)
    pixels = rng.integers(0, 90, (rows, SIDE, SIDE, 3), dtype=np.uint8)
    for row, kind in enumerate(kinds):
        at = rng.integers(2, SIDE - 3, 2)
        if kind in (0, 2):
            pixels[row, at[0] : at[0] + 2] = 220
        if kind in (1, 2):
            pixels[row, :, at[1] : at[1] + 2] = 220
    photo = [picture(one[..., 0] if grey else one) for one in pixels]
    return pl.DataFrame({"photo": pl.Series(photo, dtype=pl.Binary), "label": [labels[k] for k in kinds]})


def encoding_of(train: pl.DataFrame, **kinds: str) -> Encoding:
    """Of the picture, and of the other columns named."""
    return Encoding(tuple(find("kind", k)().fit(train[c]) for c, k in {"photo": "image", **kinds}.items()))


def brief(folder: Path, train: pl.DataFrame, encoding: Encoding | None = None, **said: Any) -> Brief:
    """To classify `label`."""
    folder.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"log": lambda line: None, "rewind": lambda step: None, "progress": lambda part, text: None}
    task = find("task", "classification").fit(train["label"], {})
    return Brief(task=task, encoding=encoding or encoding_of(train), metric="accuracy", seconds=None, seed=1,
                 folder=folder, **told | said)  # fmt: skip


def contender(start: Start | None = None, **options: Any) -> NetworkContender:
    """A small residual net."""
    given = {**SMALL, "training": QUICK, **options}
    return NetworkContender(NetworkContender.Options(**given), start)


def built(name: str, shape: tuple[int, int, int] = (3, SIDE, SIDE), outputs: int = 4, **config: Any) -> ImageNetwork:
    """A network with random weights, its norms' statistics moved away from where they begin."""
    torch.manual_seed(0)
    cls = find("network", name)
    signature = Signature((Field(form="image", name="photo", shape=shape),))
    net: ImageNetwork = cls(cls.Config(**{**preset("network", name), **config}), signature, outputs)
    for key, tensor in net.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.5, 1.5)
    return net


def published(net: ImageNetwork, library: int = 0) -> dict[str, torch.Tensor]:
    """Its weights by a library's names."""
    table = net.weight_names[library]
    return {table.of(name): tensor.detach().clone() for name, tensor in net.weights().items()}
