"""Rollouts: what a learner lives through in several worlds, a stretch at a time; each is used once (on-policy)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from deepwright.blocks.stream import Batch, Stream
from deepwright.streams._worlds import Worlds


@final
class Rollouts(Stream):
    """Stretches of `horizon` steps in N worlds, each gone with the learner's newest weights.

    The learner says what it does: `learner.act(obs (N, D)) → (N,) int64`, with the engine's random generators.
    Batches, of T = horizon steps: obs (T, N, D), action (T, N) int64, reward (T, N), after (T, N, D), terminal (T, N),
    done (T, N), as `Happened` has them.
    """

    def __init__(self, worlds: Worlds, *, horizon: int) -> None:
        self._worlds = worlds
        self._horizon = horizon

    @property
    def batches_per_epoch(self) -> None:
        return None

    def batches(self, learner: nn.Module, device: torch.device) -> Iterator[Batch]:
        """Without an end; see `Stream.batches`."""
        while True:
            steps = [self._step(learner, device) for _ in range(self._horizon)]
            yield {name: torch.stack([step[name] for step in steps]).to(device) for name in steps[0]}

    def _step(self, learner: Any, device: torch.device) -> dict[str, Tensor]:
        obs = torch.from_numpy(self._worlds.seen.copy())  # (N, D)
        with torch.no_grad():
            action = learner.act(obs.to(device)).cpu()  # (N,)
        happened = self._worlds.step(action.tolist())
        columns = {name: torch.from_numpy(column) for name, column in happened._asdict().items()}
        return {"obs": obs, "action": action, **columns}

    def tally(self) -> dict[str, float]:
        return self._worlds.tally()

    def state(self) -> dict[str, Any]:
        """Where the worlds are; nothing of a stretch is left when the next one begins."""
        return {"worlds": self._worlds.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Back to those places; raises RunError where they cannot be reached."""
        self._worlds.restore(state["worlds"])
