"""Anatomy: the networks of a model layer by layer, JSON-able; what the report and `show RUN --network` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from deepwright.blocks.description import LayerRow, describe
from deepwright.blocks.network import Network
from deepwright.core.fields import Signature


def anatomy(nets: Mapping[str, tuple[Network, Signature]]) -> list[dict[str, Any]]:
    """Of each network what it reads and its layers in order of use: {name, about, reads, layers}, see
    docs/run-folder.md. nets: name → network and what it was built to read."""
    return [
        {
            "name": name,
            "about": net.about(),
            "reads": reads(signature),
            "layers": [_plain(layer) for layer in describe(net, signature)],
        }
        for name, (net, signature) in nets.items()
    ]


def networks_of(learner: nn.Module) -> dict[str, tuple[Network, Signature]]:
    """Name → network and what it reads, of the parts of a learner that learn; copies that only follow are left out."""
    found = {name: part for name, part in learner.named_modules() if isinstance(part, Network)}
    learning = {name: net for name, net in found.items() if any(p.requires_grad for p in net.parameters())}
    return {name: (net, net.signature) for name, net in learning.items()}


def reads(signature: Signature) -> dict[str, Any]:
    """What comes in: numbers and categories (how many), texts and pictures (the shape of each)."""
    return {
        "numbers": signature.numbers,
        "categories": len(signature.categories),
        "texts": len(signature.of("tokens")),
        "pictures": [list(image.shape) for image in signature.of("image")],
    }


def _plain(layer: LayerRow) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.shape),
        "parameters": layer.parameters,
        "multiply_adds": layer.multiply_adds,
        "field": list(layer.field) if layer.field else None,
    }
