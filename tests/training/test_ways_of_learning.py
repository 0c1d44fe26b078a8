"""The same loop trains an adversarial, a Q-learning and a policy-gradient learner; nothing in it knows."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Batch, Duel, duel_rows, told
from torch import Tensor, nn
from torch.nn import functional

import deepwright.training
from deepwright.blocks.learner import Move
from deepwright.blocks.stream import Stream
from deepwright.core.plan import PartPlan, Plan
from deepwright.streams.rows import Rows
from deepwright.training import train

CELLS = 7


class Corridor:
    """Walkers on seven cells start in the middle; the right end pays 1, the left end costs 1, each step 0.02."""

    def __init__(self, walkers: int) -> None:
        self.at = torch.full((walkers,), CELLS // 2)

    def view(self) -> Tensor:
        return functional.one_hot(self.at, CELLS).float()

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(next view, reward, done), each with one row a walker; who is done starts again."""
        self.at = self.at + 2 * action - 1
        done = (self.at == 0) | (self.at == CELLS - 1)
        reward = (self.at == CELLS - 1).float() - (self.at == 0).float() - 0.02
        after = self.view()
        self.at = torch.where(done, CELLS // 2, self.at)
        return after, reward, done.float()


class Replay(Stream):
    """The learner acts, its steps go round in a buffer, a batch is drawn from it."""

    def __init__(self, walkers: int = 8, keep: int = 512) -> None:
        self.world, self.keep = Corridor(walkers), keep
        self.memory: Batch = {}

    batches_per_epoch = None

    def batches(self, learner: Any, device: torch.device) -> Iterator[Batch]:
        while True:
            for _ in range(4):
                seen = self.world.view()
                with torch.no_grad():
                    action = learner.net(seen).argmax(1)
                action = torch.where(torch.rand(len(action)) < 0.3, torch.randint(2, action.shape), action)
                after, reward, done = self.world.step(action)
                new = {"seen": seen, "action": action, "reward": reward, "after": after, "done": done}
                self.memory = {k: torch.cat([self.memory.get(k, v[:0]), v])[-self.keep :] for k, v in new.items()}
            picked = torch.randint(len(self.memory["done"]), (32,))
            yield {name: column[picked] for name, column in self.memory.items()}

    def state(self) -> dict[str, Any]:
        return {"at": self.world.at.clone(), "memory": dict(self.memory)}

    def restore(self, state: dict[str, Any]) -> None:
        self.world.at, self.memory = state["at"].clone(), dict(state["memory"])


class Rollouts(Stream):
    """Stretches of every walker's way under the policy as it is."""

    def __init__(self, walkers: int = 8, length: int = 16) -> None:
        self.world, self.length = Corridor(walkers), length

    batches_per_epoch = None

    def batches(self, learner: Any, device: torch.device) -> Iterator[Batch]:
        while True:
            steps = []
            for _ in range(self.length):
                seen = self.world.view()
                with torch.no_grad():
                    action = torch.multinomial(learner.policy["actor"](seen).softmax(1), 1)[:, 0]
                after, reward, done = self.world.step(action)
                steps.append({"seen": seen, "action": action, "reward": reward, "after": after, "done": done})
            yield {name: torch.stack([step[name] for step in steps], 1) for name in steps[0]}  # (walkers, length, …)

    def state(self) -> dict[str, Any]:
        return {"at": self.world.at.clone()}

    def restore(self, state: dict[str, Any]) -> None:
        self.world.at = state["at"].clone()


def net(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Values(nn.Module):
    """Q-learning; after each step the goal network follows slowly."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = net(CELLS, 32, 2)
        self.goal = copy.deepcopy(self.net).requires_grad_(False)

    def losses(self, batch: Batch) -> Iterator[Move]:
        with torch.no_grad():
            goal = batch["reward"] + 0.95 * self.goal(batch["after"]).amax(1) * (1 - batch["done"])
        value = self.net(batch["seen"]).gather(1, batch["action"][:, None])[:, 0]
        yield Move("net", functional.mse_loss(value, goal))
        for slow, fast in zip(self.goal.parameters(), self.net.parameters(), strict=True):
            slow.lerp_(fast.detach(), 0.05)


class Policy(nn.Module):
    """Clipped policy gradient: twelve moves out of one batch, in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.policy = nn.ModuleDict({"actor": net(CELLS, 32, 2), "critic": net(CELLS, 32, 1)})

    def losses(self, batch: Batch) -> Iterator[Move]:
        actor, critic = self.policy["actor"], self.policy["critic"]
        with torch.no_grad():
            value, after = critic(batch["seen"])[..., 0], critic(batch["after"])[..., 0]
            gain, running = torch.zeros_like(value), torch.zeros(len(value))
            for t in reversed(range(value.shape[1])):
                alive = 1 - batch["done"][:, t]
                surprise = batch["reward"][:, t] + 0.95 * after[:, t] * alive - value[:, t]
                gain[:, t] = running = surprise + 0.9 * alive * running
            goal = (gain + value).flatten()
            seen, action, gain = batch["seen"].flatten(0, 1), batch["action"].flatten(), gain.flatten()
            old = actor(seen).log_softmax(1).gather(1, action[:, None])[:, 0]
        for _ in range(3):
            for rows in torch.randperm(len(seen)).chunk(4):
                new = actor(seen[rows]).log_softmax(1)
                ratio = (new.gather(1, action[rows, None])[:, 0] - old[rows]).exp()
                g = (gain[rows] - gain[rows].mean()) / (gain[rows].std() + 1e-6)
                reach = torch.minimum(ratio * g, ratio.clamp(0.8, 1.2) * g).mean()
                miss = functional.mse_loss(critic(seen[rows])[:, 0], goal[rows])
                spread = -(new.exp() * new).sum(1).mean()
                yield Move("policy", miss - reach - 0.01 * spread)


def earned(act: Any) -> float:
    """Mean reward a step of 32 walkers over 60 steps."""
    world, total = Corridor(32), 0.0
    for _ in range(60):
        with torch.no_grad():
            total += float(world.step(act(world.view()))[1].mean())
    return total / 60


RIGHT = 1 / 3 - 0.02
"""Always to the right: the goal every third step."""


def test_q_learning() -> None:
    learner = Values()
    for _ in train(learner, Replay(), Plan(steps=300, lr=3e-3, optimizer="adam", clip=1.0)):
        pass
    assert earned(lambda view: learner.net(view).argmax(1)) == pytest.approx(RIGHT, abs=1e-6)
    assert not torch.equal(learner.goal[0].weight, Values().goal[0].weight)


@pytest.mark.slow
def test_policy_gradient() -> None:
    learner = Policy()
    reports = list(train(learner, Rollouts(), Plan(steps=600, lr=5e-3, optimizer="adam", clip=0.5)))
    assert earned(lambda view: learner.policy["actor"](view).argmax(1)) == pytest.approx(RIGHT, abs=1e-6)
    assert reports[-1].step == 600  # twelve a batch


@pytest.mark.slow
def test_adversarial() -> None:
    duel, data = Duel(), duel_rows(256)
    draw = torch.randn(512, 3, generator=torch.Generator().manual_seed(0))
    plan = Plan(steps=900, lr=4e-3, optimizer="adam", betas=(0.5, 0.9), parts={"critic": PartPlan(lr=8e-3)})
    apart = float((duel.generator(draw).mean(0) - 2).norm())
    for _ in train(duel, Rows(data, batch=64), plan):
        pass
    assert apart > 2
    assert float((duel.generator(draw).mean(0) - 2).norm()) < 0.7


@pytest.mark.parametrize(("learner", "stream"), [(Values, Replay), (Policy, Rollouts)])
def test_a_world_resumes_to_the_bit(learner: type[nn.Module], stream: type[Stream]) -> None:
    plan = Plan(steps=60, report_every=12, lr=1e-3)
    straight = learner()
    said = [told(report) for report in train(straight, stream(), plan)]  # type: ignore[call-arg]
    for report in train(learner(), stream(), plan):  # type: ignore[call-arg]
        state = report.state()
        if report.step >= 24:
            break
    second = learner()
    rest = [told(report) for report in train(second, stream(), plan, state=state)]  # type: ignore[call-arg]
    assert rest == said[len(said) - len(rest) :]
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), second.parameters(), strict=True))


def test_the_engine_has_no_word_for_any_of_it() -> None:
    words = re.compile(
        r"supervis|adversar|\bgan\b|critic|policy|reward|reinforce|diffusion|contrastive|\bq-?learning", re.I
    )
    for file in Path(deepwright.training.__file__).parent.glob("*.py"):
        assert not words.search(file.read_text(encoding="utf-8")), file.name
