"""What is promised of causal networks beyond what every network promises: nothing is answered from what comes later.

Axes: B rows, T positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from deepwright.blocks.network import CausalNetwork, Memory


def never_looks_ahead(net: CausalNetwork, batch: dict[str, Tensor]) -> None:
    """Another token changes no answer before it, and the one at its own place."""
    import torch

    (name,) = batch
    tokens, whole = batch[name], net(batch)  # (B, T), (B, T, V)
    for place in range(tokens.shape[1]):
        changed = tokens.clone()
        changed[:, place] = (changed[:, place] + 1) % whole.shape[-1]
        given = net({name: changed})  # (B, T, V)
        assert torch.equal(given[:, :place], whole[:, :place]), f"token {place} changed an answer before it"
        assert not torch.equal(given[:, place], whole[:, place]), f"token {place} changed nothing at its own place"


def ignores_padding_behind(net: CausalNetwork, batch: dict[str, Tensor]) -> None:
    """Zeros behind a text change nothing in it."""
    import torch

    (name,) = batch
    tokens, whole = batch[name], net(batch)  # (B, T), (B, T, V)
    for length in range(1, tokens.shape[1]):
        padded = torch.where(torch.arange(tokens.shape[1]) < length, tokens, 0)  # (B, T)
        for given in (net({name: padded}), net({name: tokens[:, :length]})):
            gap = _gap(given[:, :length], whole[:, :length])
            assert gap < 1e-5, f"what follows {length} tokens changed their answers by {gap:.2g}"


def goes_on_from_memory(net: CausalNetwork, batch: dict[str, Tensor]) -> None:
    """In pieces, each read once, as all at once."""
    import torch

    (name,) = batch
    whole = net(batch)  # (B, T, V)
    for size in (1, 2, batch[name].shape[1] - 1):
        memory: Memory = ()
        answers = []
        for piece in batch[name].split(size, dim=1):
            answer, memory = net.go_on(piece, memory)
            answers.append(answer)
        gap = _gap(torch.cat(answers, dim=1), whole)
        assert gap < 1e-5, f"in pieces of {size} tokens the answers differ by {gap:.2g}"


def _gap(given: Tensor, whole: Tensor) -> float:
    return (given - whole).abs().max().item() / max(1.0, whole.abs().max().item())
