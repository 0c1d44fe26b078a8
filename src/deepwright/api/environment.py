"""Environment: is this machine ready, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

_NEEDED = ("torch", "numpy", "polars", "scikit-learn", "lightgbm", "pydantic", "matplotlib")
_EXTRAS = {"pandas": "frames", "pyarrow": "frames", "fastexcel": "excel"}
_LEAST_DISK_GIB = 2


def environment() -> dict[str, Any]:
    """{"items": [{"what", "found", "ok", "remedy"}], "ok": all of them}."""
    items = [_python(), *map(_package, _NEEDED), *(_extra(*pair) for pair in _EXTRAS.items()), *_hardware(), _disk()]
    return {"items": items, "ok": all(item["ok"] for item in items)}


def _item(what: str, found: str, ok: bool = True, remedy: str | None = None) -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok, "remedy": remedy}


def _python() -> dict[str, Any]:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return _item("Python", found, ok, None if ok else "Deepwright needs Python 3.11 or newer.")


def _package(name: str) -> dict[str, Any]:
    try:
        return _item(name, version(name))
    except PackageNotFoundError:
        return _item(name, "not installed", False, f"pip install {name}")


def _extra(name: str, extra: str) -> dict[str, Any]:
    if find_spec(name) is None:
        return _item(name, f"not installed (optional): pip install 'deepwright[{extra}]'")
    return _item(name, version(name))


def _hardware() -> list[dict[str, Any]]:
    import torch

    cores = _item("processor cores", str(os.cpu_count()))
    if torch.cuda.is_available():
        return [cores, _item("accelerator", torch.cuda.get_device_name())]
    if torch.backends.mps.is_available():
        return [cores, _item("accelerator", "Apple GPU (mps)")]
    return [cores, _item("accelerator", "none; networks train on the processor, which is enough for tables")]


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(".").free / 2**30
    ok = free >= _LEAST_DISK_GIB
    return _item("free disk here", f"{free:.1f} GiB", ok, None if ok else "Run folders and checkpoints need room.")
