"""Counter: random numbers that depend on (seed, epoch, row) and on nothing else.

A generator's numbers depend on everything drawn before; these are a hash of a counter, so a row's augmentation is
the same in whatever batch, order or process it is made, and after any resume. Mixing: SplitMix64 (Steele, Lea &
Flood 2014, "Fast splittable pseudorandom number generators"), in int64 arithmetic that wraps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _signed(value: int) -> int:
    """The int64 with the same 64 bits."""
    value &= 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def _shift(bits: Tensor, by: int) -> Tensor:
    """Logical shift to the right of int64 (PyTorch's shift keeps the sign)."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def mix(bits: Tensor) -> Tensor:
    """SplitMix64's finaliser on int64 of any shape: each input bit flips each output bit with chance one half."""
    bits = bits + _GOLDEN
    bits = (bits ^ _shift(bits, 30)) * _FIRST
    bits = (bits ^ _shift(bits, 27)) * _SECOND
    return bits ^ _shift(bits, 31)


def keys(seed: int, epoch: Tensor, rows: Tensor) -> Tensor:
    """(B,) epochs and (B,) row numbers → (B,) int64 keys, one a row."""
    base = mix(torch.tensor(seed & 0x7FFFFFFFFFFFFFFF, dtype=torch.int64, device=rows.device))  # ()
    return mix(mix(base + epoch) + rows)  # (B,)


def uniform(keys: Tensor, width: int, draw: int = 0) -> Tensor:
    """(B,) keys → (B, width) float32, uniform in (0, 1); another `draw` gives independent numbers."""
    counters = torch.arange(width, device=keys.device) + (draw << 32)  # (width,)
    bits = mix(keys[:, None] + mix(counters))  # (B, width)
    # 23 bits and a half are exact in float32; with one more the largest number would be rounded to 1.
    return (_shift(bits, 41).to(torch.float32) + 0.5) * 2.0**-23


def normal(keys: Tensor, width: int, draw: int = 0) -> Tensor:
    """(B,) keys → (B, width) float32, standard normal (Box & Muller 1958)."""
    first, second = uniform(keys, width, 2 * draw), uniform(keys, width, 2 * draw + 1)
    return (-2.0 * first.log()).sqrt() * (2.0 * math.pi * second).cos()
