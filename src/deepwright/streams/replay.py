"""Replay: what a learner lived through, kept in a buffer and drawn from again and again (off-policy)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.core.config import Config
from deepwright.streams._worlds import Happened, Worlds


class Exploration(Config):
    """How often an action is drawn at random: falls evenly from `first` to `last` over so many steps, then stays."""

    first: float
    last: float
    steps: int

    def share(self, step: int) -> float:
        """ε after so many steps in all worlds together."""
        return self.first + (self.last - self.first) * min(1.0, step / self.steps)


@final
class Replay(Stream):
    """Acts `stride` steps in every world, keeps what happened, and draws a batch from all that is kept (Lin 1992).

    The learner says what it holds for best: `learner.best(obs (N, D)) → (N,) int64`; a share of actions, as
    `exploration` says, is drawn at random instead. Nothing is given out before `warmup` steps are kept.
    Batches: obs (B, D), action (B,) int64, reward (B,), after (B, D), terminal (B,), drawn evenly with repeats.

    keep: steps that are kept, the newest; their tensors are made once.
    """

    def __init__(
        self, worlds: Worlds, *, batch: int, keep: int, warmup: int, stride: int, exploration: Exploration, seed: int
    ) -> None:
        width = worlds.spaces.width
        self._worlds, self._batch, self._keep = worlds, batch, max(keep, len(worlds))
        self._warmup, self._stride = min(warmup, self._keep), stride
        self._exploration = exploration
        self._random = torch.Generator().manual_seed(seed)
        self._kept = {
            "obs": torch.zeros(self._keep, width),  # (K, D)
            "action": torch.zeros(self._keep, dtype=torch.int64),  # (K,)
            "reward": torch.zeros(self._keep),  # (K,)
            "after": torch.zeros(self._keep, width),  # (K, D)
            "terminal": torch.zeros(self._keep),  # (K,)
        }
        self._added = 0

    @property
    def batches_per_epoch(self) -> None:
        return None

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """Without an end; see `Stream.batches`."""
        while True:
            for _ in range(self._stride):
                self._step(learner, device)
            while self._added < self._warmup:
                self._step(learner, device)
            rows = torch.randint(min(self._added, self._keep), (self._batch,), generator=self._random)  # (B,)
            yield {name: column[rows].to(device) for name, column in self._kept.items()}

    def _step(self, learner: Any, device: torch.device) -> None:
        obs = torch.from_numpy(self._worlds.seen.copy())  # (N, D)
        with torch.no_grad():
            best = learner.best(obs.to(device)).cpu()  # (N,)
        explore = torch.rand(len(best), generator=self._random) < self._exploration.share(self._worlds.steps)
        drawn = torch.randint(self._worlds.spaces.actions, (len(best),), generator=self._random)
        action = torch.where(explore, drawn, best)  # (N,)
        self._add(obs, action, self._worlds.step(action.tolist()))

    def _add(self, obs: Tensor, action: Tensor, happened: Happened) -> None:
        """Over the oldest, once all places are taken."""
        places = torch.arange(self._added, self._added + len(obs)) % self._keep  # (N,)
        given = {name: torch.from_numpy(column) for name, column in happened._asdict().items() if name != "done"}
        for name, values in {"obs": obs, "action": action, **given}.items():
            self._kept[name][places] = values
        self._added += len(obs)

    def tally(self) -> dict[str, float]:
        return self._worlds.tally() | {"exploration": self._exploration.share(self._worlds.steps)}

    def state(self) -> dict[str, Any]:
        """Everything: where the worlds are, the buffer as far as it is filled, the random numbers to come."""
        filled = min(self._added, self._keep)
        return {
            "worlds": self._worlds.state(),
            "kept": {name: column[:filled].clone() for name, column in self._kept.items()},
            "added": self._added,
            "random": self._random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Back to all of it; raises RunError where the worlds cannot be brought back."""
        self._worlds.restore(state["worlds"])
        for name, values in state["kept"].items():
            self._kept[name][: len(values)] = values
        self._added = state["added"]
        self._random.set_state(state["random"])
