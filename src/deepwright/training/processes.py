"""Processes: one training in several processes that torchrun starts, each on its share of every batch's rows.

After the last backward of a move, and before anything looks at its gradient, the processes exchange one flat buffer:
gradients and loss, weighted by rows. What follows (clipping, skipping, the step) sees the same numbers everywhere, so
the weights stay equal to the bit, and equal those of a single process up to rounding.

PyTorch's own wrapper for one module and one backward (DistributedDataParallel) does not fit here: a batch may give
several moves for several parts, a move's gradient must reach its own part only, and which parameters take part differs
from move to move; the wrapper would wait for gradients that never come, and averages over processes and not over rows.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deepwright.blocks.stream import Batch
from deepwright.core.errors import TrainingError
from deepwright.training._part import Part


class Place(NamedTuple):
    """Which of how many processes this one is."""

    rank: int
    """From 0; the first one writes checkpoints and logs."""
    processes: int


@contextlib.contextmanager
def join(*, timeout: float = 300.0) -> Iterator[Place]:
    """Be one of the processes that torchrun started, for the length of the block; alone where it started none.

    timeout: seconds that the others may be silent before this one gives up. A process that fails leaves the block, the
    others then fail too, and torchrun ends them all and says whose error was the first.
    On GPUs, where there is one for each process, the exchange is NCCL's and each process gets its own; else gloo's.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield Place(0, 1)
        return
    local, beside = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    gpus = torch.cuda.device_count() >= beside
    if gpus:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=timedelta(seconds=timeout))
    try:
        yield Place(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


class Together:
    """What the engine asks of the other processes; nothing, where there are none."""

    def __init__(self) -> None:
        self.count = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1

    def begin(self, learner: nn.Module) -> None:
        """Everyone starts from the first process's weights and buffers."""
        tensors = [value for value in learner.state_dict().values() if isinstance(value, Tensor)]
        for tensor in tensors if self.count > 1 else []:
            flat = tensor.reshape(-1).clone()
            with _answered():
                dist.broadcast(flat.view(torch.uint8), src=0)  # as bytes: not every type has a way of its own
            tensor.copy_(flat.view_as(tensor))

    def agreed(self, number: float) -> float:
        """The first process's number."""
        if self.count == 1:
            return number
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        said = torch.tensor(number, dtype=torch.float64, device=device)
        with _answered():
            dist.broadcast(said, src=0)
        return said.item()

    def mean(self, part: Part, loss: Tensor, batches: list[Batch]) -> Tensor:
        """Make the part's gradients, of the mean loss () over the batches' rows here, those of the mean over all rows
        everywhere; gives that mean loss ()."""
        if self.count == 1:
            return loss
        rows = sum(len(next(iter(batch.values()))) for batch in batches)
        gradients = [parameter.grad for parameter in part.parameters]
        there = torch.tensor([float(g is not None) for g in gradients], device=loss.device)  # (P,)
        pieces = [torch.zeros_like(v) if g is None else g for v, g in zip(part.values, gradients, strict=True)]
        last = [there, loss.reshape(1), torch.ones(1, device=loss.device)]
        flat = torch.cat([*(piece.reshape(-1) for piece in pieces), *last]) * rows  # (N + P + 2,)
        with _answered():
            dist.all_reduce(flat)
        flat = flat / flat[-1]
        *found, there, mean, _ = flat.split([*(piece.numel() for piece in pieces), len(pieces), 1, 1])
        for parameter, gradient, some in zip(part.parameters, found, there.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter).to(parameter.dtype) if some else None
        return mean.reshape(())


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """What a library says when another process is gone, as an error of ours."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"another process ended, or said nothing for too long ({str(error).splitlines()[0][:200]}).",
            remedy="See the first error that torchrun shows; all processes must take all steps and score all reports.",
        ) from error
