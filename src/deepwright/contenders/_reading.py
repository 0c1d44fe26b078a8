"""Reading: a causal network goes through texts longer than its context, scoring and speaking alike.

Before token n (the mark before the text is token 0) it has read the tokens from s(n) on: s(n) = 0 while they fit into
the context C, else the smallest multiple of C / 2 from which they do. So every character but the first ones has at
least half a context before it, each window is read once for all of its second half, and a text that the network spoke
is charged exactly the chances it was drawn with.

Axes: B texts, N characters, W windows, C positions of a window, S codes, V known characters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from deepwright.blocks.network import CausalNetwork, Memory
from deepwright.contenders._speech import Voice, with_starts
from deepwright.kinds.characters import FIRST, PADDING

_AT_ONCE = 4_096
"""Tokens that go through the network together."""
_UNBOUNDED = 1_024
"""Positions of a window for networks that could read any number."""


class Reader:
    """Chances of the next character, of texts that are there and of one that grows."""

    def __init__(self, net: CausalNetwork) -> None:
        self._net = net
        self._window = net.context or _UNBOUNDED  # C
        self._stride = max(1, self._window // 2)

    def begin(self, tokens: int) -> int:
        """s(n): from which token on n tokens are read."""
        over = max(0, tokens - self._window)
        return -(-over // self._stride) * self._stride

    @torch.no_grad()
    def nats(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(N,) codes and (B,) lengths → (N,) float64 surprise; meaningless for codes that are not known."""
        tokens, places = with_starts(codes, lengths)
        begins, sizes, fresh = self._windows(lengths)
        out = np.zeros(len(tokens))
        padded = torch.from_numpy(np.append(tokens, np.full(self._window, PADDING)))
        order = np.argsort(sizes, kind="stable")  # windows of like size together
        at_once = max(1, _AT_ONCE // self._window)
        for some in np.split(order, range(at_once, len(order), at_once)):
            width = int(sizes[some].max()) if len(some) else 0
            place = begins[some, None] + np.arange(width)  # (W, C)
            read = padded[torch.from_numpy(place)]  # (W, C)
            follows = padded[torch.from_numpy(place + 1)]  # (W, C)
            told = np.arange(width) < sizes[some, None]  # what stands behind a text's end is another text
            nats = self._surprise(torch.where(torch.from_numpy(told), read, PADDING), follows)  # (W, C)
            told &= np.arange(width) >= fresh[some, None]
            out[place[told] + 1] = nats.double().numpy()[told]
        return out[places]

    def _windows(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(W,) where windows begin among all tokens, how many tokens they read, and from which on they are the first
        to say what follows."""
        starts = np.cumsum(lengths + 1) - (lengths + 1)  # (B,) the marks
        counts = np.where(lengths > 0, 1 + -(-np.maximum(0, lengths - self._window) // self._stride), 0)  # (B,)
        rows = np.repeat(np.arange(len(lengths)), counts)  # (W,)
        number = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)  # (W,)
        offset = number * self._stride
        return (
            starts[rows] + offset,
            np.minimum(self._window, lengths[rows] - offset),
            np.where(number > 0, self._window - self._stride, 0),
        )

    def _surprise(self, read: Tensor, follows: Tensor) -> Tensor:
        logits, _ = self._net.go_on(read, ())  # (W, C, S)
        chances = logits[..., FIRST:].log_softmax(-1)  # (W, C, V)
        return -chances.gather(-1, (follows - FIRST).clamp(min=0)[..., None])[..., 0]  # (W, C)

    def voice(self, prompt: np.ndarray) -> Voice:
        """Yields (V,) nats of what comes next, is sent the code that came; reads each token once, as long as the
        context lasts, then begins anew with its second half."""
        tokens = [PADDING, *prompt.tolist()]
        memory: Memory = ()
        begun = -1
        while True:
            begin = self.begin(len(tokens))
            new = tokens[-1:] if begin == begun else tokens[begin:]
            with torch.no_grad():
                logits, memory = self._net.go_on(torch.tensor([new]), memory if begin == begun else ())
            begun = begin
            tokens.append((yield -logits[0, -1, FIRST:].double().log_softmax(-1).numpy()))
