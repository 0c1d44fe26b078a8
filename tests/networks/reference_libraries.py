"""The libraries that published the networks, where they are installed beside a PyTorch for CPUs; tests skip without.

torchvision's wheels hold compiled operators for GPUs that do not load here. Models need none of them but for their
declarations, which `torchvision()` makes; calling one of them fails. `make references` runs them in an environment of
its own.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from types import ModuleType

import pytest
import torch

_BOX = "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_BACK = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
_DECLARED = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": f"({_BOX}, int sampling_ratio, bool aligned) -> Tensor",
    "_roi_align_backward": f"({_BOX}, {_BACK}, int sampling_ratio, bool aligned) -> Tensor",
    "roi_pool": f"({_BOX}) -> (Tensor, Tensor)",
    "_roi_pool_backward": f"({_BOX}, Tensor argmax, {_BACK}) -> Tensor",
    "ps_roi_align": f"({_BOX}, int sampling_ratio) -> (Tensor, Tensor)",
    "_ps_roi_align_backward": f"({_BOX}, Tensor mapping, int sampling_ratio, {_BACK}) -> Tensor",
    "ps_roi_pool": f"({_BOX}) -> (Tensor, Tensor)",
    "_ps_roi_pool_backward": f"({_BOX}, Tensor mapping, {_BACK}) -> Tensor",
    "deform_conv2d": "(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int[] numbers) -> Tensor",
    "_deform_conv2d_backward": "(Tensor grad, Tensor input) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
}
_KEPT: list[torch.library.Library] = []
"""Declarations last as long as the object that made them."""


@functools.cache
def torchvision() -> ModuleType:
    """`torchvision.models`, or the test is skipped."""
    _installed("torchvision")
    try:
        torch.ops.torchvision.nms  # noqa: B018
    except (AttributeError, RuntimeError):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name, signature in _DECLARED.items():
            library.define(name + signature)
        _KEPT.append(library)
    return importlib.import_module("torchvision.models")


@functools.cache
def timm() -> ModuleType:
    """`timm`, or the test is skipped."""
    torchvision()
    _installed("timm")
    return importlib.import_module("timm")


def _installed(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed beside these tests", allow_module_level=False)
