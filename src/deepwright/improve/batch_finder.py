"""Batch finder: the largest batch that fits, and the one from which on larger ones bring no more rows a second."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from deepwright.blocks.stream import Stream
from deepwright.core.errors import TrainingError
from deepwright.core.plan import Plan
from deepwright.training import train
from deepwright.training._weights import copied

_NEAR_BEST = 0.9
"""Share of the best throughput that is good enough: a smaller batch takes more steps with the same rows."""


@dataclass(frozen=True, kw_only=True)
class BatchTest:
    """What `find_batch` found."""

    sizes: tuple[int, ...]
    """Rows in a batch, doubling."""
    rows_per_second: tuple[float, ...]
    """Of each size, whole training steps included."""
    largest: int
    """The largest size that was tried and fitted."""
    fits_all: bool
    """Whether nothing that was tried ran out of memory."""
    suggestion: int
    """The smallest size with nine tenths of the best throughput."""


def find_batch(
    learner: nn.Module,
    make_stream: Callable[[int], Stream],
    plan: Plan,
    *,
    smallest: int = 16,
    largest: int = 16_384,
    seconds: float = 0.3,
) -> BatchTest:
    """Double the batch until it does not fit, or throughput has passed its knee; the learner is left as it was.

    make_stream: rows in a batch → a new stream of such batches.
    plan:        its optimizer, precision and device are used; its ends are not.
    seconds:     measured at each size, after two steps that are not.
    A size does not fit when PyTorch or Python says so; on the CPU that is when memory cannot be had at all, so
    choose `largest` with care there. Raises TrainingError when not even `smallest` fits.
    """
    before, mode = copied(learner.state_dict()), learner.training
    sizes: list[int] = []
    speeds: list[float] = []
    fits = True
    size = smallest
    try:
        while size <= largest and fits and not _past_the_knee(speeds):
            speed = _speed(learner, make_stream(size), plan, size, seconds)
            fits = speed is not None
            if speed is not None:
                sizes.append(size)
                speeds.append(speed)
            size *= 2
    finally:
        learner.load_state_dict(before)
        learner.train(mode)
    if not sizes:
        raise TrainingError(f"a batch of {smallest} rows does not fit.", remedy="Use a smaller network.")
    good = next(s for s, speed in zip(sizes, speeds, strict=True) if speed >= _NEAR_BEST * max(speeds))
    return BatchTest(
        sizes=tuple(sizes), rows_per_second=tuple(speeds), largest=sizes[-1], fits_all=fits, suggestion=good
    )


def _past_the_knee(speeds: list[float]) -> bool:
    """Two doublings in a row that brought less than a tenth."""
    return len(speeds) >= 3 and max(speeds[-2:]) < 1.1 * speeds[-3]


def _speed(learner: nn.Module, stream: Stream, plan: Plan, size: int, seconds: float) -> float | None:
    """Rows a second, or None when it does not fit."""
    test = plan.model_copy(
        update={"epochs": None, "steps": None, "time": 100 * seconds + 60, "report_every": 1, "schedule": "constant"}
    )
    try:
        began, rounds = 0.0, 0
        for number, _ in enumerate(train(learner, stream, test)):
            if number == 1:
                began = time.perf_counter()
            if number > 1:
                rounds += 1
                if time.perf_counter() - began >= seconds:
                    break
        took = time.perf_counter() - began
    except (torch.OutOfMemoryError, MemoryError):
        _let_go()
        return None
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        _let_go()
        return None
    return rounds * size * plan.accumulate / took if rounds else None


def _let_go() -> None:
    """Give memory back that the failed step held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
