"""Losses: what training makes small, by name; each takes raw outputs and gives one number, the mean over rows.

Axes: B rows, M members trained together, K outputs. Every loss takes outputs (B, K) or (B, M, K) against targets
without the member axis; for members the result is the mean over them. All are written on logits, never on
probabilities, so a confident mistake costs a large number and never infinity (see `cross_entropy_of_probability`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from deepwright.core.errors import NotFoundError, RecipeError
from deepwright.core.hierarchy import level_codes

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) → () mean loss."""


def mse(output: Tensor, target: Tensor) -> Tensor:
    """mean (y - t)². Output and target of the same shape, or the output with a member axis more."""
    return functional.mse_loss(output, _beside(output, target))


def mae(output: Tensor, target: Tensor) -> Tensor:
    """mean |y - t|: the best constant is the median, so outliers pull less than with `mse`."""
    return functional.l1_loss(output, _beside(output, target))


def rmse(output: Tensor, target: Tensor) -> Tensor:
    """sqrt(mean (y - t)²), of each member over the batch, then the mean over members.

    The gradient at a perfect fit is 0, where the square root alone has none.
    """
    squared = (output - _beside(output, target)).square()
    mean = squared.mean(dim=(0, 2) if output.ndim == 3 else None)  # (M,) or ()
    return torch.where(mean > 0, mean.clamp_min(torch.finfo(mean.dtype).tiny).sqrt(), mean).mean()


def huber(output: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """mean of e²/2 where |e| ≤ delta, else delta (|e| - delta/2): a parabola with straight arms (Huber 1964)."""
    return functional.huber_loss(output, _beside(output, target), delta=delta)


def binary_cross_entropy(output: Tensor, target: Tensor, positive_weights: Tensor | None = None) -> Tensor:
    """mean of -[w t log σ(z) + (1 - t) log(1 - σ(z))] on logits z, each output by itself (independent sigmoids).

    Targets are 0 to 1, of the output's shape. For K tags this is the multi-label loss. `positive_weights` (K,) = w.
    """
    return functional.binary_cross_entropy_with_logits(output, _beside(output, target), pos_weight=positive_weights)


def cross_entropy_of_probability(probability: Tensor, target: Tensor) -> Tensor:
    """mean of -[t log p + (1 - t) log(1 - p)] on probabilities p, with 0 log 0 = 0 and log p held above -100.

    The four corner cases: t=1, p=1 and t=0, p=0 cost 0; t=1, p=0 and t=0, p=1 are infinite in the formula, because
    what was called impossible has happened, and cost 100 here. On logits the same mistake costs |z|, which is finite
    and keeps its gradient: train on `binary_cross_entropy`, read this one.
    """
    return functional.binary_cross_entropy(probability, target)


def cross_entropy(
    output: Tensor, target: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """-Σ_k w_k t_k log softmax(z)_k, summed over rows, over Σ w_k t_k: a mean weighted by class.

    output (B, K) or (B, M, K) logits. target (B,) int64 codes, or (B, K) float soft targets; a code and its one-hot
    row give the same loss. Code -1 (a class that training never showed) is left out; NaN where no row is left.
    With two outputs this is `binary_cross_entropy` of the one logit z₁ - z₀, for softmax and sigmoid are then the same.
    label_smoothing ε: t becomes (1 - ε) t + ε / K (Szegedy et al. 2016).
    """
    logits, target = _rows(output, target)  # (N, K), (N,) or (N, K)
    if not target.is_floating_point():
        return functional.cross_entropy(logits, target, class_weights, ignore_index=-1, label_smoothing=label_smoothing)
    total = functional.cross_entropy(
        logits, target.to(logits.dtype), class_weights, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (target if class_weights is None else target * class_weights).sum()


def hierarchical(classes: Sequence[str]) -> Callable[..., Tensor]:
    """Cross-entropy on every level of a tree of classes, so that distant mistakes cost more.

    loss = (1 / L) Σ_levels -log P(node of the truth on that level), where a node's probability is the sum over the
    classes below it. Calling a dog a cat is wrong on the last level only, calling it a car is wrong on all of them.
    With labels that are no paths there is one level, and the loss is plain cross-entropy. (After the level-wise losses
    of Bertinetto et al. 2020, Making Better Mistakes, with equal weights.)

    Gives a loss with the arguments of `cross_entropy`; class weights weigh rows by the class of their target.
    """
    codes = level_codes(classes)  # (K, L)
    levels = [_Level(torch.as_tensor(codes[:, level]), *_members(codes[:, level])) for level in range(codes.shape[1])]

    def loss(
        output: Tensor, target: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        logits, target = _rows(output, target)  # (N, K), (N,) or (N, K)
        wanted = target if target.is_floating_point() else _one_hot(target, logits)  # (N, K)
        weights = (wanted if class_weights is None else wanted * class_weights).sum(dim=1)  # (N,)
        mass = wanted.sum(dim=1)  # (N,), 0 for a class that training never showed
        wanted = (1 - label_smoothing) * wanted + label_smoothing / logits.shape[1] * mass[:, None]
        log_p = functional.log_softmax(logits, dim=1)
        terms = torch.stack([level.cost(log_p, wanted) for level in levels]).mean(dim=0)  # (N,)
        return (terms * weights / mass.clamp_min(torch.finfo(logits.dtype).tiny)).sum() / weights.sum()

    return loss


class _Level(NamedTuple):
    """One level of a tree: each class's node (K,), the classes below each node (G, S), and -inf where padded."""

    codes: Tensor
    members: Tensor
    padding: Tensor

    def cost(self, log_p: Tensor, wanted: Tensor) -> Tensor:
        """(N,) cross-entropy between nodes, from log-probabilities (N, K) and targets (N, K) of classes."""
        codes, members, padding = (part.to(log_p.device) for part in self)
        log_nodes = (log_p[:, members] + padding.to(log_p.dtype)).logsumexp(dim=2)  # (N, G)
        nodes = torch.zeros_like(log_nodes).index_add_(1, codes, wanted)  # (N, G)
        return -(nodes * log_nodes).sum(dim=1)


def with_weights(function: Callable[[Tensor, Tensor, Tensor], Tensor], weights: Tensor) -> Loss:
    """`function(output, target, weights)` as a loss; the weights cross to the outputs' device once."""
    there: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def loss(output: Tensor, target: Tensor) -> Tensor:
        place = (output.device, output.dtype)
        if place not in there:
            there[place] = weights.to(device=output.device, dtype=output.dtype)
        return function(output, target, there[place])

    return loss


def custom(path: str) -> Loss:
    """A loss of the user's own, "package.module:function", as `(outputs (N, K), targets) → () mean`.

    Members are laid out as rows; a single output comes as (N,), beside targets (N,). Never call it with a name that
    was read from a run folder: importing is running.
    Raises NotFoundError when it cannot be imported, RecipeError when it gives no single number.
    """
    module, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise NotFoundError(
            f"the loss '{path}' cannot be imported: {error}.",
            remedy="Expected 'package.module:function' that Python can import from here.",
        ) from error
    if not callable(function):
        raise RecipeError(f"the loss '{path}' is not a function.", remedy="Name a function of (output, target).")

    def loss(output: Tensor, target: Tensor) -> Tensor:
        rows, targets = _rows(output, target)  # (N, K), (N,) or (N, K)
        single = rows.shape[1] == 1 and targets.ndim == 1
        value = function(rows.squeeze(1) if single else rows, targets)
        if not isinstance(value, Tensor) or value.numel() != 1:
            came = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise RecipeError(f"the loss '{path}' must give one number as a tensor, it gave {came}.")
        return value.reshape(())

    return loss


LOSSES: dict[str, Callable[..., object]] = {
    "mse": mse,
    "mae": mae,
    "rmse": rmse,
    "huber": huber,
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "hierarchical": hierarchical,
}
"""Names that `task.options.loss` knows, each with its task in `tasks/_options.py`; `hierarchical` is given the classes
first."""


def _beside(output: Tensor, target: Tensor) -> Tensor:
    """The target in the output's shape; never broadcast by accident: (B, 1) against (B,) would compare all pairs."""
    wanted = output.shape[:1] + output.shape[2:] if output.ndim == 3 else output.shape
    if target.shape != wanted and target.numel() == wanted.numel() and target.shape[0] == wanted[0]:
        target = target.reshape(wanted)
    if target.shape != wanted:
        raise RecipeError(
            f"expected targets of shape {tuple(wanted)} for outputs {tuple(output.shape)}, got {tuple(target.shape)}."
        )
    target = target.to(output.dtype)
    return target[:, None, :].expand_as(output) if output.ndim == 3 else target


def _rows(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Members laid out as rows: (B, M, K) → (B·M, K), each target repeated M times."""
    if output.ndim == 2:
        return output, target
    members = output.shape[1]
    return output.flatten(0, 1), target.repeat_interleave(members, dim=0)


def _one_hot(target: Tensor, logits: Tensor) -> Tensor:
    """(N,) codes → (N, K), all zero for code -1."""
    known = (target >= 0).to(logits.dtype)[:, None]
    return functional.one_hot(target.clamp_min(0), logits.shape[1]).to(logits.dtype) * known


def _members(codes: Iterable[int]) -> tuple[Tensor, Tensor]:
    """For one level: (G, S) classes below each node, padded, and (G, S) 0 where real, -inf where padding."""
    groups: dict[int, list[int]] = {}
    for label, node in enumerate(codes):
        groups.setdefault(int(node), []).append(label)
    widest = max(len(members) for members in groups.values())
    index = torch.tensor([groups[g] + [0] * (widest - len(groups[g])) for g in sorted(groups)])
    padding = torch.tensor([[0.0] * len(groups[g]) + [-torch.inf] * (widest - len(groups[g])) for g in sorted(groups)])
    return index, padding
