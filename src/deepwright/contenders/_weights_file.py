"""Weights that a recipe names: what the name means, and reading them from a file or from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from deepwright.blocks.published_weights import read_weights
from deepwright.contenders._network_start import IMAGENET, Start
from deepwright.core.errors import DataError, DeepwrightError, nearest, not_found
from deepwright.core.files import read_json, read_tensors
from deepwright.core.paths import open_regular

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_HUB = "hf:"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE = "model.safetensors"
"""What publishers call the file on the hub."""


def meant(said: str) -> Literal["run", "file", "hub"]:
    """What a name of weights stands for; raises DataError or NotFoundError with the nearest where nothing is there."""
    if said.startswith(_HUB):
        return "hub"
    path, folder = Path(said), Path(split(said)[0])
    if path.is_file():
        return "file"
    if folder.is_dir():
        return "run"
    if path.suffix in SUFFIXES:
        found = [str(p) for p in path.parent.glob("*") if p.suffix in SUFFIXES] if path.parent.is_dir() else []
        guess = nearest(said, found)
        raise DataError(
            "there is no file of weights here.",
            where=said,
            remedy=f"Did you mean '{guess}'?" if guess else "Give a .safetensors file or a state dict (.pt), or a run.",
        )
    if _HUB_NAME.fullmatch(said) and not folder.parent.is_dir():
        return "hub"
    runs = [str(p.parent) for p in folder.parent.glob("*/run.json")] if folder.parent.is_dir() else []
    raise not_found("run", str(folder), runs, where="weights")


def split(said: str) -> tuple[str, str | None]:
    """ "runs/a:resnet20" → folder and contender; a folder that is there with a colon in its name is only a folder."""
    folder, colon, name = said.rpartition(":")
    return (folder, name) if colon and name and not Path(said).is_dir() else (said, None)


def from_file(said: str) -> Start:
    """Of a .safetensors file or a state dict; raises DataError or RunError where it is neither."""
    return Start(weights=read_weights(said), told={"from": said, "sha256": sha256(Path(said))})


def from_hub(said: str) -> Start:
    """Of a repository on the hub, kept in the hub's own cache; raises DataError saying how to do without the hub."""
    name = said.removeprefix(_HUB)
    if not _HUB_NAME.fullmatch(name):
        remedy = "For example: hf:timm/resnet18.a1_in1k"
        raise DataError(f"expected {_HUB}owner/name, got '{said}'.", where="weights", remedy=remedy)
    path = _downloaded(name, _FILE)
    weights = {key: torch.from_numpy(array) for key, array in read_tensors(path).items()}
    return Start(weights=weights, told={"from": f"{_HUB}{name}", "sha256": sha256(path)}, colours=_colours(name))


def sha256(path: Path) -> str:
    """Of the file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _downloaded(name: str, file: str) -> Path:
    """The file itself, not the link to it that the hub's cache shows."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        missing = "the package 'huggingface_hub' is not installed (pip install 'deepwright[hub]')"
        raise _without_hub(name, missing) from None
    try:
        return Path(hf_hub_download(name, file)).resolve()
    except Exception as error:  # its errors are of many libraries: no network, no such repository, no right to it
        why = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise _without_hub(name, why) from None


def _without_hub(name: str, why: str) -> DataError:
    kept = f"weights/{name.rpartition('/')[2]}.safetensors"
    return DataError(
        f"the weights '{name}' cannot be had from the hub: {why}.",
        where="weights",
        remedy=f"Download https://huggingface.co/{name}/resolve/main/{_FILE} where there is a network, save it as "
        f"{kept}, and write `weights: {kept}`.",
    )


def _colours(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation as the publisher's config.json says them, else ImageNet's."""
    try:
        said = read_json(_downloaded(name, "config.json"))
    except DeepwrightError:
        return IMAGENET
    own: Any = said.get("pretrained_cfg", {}) if isinstance(said, Mapping) else {}
    try:
        mean, deviation = (tuple(float(value) for value in own[key]) for key in ("mean", "std"))
    except (KeyError, TypeError, ValueError):
        return IMAGENET
    return (mean, deviation) if len(mean) == len(deviation) == 3 and min(deviation) > 0 else IMAGENET
