"""Checkpoint: the state of training on disk; whole or not there, and nothing in it executes.

FOLDER/NAME-00000012/   tensors.safetensors, state.json, MANIFEST.json (size and sha256 of both)

A checkpoint is written into a hidden folder, brought to the disk, renamed, and only then the one before the last is
removed: whatever moment a kill, a full disk or a power cut chooses, the newest complete one is there. One that was
damaged later is recognised by its manifest, and the one before it taken.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepwright.core.errors import InternalError, RunError, UserError
from deepwright.core.files import (
    boundary,
    check_manifest,
    inside,
    new_folder,
    read_json,
    read_tensors,
    sweep,
    write_json,
    write_tensors,
)

FORMAT = 1
_KEPT = 2
_TENSOR = "$tensor"
_AS_INTEGERS = {"bfloat16": torch.int16}
"""Types that NumPy does not have travel as integers of the same bits."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What `load` found."""

    state: dict[str, Any]
    """The tree that was saved."""
    number: int
    """Counts the checkpoints of that name, from 1."""
    damaged: tuple[str, ...] = ()
    """What is wrong with newer ones that were passed over, one line each, for people."""


def save(folder: Path, name: str, state: dict[str, Any]) -> Path:
    """Write the next checkpoint called `name` ("last", "best") below `folder`, which is made; gives its folder.

    state: a tree of dicts with text keys, lists, tensors and JSON-able values, as `Report.state()` gives it.
    Raises UserError in one line when it cannot be written; the last one is then untouched.
    """
    tensors: dict[str, Tensor] = {}
    tree = _take_out(state, "", tensors)
    _make(folder)
    number = max(_numbers(folder, name), default=0) + 1
    with new_folder(folder, f"{name}-{number:08d}") as place:
        write_tensors(place / "tensors.safetensors", {key: value.numpy(force=True) for key, value in tensors.items()})
        write_json(place / "state.json", {"format": FORMAT, "tree": tree})
    with contextlib.suppress(OSError):  # what cannot be removed now is removed the next time
        for old in sorted(_numbers(folder, name))[:-_KEPT]:
            _remove(folder / f"{name}-{old:08d}")
    return folder / f"{name}-{number:08d}"


def load(folder: Path, name: str) -> Checkpoint | None:
    """The newest checkpoint of that name that is whole; None when there never was one.

    Leftovers of a killed process are swept away. Raises RunError when there are some and none of them is whole.
    """
    if not folder.is_dir():
        return None
    sweep(folder)
    damaged: list[str] = []
    for number in sorted(_numbers(folder, name), reverse=True):
        try:
            return Checkpoint(state=_read(folder, f"{name}-{number:08d}"), number=number, damaged=tuple(damaged))
        except RunError as error:
            damaged.append(" ".join(str(error).split()))
    if damaged:
        raise RunError(
            f"none of the {len(damaged)} checkpoints is whole; the newest: {damaged[0]}",
            where=str(folder),
            remedy="Start the training anew.",
        )
    return None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the folder cannot be made: {error.strerror or error}.",
            where=str(folder),
            remedy="Free some space or choose a place that may be written.",
        ) from error


def _numbers(folder: Path, name: str) -> list[int]:
    pattern = re.compile(re.escape(name) + r"-(\d{8})")
    return [int(match[1]) for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))]


def _remove(folder: Path) -> None:
    """Out of sight in one step first, so that no kill leaves half a checkpoint under a valid name."""
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _read(folder: Path, name: str) -> dict[str, Any]:
    place = inside(folder, name)
    check_manifest(place)
    saved = read_json(inside(place, "state.json"))
    arrays = read_tensors(inside(place, "tensors.safetensors"))
    with boundary(place):
        if saved["format"] != FORMAT:
            raise RunError(f"expected checkpoint format {FORMAT}, got {saved['format']!r}.", where=str(place))
        return _put_back(saved["tree"], {key: torch.from_numpy(array) for key, array in arrays.items()})


def _take_out(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The tree with every tensor replaced by where it is."""
    if isinstance(value, dict):
        if _TENSOR in value or not all(isinstance(key, str) for key in value):
            raise InternalError(f"the state's keys at '{path}' must be text other than '{_TENSOR}'.")
        return {key: _take_out(entry, f"{path}/{key}", tensors) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_take_out(entry, f"{path}/{i}", tensors) for i, entry in enumerate(value)]
    if not isinstance(value, Tensor):
        return value
    kind = str(value.dtype).removeprefix("torch.")
    tensors[path] = value.view(_AS_INTEGERS[kind]) if kind in _AS_INTEGERS else value
    return {_TENSOR: path, "type": kind}


def _put_back(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_put_back(entry, tensors) for entry in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR not in value:
        return {key: _put_back(entry, tensors) for key, entry in value.items()}
    tensor = tensors[value[_TENSOR]]
    return tensor.view(getattr(torch, value["type"])) if value["type"] in _AS_INTEGERS else tensor
