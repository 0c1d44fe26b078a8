"""What a network that reads pictures has to show: its first filters, what it makes of a picture on the way, where it
looks, and how far those maps can be trusted. JSON-able, bounded in size and work, the same each time.

Axes: B rows, C channels, H height, W width, K classes; h and w places of a map.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.network import Batch, Network
from deepwright.blocks.spatial import Seen, class_activation, maps_on_the_way
from deepwright.contenders._network_rows import inputs
from deepwright.core.encoding import Encoding
from deepwright.core.metric import Answers
from deepwright.core.task import TargetTask
from deepwright.kinds._thumbnails import as_bytes, png, shrunk

if TYPE_CHECKING:
    import polars as pl

_EACH = 2
"""Pictures shown of each sort: right, wrong, unsure."""
_WORK = 40e9
"""Multiply-adds that covering pictures may cost altogether; two or three seconds on one core."""
_LOOKED_AT = (24, 400)
"""Validation rows that are predicted to choose from: at least, at most."""
_COVERS = (4, 13)
"""Places of the square along a side: fewer leave gaps, more cost and say the same."""
_MARKED = 0.1
"""Share of the picture's area that is taken away to test a map."""
_ELSEWHERE = 8
"""Other places that the same shape is moved to, to compare with."""
_FILTERS = 32
_MAPS = 8
_DEPTHS = 4
_SIDE = 128
"""Pixels of a side of a picture that is kept, at most."""
_GRID = 32
"""Places of a side of a map that is kept, at most."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A fitted network with what its answers mean. key: of the pictures in a batch; cost: multiply-adds of a row."""

    net: Network
    task: TargetTask
    encoding: Encoding
    key: str
    cost: int

    def show(self, frame: pl.DataFrame) -> dict[str, Any]:
        """`pictures` in exhibits.json, see docs/run-folder.md; frame: the validation rows."""
        most = int(min(max(_WORK / max(self.cost, 1), _LOOKED_AT[0]), _LOOKED_AT[1]))
        rows = frame[np.unique(np.linspace(0, frame.height - 1, min(most, frame.height)).astype(int))]
        batch = inputs(rows, self.encoding)
        chosen = self._chosen(rows, batch)
        first = chosen[0]["row"] if chosen else 0
        squares = self._squares(chosen)
        shown = [self._looked_at(e, _row(batch, e["row"]), along) for e, along in zip(chosen, squares, strict=True)]
        return {
            "column": self.key.partition(":")[2],
            "filters": filters(self.net, batch[self.key].shape[1]),
            "maps": self._maps(_row(batch, first)),
            "looked_at": [entry | {"name": _name(rows, self.key, entry.pop("row"))} for entry in shown],
        }

    def _chosen(self, rows: pl.DataFrame, batch: Batch) -> list[dict[str, Any]]:
        """The surest right and wrong ones, of different classes, and those it knew least about; of classes only."""
        if self.task.name != "classification" or self.task.target not in rows.columns:
            return []
        made = self.task.predict(self._outputs(batch).numpy())
        answers = self.task.answers(made, self.task.truth(rows, self.encoding))
        if answers.probability is None or not np.isfinite(answers.probability).all():
            return []
        return [
            {
                "how": how,
                "row": row,
                "code": int(answers.prediction[row]),
                "truth": answers.classes[answers.truth[row]],
                "prediction": answers.classes[answers.prediction[row]],
                "probability": round(float(answers.probability[row, answers.prediction[row]]), 4),
            }
            for how, row in _sorts(answers)
        ]

    def _squares(self, chosen: list[dict[str, Any]]) -> list[int]:
        """Places along a side that are covered of each picture chosen; where that is too much work, of the first of
        each sort only; 0 for none."""
        sorts = [entry["how"] for entry in chosen]
        for counted in (range(len(sorts)), [sorts.index(how) for how in dict.fromkeys(sorts)]):
            along = math.isqrt(int(_WORK / (max(1, len(counted)) * max(self.cost, 1))))
            if along >= _COVERS[0]:
                return [min(along, _COVERS[1]) if place in counted else 0 for place in range(len(sorts))]
        return [0] * len(sorts)

    def _looked_at(self, entry: dict[str, Any], batch: Batch, along: int) -> dict[str, Any]:
        """With the picture as the network reads it, the two maps, and what each is worth."""
        code = entry.pop("code")
        activation = class_activation(self.net, batch, self.key, lambda outputs: _logit(outputs, code))  # (h, w)
        covered = self._covered(batch, code, along) if along else None  # (H, W)
        return entry | {
            "picture": _encoded(shrunk(as_bytes(batch[self.key][0].numpy()), _SIDE)),
            "activation": _grid(activation),
            "occlusion": _grid(covered),
            "deletion": {
                name: self._deletion(batch, code, found)
                for name, found in (("activation", activation), ("occlusion", covered))
                if found is not None and bool(found.max() > 0)
            },
        }

    def _covered(self, batch: Batch, code: int, along: int) -> Tensor:
        """(H, W) how much the probability drops, on average over the squares that cover a pixel, where one of a quarter
        of the shorter side slides over the picture (Zeiler and Fergus, 2014, "Visualizing and Understanding
        Convolutional Networks", section 4.2)."""
        height, width = batch[self.key].shape[2:]
        side = max(1, round(min(height, width) / 4))
        tops, lefts = (sorted({round(p) for p in np.linspace(0, length - side, along)}) for length in (height, width))
        masks = torch.zeros(len(tops) * len(lefts), height, width, dtype=torch.bool)  # (B, H, W)
        for place, (top, left) in enumerate((top, left) for top in tops for left in lefts):
            masks[place, top : top + side, left : left + side] = True
        drops = self._drops(batch, code, masks)  # (B,)
        times = masks.sum(0)  # (H, W)
        return torch.einsum("b,bhw->hw", drops, masks.float()) / times.clamp(min=1)

    def _deletion(self, batch: Batch, code: int, found: Tensor) -> dict[str, float]:
        """How much the probability drops without the tenth of the area that the map marks, and without as large a
        piece of the same shape elsewhere (after Petsiuk, Das, Saenko, 2018, "RISE", section 4.3)."""
        height, width = batch[self.key].shape[2:]
        fine = F.interpolate(found[None, None].float(), (height, width), mode="bilinear", align_corners=False)[0, 0]
        marked = torch.zeros(height * width, dtype=torch.bool)
        order = torch.argsort(fine.flatten(), descending=True, stable=True)
        marked[order[: max(1, round(_MARKED * height * width))]] = True
        mask = marked.view(height, width)
        draws = np.random.default_rng(0).integers(1, (max(2, height), max(2, width)), (_ELSEWHERE, 2))
        moved = [mask.roll((int(down), int(right)), (0, 1)) for down, right in draws]
        drops = self._drops(batch, code, torch.stack([mask, *moved]))
        return {"marked": round(float(drops[0]), 4), "elsewhere": round(float(drops[1:].mean()), 4)}

    def _drops(self, batch: Batch, code: int, masks: Tensor) -> Tensor:
        """(B,) by how much the class is less probable where a mask (B, H, W) lays the mean colour over the picture."""
        picture = batch[self.key]  # (1, C, H, W)
        blank = self._blank(picture)  # (1, C, H, W)
        probable = []
        for part in torch.cat([torch.zeros_like(masks[:1]), masks]).split(64):
            covered = torch.where(part[:, None], blank, picture)  # (b, C, H, W)
            others = {name: column.expand(len(part), *column.shape[1:]) for name, column in batch.items()}
            made = self.task.predict(self._outputs(others | {self.key: covered}).numpy())
            truth = made.get_column("prediction").rename(self.task.target)
            chances = self.task.answers(made, truth).probability
            assert chances is not None
            probable.append(torch.from_numpy(np.ascontiguousarray(chances[:, code])))
        chance = torch.cat(probable).float()
        return chance[0] - chance[1:]

    def _blank(self, picture: Tensor) -> Tensor:
        """What a missing picture is read as: the mean colour of the training pictures."""
        import polars as pl

        column = self.key.partition(":")[2]
        encoder = next(encoder for encoder in self.encoding.encoders if encoder.column == column)
        missing = encoder.encode(pl.Series(column, [None], dtype=pl.String))[column]
        return torch.from_numpy(np.array(missing)).to(picture.dtype)

    def _outputs(self, batch: Batch) -> Tensor:
        self.net.eval()
        with torch.no_grad():
            parts = [self.net({k: v[i : i + 64] for k, v in batch.items()}) for i in range(0, _length(batch), 64)]
        return torch.cat(parts).float()

    def _maps(self, batch: Batch) -> dict[str, Any]:
        """The picture and, at a few depths, the maps that vary most over it, each from its lowest value to its highest,
        side by side."""
        seen = _depths(maps_on_the_way(self.net, batch, self.key))
        return {
            "picture": _encoded(shrunk(as_bytes(batch[self.key][0].numpy()), _SIDE)),
            "layers": [_strip(one) for one in seen],
        }


def filters(net: nn.Module, channels: int) -> dict[str, Any] | None:
    """The first convolution over the pictures, its largest filters first; None where a filter is one pixel."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels and max(module.kernel_size) > 1:
            weights = module.weight.detach().float().cpu()  # (M, C, h, w)
            order = torch.argsort(weights.flatten(1).norm(dim=1), descending=True, stable=True)[:_FILTERS]
            shown = weights[order] if weights.shape[1] == 3 else weights[order].mean(1, keepdim=True)
            ends = shown.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
            pixels = (127.5 + 127.5 * shown / ends).round().to(torch.uint8).numpy()
            return {
                "layer": name,
                "count": len(weights),
                "kernel": list(module.kernel_size),
                "pictures": [_encoded(one) for one in pixels],
            }
    return None


def _sorts(answers: Answers) -> list[tuple[str, int]]:
    """("right" | "wrong" | "unsure", row), at most `_EACH` of a sort."""
    assert answers.probability is not None
    known = answers.truth >= 0
    top = answers.probability.max(axis=1)  # (B,)
    right = answers.truth == answers.prediction
    found: list[tuple[str, int]] = []
    for how, asked, order in (("right", right, -top), ("wrong", ~right, -top), ("unsure", known, top)):
        taken = {row for _, row in found}
        rows = [int(row) for row in np.argsort(order, kind="stable") if asked[row] and known[row] and row not in taken]
        found += [(how, row) for row in _various(rows, answers.truth)[:_EACH]]
    return found


def _various(rows: Sequence[int], classes: np.ndarray) -> list[int]:
    """The same rows, the first of each class before the rest."""
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(int(classes[row]), row)
    return [*first.values(), *(row for row in rows if row not in first.values())]


def _depths(seen: list[Seen]) -> list[Seen]:
    """A few of them, from the first to the last; of tokens, one a layer."""
    layers: dict[str, Seen] = {}
    for one in seen:
        number = next((i for i, word in enumerate(one.module.split(".")) if word.isdigit()), None)
        if not one.tokens or number is not None:
            layers[".".join(one.module.split(".")[: number + 1]) if one.tokens and number else str(one.places)] = one
    found = list(layers.values())
    return [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(_DEPTHS, len(found))).round().astype(int))]


def _strip(one: Seen) -> dict[str, Any]:
    maps = _pooled(one.maps().detach().float())  # (M, h, w)
    order = torch.argsort(maps.flatten(1).std(dim=1), descending=True, stable=True)[:_MAPS]
    shown = maps[order]
    low, high = shown.amin((1, 2), keepdim=True), shown.amax((1, 2), keepdim=True)
    shades = (255 * (shown - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)  # (m, h, w)
    height, width = one.places
    return {
        "layer": one.module,
        "shape": [len(maps), height, width],
        "shown": len(shades),
        "strip": _encoded(torch.cat(list(shades), dim=1)[None].numpy()),
    }


def _pooled(maps: Tensor) -> Tensor:
    """(M, h, w) of at most `_GRID` places a side."""
    height, width = maps.shape[1:]
    return F.adaptive_avg_pool2d(maps, (min(height, _GRID), min(width, _GRID)))


def _grid(found: Tensor | None) -> list[list[float]] | None:
    return None if found is None else np.round(_pooled(found[None])[0].numpy().astype(float), 3).tolist()


def _logit(outputs: Tensor, code: int) -> Tensor:
    """() what the network says for a class; one output alone speaks for the second of two."""
    said = outputs[0].float()
    said = said.mean(0) if said.ndim == 2 else said  # members
    if len(said) == 1:
        return said[0] if code else -said[0]
    return said[code]


def _encoded(pixels: np.ndarray) -> str:
    return base64.b64encode(png(pixels)).decode()


def _row(batch: Mapping[str, Tensor], row: int) -> Batch:
    return {name: column[row : row + 1] for name, column in batch.items()}


def _length(batch: Mapping[str, Tensor]) -> int:
    return len(next(iter(batch.values())))


def _name(rows: pl.DataFrame, key: str, row: int) -> str | None:
    """The end of a picture's path, for people; None where pictures are bytes."""
    value = rows.get_column(key.partition(":")[2])[row]
    return "/".join(value.replace("\\", "/").split("/")[-2:])[-80:] if isinstance(value, str) else None
