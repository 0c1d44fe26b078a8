"""A character GPT in the small set-up for a processor: the loss it reaches, and what a step costs.

4 layers, 4 heads, 128 wide, 64 characters of context, 12 windows a batch, 2,000 steps, no dropout; AdamW (0.9, 0.99)
with weight decay 0.1, a rate of 1e-3 that rises over 100 steps and falls as a cosine to 1e-4, gradients clipped to 1.
That is what the README of nanoGPT trains on the first nine tenths of tiny Shakespeare, for a loss of 1.88 nats on the
last tenth. Measured here on all of that tenth, in windows of 64 characters that follow one another.

The step: `train` against the same network in two loops written by hand, the tutorial's and one with the fused
optimizer, in turns, so that what disturbs the machine disturbs all. CPU time, medians over the rounds.

    python benchmarks/char_gpt.py [--data FILE] [--steps 2000] [--lr 1e-3] [--seed 0] [--rounds 7] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepwright.core.fields import Field, Signature
from deepwright.core.plan import Plan
from deepwright.learners.next_token import NextToken
from deepwright.networks.gpt import GPT
from deepwright.sources._bundled import bundled_path
from deepwright.streams.windows import Windows
from deepwright.training import train

CONTEXT, BATCH, GOAL = 64, 12, 1.88
CONFIG = GPT.Config(layers=4, heads=4, width=128, context=CONTEXT, dropout=0.0)
PLAN = Plan(
    steps=2_000, batch=BATCH, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, clip=1.0, schedule="cosine", warmup=0.05,
    floor=0.1, report_every=250, threads=1, device="cpu",
)  # fmt: skip
_A_ROUND, _START = 60, 10
"""Steps of a timed training, and of the shorter one that is taken off: building and first steps cost no one."""


class Text:
    """A text as tokens: the first nine tenths to learn from, the rest to be judged by."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        characters = sorted(set(text))
        codes = {character: code for code, character in enumerate(characters)}
        tokens = torch.tensor([codes[character] for character in text])  # (N,)
        self.known = len(characters)
        self.train, self.valid = tokens.split([len(tokens) * 9 // 10, len(tokens) - len(tokens) * 9 // 10])

    def network(self) -> GPT:
        torch.manual_seed(0)
        return GPT(CONFIG, Signature((Field(form="tokens", name="text", size=self.known),)), self.known)


def valid_loss(net: nn.Module, tokens: Tensor) -> float:
    """Nats a character."""
    windows = tokens.unfold(0, CONTEXT + 1, CONTEXT)  # (W, T + 1), each begins where the last one ended
    total = 0.0
    with torch.no_grad():
        for some in windows.split(64):
            logits = net({"tokens:text": some[:, :-1]})  # (64, T, V)
            total += float(functional.cross_entropy(logits.flatten(0, 1), some[:, 1:].flatten(), reduction="sum"))
    return total / windows[:, 1:].numel()


def learn(text: Text, steps: int, lr: float, seed: int) -> dict[str, Any]:
    """What the set-up reaches after each so many steps."""
    learner = NextToken(text.network(), first=0)
    stream = Windows(text.train, name="text", length=CONTEXT, batch=BATCH, seed=seed)
    began, curve = time.process_time(), []
    for report in train(learner, stream, PLAN.model_copy(update={"steps": steps, "lr": lr, "seed": seed})):
        learner.eval()
        curve.append([report.step, round(report.losses["net"], 4), round(valid_loss(learner.net, text.valid), 4)])
    return {"curve": curve, "valid": curve[-1][2], "cpu_seconds": round(time.process_time() - began, 1)}


def ours(text: Text, steps: int) -> None:
    learner = NextToken(text.network(), first=0)
    stream = Windows(text.train, name="text", length=CONTEXT, batch=BATCH, seed=0)
    for _ in train(learner, stream, PLAN.model_copy(update={"steps": steps})):
        pass


def by_hand(text: Text, steps: int, *, fused: bool = False) -> None:
    """Windows drawn, forward, backward, clipping, step; the rate is set in every step."""
    net = text.network()
    decayed = [parameter for parameter in net.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in net.parameters() if parameter.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=fused)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 100)
        begins = torch.randint(len(text.train) - CONTEXT, (BATCH,))
        x = torch.stack([text.train[begin : begin + CONTEXT] for begin in begins])  # (B, T)
        y = torch.stack([text.train[begin + 1 : begin + 1 + CONTEXT] for begin in begins])  # (B, T)
        loss = functional.cross_entropy(net({"tokens:text": x}).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        loss.item()


def _tuned(text: Text, steps: int) -> None:
    by_hand(text, steps, fused=True)


RUNNERS: dict[str, Callable[[Text, int], None]] = {"by hand": by_hand, "by hand, tuned": _tuned, "deepwright": ours}


def measure(text: Text, rounds: int) -> dict[str, Any]:
    """CPU milliseconds a step."""
    spent: dict[str, list[float]] = {name: [] for name in RUNNERS}
    for runner in RUNNERS.values():
        runner(text, _START)  # first calls import and allocate
    for _ in range(rounds):
        for name, runner in RUNNERS.items():
            times = []
            for steps in (_START, _START + _A_ROUND):
                began = time.process_time()
                runner(text, steps)
                times.append(time.process_time() - began)
            spent[name].append((times[1] - times[0]) / _A_ROUND * 1e3)
    hand = statistics.median(spent["by hand"])
    return {
        name: {
            "milliseconds": round(statistics.median(times), 2),
            "low": round(min(times), 2),
            "high": round(max(times), 2),
            "ratio": round(statistics.median(times) / hand, 3),
        }
        for name, times in spent.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a text; without it the part of Shakespeare that ships")
    parser.add_argument("--steps", type=int, default=2_000, help="0: only what a step costs")
    parser.add_argument("--lr", type=float, default=PLAN.lr, help="the largest rate of the schedule")
    parser.add_argument("--seed", type=int, default=0, help="of the windows")
    parser.add_argument("--rounds", type=int, default=7, help="0: only the loss")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    path = asked.data or bundled_path("shakespeare")
    text = Text(path)
    said = f"{path.name}{'' if asked.data else ' (bundled)'}: {len(text.train) + len(text.valid):,} characters"
    learned = learn(text, asked.steps, asked.lr, asked.seed) if asked.steps else None
    costs = measure(text, asked.rounds) if asked.rounds else {}
    if asked.json:
        print(json.dumps({"benchmark": "char_gpt", "data": said, "learned": learned, "step": costs}))
        return
    print(said)
    if learned:
        for step, loss, valid in learned["curve"]:
            print(f"step {step:5}  training {loss:.4f}  validation {valid:.4f}")
        reached = "reached" if learned["valid"] <= GOAL else "missed"
        print(f"{learned['valid']:.4f} nats a character in {learned['cpu_seconds']} CPU seconds; {GOAL} is {reached}")
    for name, row in costs.items():
        spread = f"({row['low']} to {row['high']})"
        print(f"{name:16} {row['milliseconds']:7.2f} ms a step {spread}  {row['ratio']:.2f} of by hand")


if __name__ == "__main__":
    main()
