"""Engine: the one loop, for every way of learning.

A learner yields losses to the engine; the engine yields reports to its caller. Nothing here knows what is learned:
whatever a learner wants done differently it says by what it yields, and where batches come from is the stream's
matter. Known limits: state is taken between batches; optimizers that evaluate the loss several times a step do not
fit; the micro-batches of a step must yield moves for the same parts in the same order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Move
from deepwright.blocks.stream import Batch, Stream
from deepwright.core.errors import RecipeError, TrainingError
from deepwright.core.plan import Plan
from deepwright.training._compiled import Compiled, Derived
from deepwright.training._device import choose_device, choose_threads, in_precision, threads
from deepwright.training._guard import Guard, Trusting, Watchful
from deepwright.training._memory import kept
from deepwright.training._pace import Pace
from deepwright.training._part import Part
from deepwright.training._random import Randomness
from deepwright.training._scores import Scores
from deepwright.training._trouble import find_trouble
from deepwright.training._weights import copied, load_weights
from deepwright.training.processes import Together
from deepwright.training.report import Report, Trouble

FORMAT = 1

_ROUNDS_A_LOOK = 64
"""Rounds between looks for steps that an accelerator skipped."""


def train(learner: nn.Module, stream: Stream, plan: Plan, *, state: dict[str, Any] | None = None) -> Iterator[Report]:
    """Train until the plan's end, or until the caller leaves the loop.

    learner: a Learner, or any nn.Module whose `losses(batch)` yields `Move`s. It is moved to the plan's device and
             trained in place. What it must remember beyond weights belongs into buffers, so that it is saved.
    state:   what `Report.state()` gave: training goes on with the next batch, bit for bit as if it had not stopped.

    Yields a Report at the plan's intervals and at the end; see `Report` for scoring. When it has ended, the learner
    holds the best-scored weights, or, without scores, the moving average where the plan has one, or the last ones.
    Global random generators are the caller's outside and the engine's inside: neither disturbs the other.
    Raises RecipeError for a plan that does not fit, TrainingError for a learner that breaks the protocol, RunError
    for a state of something else.
    """
    engine = _Engine(learner, stream, plan)
    if state is not None:
        engine.restore(state)
    return engine.reports()


class _Engine:
    def __init__(self, learner: nn.Module, stream: Stream, plan: Plan) -> None:
        self.learner: Any = learner
        self.stream, self.plan = stream, plan
        self.device = choose_device(plan.device)
        learner.to(self.device)
        self.threads = choose_threads(plan, learner)
        self.pace = Pace(plan, stream.batches_per_epoch)
        self.scores = Scores(plan)
        self.guard: Guard = Watchful() if self.device.type == "cpu" else Trusting(self.device)
        self.random = Randomness(plan.seed, self.device)
        self.together = Together()
        self.parts: dict[str, Part] = {}
        self.compiled = Compiled(learner, self.parts, plan.compile)
        self.losses: Any = self.compiled.losses if plan.compile else learner.losses
        self.advance = in_precision(plan, self.device, _next_move)
        self.trouble: Trouble | None = None
        self.running = False
        if stream.batches_per_epoch is None and plan.steps is None and plan.time is None:
            raise RecipeError("the plan ends after epochs, the stream has none.", remedy="Give steps or time instead.")
        if self.together.count > 1 and plan.time is not None:
            raise RecipeError("processes have clocks of their own.", remedy="Give epochs or steps instead of time.")

    def reports(self) -> Iterator[Report]:
        """The loop."""
        self.pace.start()
        self.together.begin(self.learner)
        batches = self.stream.batches(self.learner, self.device)
        with threads(self.threads), kept():
            try:
                self._resume()
                while self._ended() is None:
                    self._round(batches)
                    if self._ended() is not None or self.pace.report_is_due():
                        report = self._report()
                        self._pause()
                        yield report
                        self._resume()
                        self._close(report)
            finally:
                self._pause()
        if self.scores.best is not None:
            self.learner.load_state_dict(self.scores.best.weights)

    # One round: micro-batches in lockstep, one step for each of their common moves.

    def _round(self, batches: Iterator[Batch]) -> None:
        began = time.monotonic()
        pace = self.pace
        micro = list(islice(batches, pace.batches_wanted()))
        pace.batches += len(micro)
        pace.dry = not micro
        shares = _shares(micro) if len(micro) > 1 else [1.0]
        running = [(self.losses(batch), share) for batch, share in zip(micro, shares, strict=False)]
        moves, taken = 0, 0
        while (move := self._gradients(running)) is not None:
            part, loss = move
            moves += 1
            taken += self._step(part, self.together.mean(part, loss, micro), micro)
        pace.rounds += 1
        pace.lost += moves > 0 and taken == 0
        if pace.rounds % _ROUNDS_A_LOOK == 0:
            self._look()
        pace.round_seconds = time.monotonic() - began

    def _gradients(self, running: list[tuple[Iterator[Move | Derived], float]]) -> tuple[Part, Tensor] | None:
        """The next move of all micro-batches: gradients lie in the part's weights; its mean loss () comes back."""
        part, total = None, None
        for number, (generator, share) in enumerate(running):
            move = self.advance(generator)
            if number and (move and move.part) != (part and part.name):
                raise TrainingError("micro-batches of one step yielded moves for different parts.", remedy=_LOCKSTEP)
            if move is None:
                continue
            if part is None:
                part = self.parts.get(move.part) or self._part(move.part)
                part.clear()
            if isinstance(move, Derived):
                part.add(move.gradients, share)
            else:
                part.descend(move.loss, share)
            loss = move.loss.detach() if len(running) == 1 else move.loss.detach() * share
            total = loss if total is None else total + loss
        return None if part is None or total is None else (part, total)

    def _step(self, part: Part, loss: Tensor, micro: list[Batch]) -> bool:
        rate = part.plan.lr * self.pace.factor(self.scores.plateau.drops)
        taken = self.guard.step(part, rate, loss)
        self.pace.attempts += 1
        if not taken:
            self.pace.skipped += 1
            if self.trouble is None:
                self.trouble = find_trouble(part, loss, micro, self.pace.step, self.pace.epoch)
        return taken

    def _part(self, name: str) -> Part:
        if name not in self.parts:
            self.parts[name] = Part(self.learner, name, self.plan)
        return self.parts[name]

    def _look(self) -> None:
        """Learn of the steps that an accelerator skipped."""
        found = self.guard.look()
        self.pace.skipped += found
        if found and self.trouble is None:
            self.trouble = Trouble(
                step=self.pace.step, epoch=self.pace.epoch, part=next(iter(self.parts)), loss=math.nan
            )

    def _ended(self) -> str | None:
        return self.scores.ended or ("not finite" if self.guard.in_a_row >= self.plan.halt_after else self.pace.ended())

    # Between batches: the caller's turn.

    def _report(self) -> Report:
        self._look()
        guard, pace = self.guard, self.pace
        pace.reports += 1
        report = Report(
            step=pace.step, epoch=pace.epoch, losses=guard.mean_losses(), lr=dict(guard.lr),
            gradient_norm=guard.mean_norm(), update_ratio=math.nan if guard.ratio is None else float(guard.ratio),
            skipped=int(guard.skipped), seconds=pace.elapsed(), progress=pace.progress(), trouble=self.trouble,
            ended=self._ended(), _judge=self._judge, _snapshot=self.snapshot,
        )  # fmt: skip
        guard.reset()
        pace.report_is_given()
        self.trouble = None
        return report

    def _judge(self, score: float) -> str | None:
        return self.scores.see(self.together.agreed(score), self.pace.epoch, self.learner)

    def _close(self, report: Report) -> None:
        report._current = False
        if report.score is None:
            self.scores.see_losses(report.losses)
        report.ended = report.ended or self._ended()  # the budget may have run out in the caller's turn

    def _resume(self) -> None:
        """The training's own weights, generators, mode and compiled networks take the place of the caller's."""
        self.random.enter()
        self.compiled.enter()
        self._exchange()
        self.learner.train()
        self.pace.resume()
        self.running = True

    def _pause(self) -> None:
        if self.running:
            self.running = False
            self.pace.pause()
            self._exchange()
            self.compiled.leave()
            self.random.leave()

    def _exchange(self) -> None:
        for part in self.parts.values():
            part.exchange()

    # State.

    def snapshot(self) -> dict[str, Any]:
        """Everything, while the caller's turn lasts; copies, on the CPU."""
        self._exchange()  # each in its own place: the training's weights and their moving average
        weights = copied(self.learner.state_dict(), torch.device("cpu"))
        parts = {name: part.state() for name, part in self.parts.items()}
        self._exchange()
        return {
            "format": FORMAT,
            "weights": weights,
            "parts": parts,
            "scores": self.scores.state(),
            "pace": self.pace.state(),
            "in_a_row": self.guard.in_a_row,
            "threads": self.threads,
            "random": self.random.state(),
            "stream": self.stream.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        load_weights(self.learner, state["weights"])
        for name, saved in state["parts"].items():
            self._part(name).restore(saved)
        self._exchange()  # weights that were saved are the training's own; the caller's turn lasts until it begins
        self.scores.restore(state["scores"])
        self.pace.restore(state["pace"])
        self.guard.in_a_row = state["in_a_row"]
        self.threads = self.plan.threads or state["threads"]
        self.random.restore(state["random"])
        self.stream.restore(state["stream"])


_LOCKSTEP = "With `accumulate` above 1, what a learner yields must not depend on the batch's values."


def _shares(micro: list[Batch]) -> list[float]:
    """What each micro-batch counts for: its share of the rows."""
    return [_rows([batch]) / _rows(micro) for batch in micro]


def _rows(micro: list[Batch]) -> int:
    return sum(len(next(iter(batch.values()))) for batch in micro)


def _next_move(generator: Iterator[Move | Derived]) -> Move | Derived | None:
    return next(generator, None)
