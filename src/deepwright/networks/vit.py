"""ViT: the vision transformer; a picture is cut into patches, which are read as words are.

Paper: Dosovitskiy et al., 2020, "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", equations
1 to 4: z₀ = [class; x₁E; …; x_N E] + positions; z' = z + attention(norm(z)); z = z' + MLP(norm(z')); y = norm(z_class).
Attention: Vaswani et al., 2017. Positions are learned; weights trained at another picture size are taken over with
their positions interpolated in two dimensions (section 3.2). Sizes Ti and S: Touvron et al., 2021 (DeiT). `vit_p4` is a
small one of our own for pictures of about 32 × 32. First weights N(0, 0.02) cut at two deviations, biases 0.

name       patch   width   layers   heads   224 × 224, 1,000 outputs
vit_ti16      16     192       12       3       5,717,416
vit_s16       16     384       12       6      22,050,664
vit_b16       16     768       12      12      86,567,656
vit_l16       16   1,024       24      16     304,326,632
vit_p4         4     192        6       3       2,693,578   (32 × 32, 10 outputs)

Axes: B rows, C channels, H height, W width, P side of a patch, N patches (T = N + 1 tokens), D width, A heads,
E = D / A width of a head.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional as F

from deepwright.blocks.dropout import Dropout
from deepwright.blocks.image_network import ImageNetwork, WeightNames, refuse
from deepwright.blocks.network import Batch, Published
from deepwright.core import config as core
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature

NAMES: dict[str, dict[str, Any]] = {
    "vit_ti16": {"patch": 16, "width": 192, "layers": 12, "heads": 3},
    "vit_s16": {"patch": 16, "width": 384, "layers": 12, "heads": 6},
    "vit_b16": {"patch": 16, "width": 768, "layers": 12, "heads": 12},
    "vit_l16": {"patch": 16, "width": 1024, "layers": 24, "heads": 16},
    "vit_p4": {"patch": 4, "width": 192, "layers": 6, "heads": 3},
}

_PHOTO = Signature((Field(form="image", name="photo", shape=(3, 224, 224)),))
_WHAT = "224 × 224 colour, 1,000 classes"
_EPSILON = 1e-6


class ViT(ImageNetwork):
    """Patches + class token + positions → (norm → attention → add, norm → MLP → add) a layer → norm → linear."""

    paper = "Dosovitskiy et al., 2020, An Image is Worth 16x16 Words"
    takes = frozenset({"image"})
    published = (
        Published(
            name="vit_ti16", what=_WHAT, parameters=5_717_416, signature=_PHOTO, outputs=1000, config=NAMES["vit_ti16"]
        ),
        Published(
            name="vit_s16", what=_WHAT, parameters=22_050_664, signature=_PHOTO, outputs=1000, config=NAMES["vit_s16"]
        ),
        Published(
            name="vit_b16", what=_WHAT, parameters=86_567_656, signature=_PHOTO, outputs=1000, config=NAMES["vit_b16"]
        ),
        Published(
            name="vit_l16", what=_WHAT, parameters=304_326_632, signature=_PHOTO, outputs=1000, config=NAMES["vit_l16"]
        ),
        Published(
            name="vit_p4",
            what="32 × 32 colour, 10 classes",
            parameters=2_693_578,
            signature=Signature((Field(form="image", name="photo", shape=(3, 32, 32)),)),
            outputs=10,
            config=NAMES["vit_p4"],
        ),
    )
    recommended = {
        "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.05, "batch": 128, "epochs": 200, "schedule": "cosine",
        "warmup": 0.05, "clip": 1.0,
    }  # fmt: skip
    trial = {"patch": 8, "width": 8, "layers": 2, "heads": 2}

    class Config(core.Config):
        """What can be chosen about it."""

        patch: int = Limits(default=4, ge=1, le=1024)
        """Side of a patch in pixels; must divide the picture's height and width."""
        width: int = Limits(default=192, ge=1, le=20_000)
        """Numbers that stand for a patch, 64 to 1,024."""
        layers: int = Limits(default=6, ge=1, le=200)
        """Blocks of attention and MLP."""
        heads: int = Limits(default=3, ge=1, le=200)
        """Attentions side by side in each layer; must divide the width."""
        wider: int = Limits(default=4, ge=1, le=32)
        """How many times as wide as a patch's numbers the MLPs are."""
        dropout: float = Limits(default=0.0, ge=0, lt=1)
        """Share of numbers silenced at random while training; 0.1 where pictures are few."""

    def __init__(self, config: Config, signature: Signature, outputs: int) -> None:
        super().__init__(config, signature, outputs)
        self.grid = _grid(self.size, config.patch)
        if config.width % config.heads:
            raise RecipeError(
                f"{config.heads} heads do not divide a width of {config.width}.",
                where="config.heads",
                remedy=f"For example {math.gcd(config.heads, config.width)}.",
            )
        self.shape = (config.patch, config.layers, config.heads, config.width)
        self.patches = nn.Conv2d(self.channels, config.width, config.patch, config.patch)
        self.token = nn.Parameter(torch.empty(1, 1, config.width))
        self.positions = nn.Parameter(torch.empty(1, 1 + self.grid[0] * self.grid[1], config.width))
        self.silence = Dropout(config.dropout)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, _EPSILON)
        self.output = nn.Linear(config.width, outputs)
        self._initialise()

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        timm = {"patches": "patch_embed.proj", "token": "cls_token", "positions": "pos_embed", "norm": "norm",
                "output": "head"}  # fmt: skip
        vision = {"patches": "conv_proj", "token": "class_token", "positions": "encoder.pos_embedding",
                  "norm": "encoder.ln", "output": "heads.head"}  # fmt: skip
        for i in range(len(self.layers)):
            timm |= {f"layers.{i}.{part}": f"blocks.{i}.{name}" for part, name in _TIMM.items()}
            there = f"encoder.layers.encoder_layer_{i}"
            vision |= {f"layers.{i}.{part}": f"{there}.{name}" for part, name in _VISION.items()}
        return (
            WeightNames(library="timm", names=timm, fit=self._fitted),
            WeightNames(library="torchvision", names=vision, fit=self._fitted),
        )

    def about(self) -> str:
        patch, layers, heads, width = self.shape
        return f"ViT, patches of {patch} × {patch}, {layers} layers, {heads} heads, {width} wide"

    def forward(self, batch: Batch) -> Tensor:
        x = self.picture(batch)  # (B, C, H, W)
        x = self.patches(x).flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) → (B, N, D)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)  # (B, T, D)
        x = self.silence(x + self.positions)  # (B, T, D)
        for layer in self.layers:
            x = layer(x)  # (B, T, D)
        return self.output(self.norm(x[:, 0]))  # (B, D) → (B, outputs)

    def _fitted(self, name: str, given: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Positions of a square grid of patches, as large as this one's."""
        if name != "positions" or given.ndim != 3 or given.shape[2] != shape[2]:
            return given
        side = math.isqrt(max(given.shape[1] - 1, 0))
        if side * side + 1 != given.shape[1]:
            return given
        return positions_resized(given, (side, side), self.grid)  # (1, T, D)

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim > 1:
                nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)


class _Layer(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x))."""

    def __init__(self, config: ViT.Config) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.first = nn.LayerNorm(width, _EPSILON)
        self.attend = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.second = nn.LayerNorm(width, _EPSILON)
        self.up = nn.Linear(width, config.wider * width)
        self.down = nn.Linear(config.wider * width, width)
        self.silence = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D)"""
        x = x + self.silence(self.mix(self._attention(self.first(x))))  # (B, T, D)
        inner = self.silence(F.gelu(self.up(self.second(x))))  # (B, T, wider · D)
        return x + self.silence(self.down(inner))  # (B, T, D)

    def _attention(self, x: Tensor) -> Tensor:
        """softmax(q kᵀ / √E) v in each head; every patch looks at every patch."""
        rows, tokens, width = x.shape
        three = self.attend(x).view(rows, tokens, 3, self.heads, width // self.heads)  # (B, T, 3, A, E)
        query, key, value = three.permute(2, 0, 3, 1, 4).unbind(0)  # (B, A, T, E) each
        mixed = F.scaled_dot_product_attention(query, key, value)  # (B, A, T, E)
        return mixed.transpose(1, 2).reshape(rows, tokens, width)  # (B, T, D)


_TIMM = {
    "first": "norm1", "attend": "attn.qkv", "mix": "attn.proj", "second": "norm2", "up": "mlp.fc1", "down": "mlp.fc2",
}  # fmt: skip
_VISION = {
    "first": "ln_1", "attend.weight": "self_attention.in_proj_weight", "attend.bias": "self_attention.in_proj_bias",
    "mix": "self_attention.out_proj", "second": "ln_2", "up": "mlp.0", "down": "mlp.3",
}  # fmt: skip
"""Our parts of a layer → what the libraries call them."""


def positions_resized(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """(1, 1 + old grid, D) → (1, 1 + new grid, D): the class token's stays, the others are interpolated as pictures."""
    token, rest = positions[:, :1], positions[:, 1:]  # (1, 1, D), (1, N, D)
    maps = rest.transpose(1, 2).unflatten(2, old)  # (1, D, old height, old width)
    maps = F.interpolate(maps, new, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([token, maps.flatten(2).transpose(1, 2)], dim=1)


def _grid(size: tuple[int, int], patch: int) -> tuple[int, int]:
    """Patches in height and width."""
    if size[0] % patch or size[1] % patch:
        near = [max(1, round(side / patch)) * patch for side in size]
        raise refuse(size, f"patches of {patch} × {patch} must cover it without rest", (near[0], near[1]))
    return size[0] // patch, size[1] // patch
