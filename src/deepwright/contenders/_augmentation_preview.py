"""Augmentation preview: some training pictures as they are and as the network saw them, by the code that trains it.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

import base64
from typing import Any

import torch

from deepwright.blocks.network import Batch
from deepwright.contenders._augmenting import augmentations, augmented
from deepwright.contenders._network_rows import Columns, spread
from deepwright.core.fields import Signature
from deepwright.core.plan import Plan
from deepwright.kinds._thumbnails import as_bytes, png, shrunk

_PICTURES = 6
_EPOCHS = 5
_SIDE = 96
"""Pixels of a side of a picture that is kept, at most."""


def preview(plan: Plan, signature: Signature, columns: Columns) -> dict[str, Any] | None:
    """`augmented` in exhibits.json: {"steps": ["crop 4", "flip"], "pictures": [{"before", "after": [one an epoch]}]},
    pictures as base64 PNG; None where nothing is changed. Row and epoch are those of the training: what is shown is
    what the network was given in its first epochs.
    """
    changed = augmented(plan, signature)
    if changed is None:
        return None
    batch, rows = spread(columns, _PICTURES)
    key = f"image:{changed.columns[0]}"
    drawn = []
    for epoch in range(_EPOCHS):
        given = batch | {"row": rows, "epoch": torch.full_like(rows, epoch)}
        drawn.append(_encoded(changed(given), key))
    before = _encoded(batch, key)
    pictures = [{"before": one, "after": list(after)} for one, *after in zip(before, *drawn, strict=True)]
    return {"steps": [step.about() for step in augmentations(plan.augment or ())], "pictures": pictures}


def _encoded(batch: Batch, key: str) -> list[str]:
    return [base64.b64encode(png(shrunk(as_bytes(one), _SIDE))).decode() for one in batch[key].cpu().numpy()]
