"""Agents by hand: advantages, targets, the replay buffer, episodes that come back, exact values of a frozen lake."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.environment import Spaces, open_environment, spaces_of
from deepwright.core.errors import DataError, MissingExtraError, NotFoundError, RunError
from deepwright.core.find import find
from deepwright.learners.dqn import DQN
from deepwright.learners.ppo import PPO, advantages
from deepwright.sources import open_table
from deepwright.streams._worlds import Worlds
from deepwright.streams.replay import Exploration, Replay
from deepwright.streams.rollouts import Rollouts

CPU = torch.device("cpu")
LAKE, SLIPPERY = "FrozenLake-v1?is_slippery=false", "FrozenLake-v1"
DISCOUNT = 0.99


def column(*values: float) -> torch.Tensor:
    """(T, 1) one world's numbers"""
    return torch.tensor(values, dtype=torch.float64)[:, None]


# ---------------------------------------------------------------- PPO
def test_advantages_by_hand():
    value, after, reward = column(0.5, 0.4, 0.3), column(0.4, 0.3, 0.2), column(1, 0, 2)
    never = torch.zeros_like(value)
    going_on = advantages({"reward": reward, "terminal": never, "done": never}, value, after, 0.9, 0.8)
    assert going_on[:, 0].tolist() == pytest.approx([1.740992, 1.2236, 1.88])  # δ: 0.86, −0.13, 1.88; γλ: 0.72
    end = column(0, 1, 0)
    ended = advantages({"reward": reward, "terminal": end, "done": end}, value, after, 0.9, 0.8)
    assert ended[:, 0].tolist() == pytest.approx([0.86 - 0.72 * 0.4, -0.4, 1.88])  # nothing is hoped for
    cut = advantages({"reward": reward, "terminal": never, "done": end}, value, after, 0.9, 0.8)
    assert cut[:, 0].tolist() == pytest.approx([0.86 - 0.72 * 0.13, -0.13, 1.88])  # time was up: V of what came after


def test_advantages_are_the_sum_of_what_is_left_of_the_episode():
    rng = torch.Generator().manual_seed(0)
    reward, value, after = (torch.randn(9, 4, generator=rng, dtype=torch.float64) for _ in range(3))
    done = (torch.rand(9, 4, generator=rng) < 0.3).double()
    terminal = done * (torch.rand(9, 4, generator=rng) < 0.5)
    found = advantages({"reward": reward, "terminal": terminal, "done": done}, value, after, 0.97, 0.9)
    delta = reward + 0.97 * (1 - terminal) * after - value
    for t in range(9):
        for n in range(4):
            total = 0.0
            for later in range(t, 9):
                total += (0.97 * 0.9) ** (later - t) * float(delta[later, n])
                if done[later, n]:
                    break
            assert float(found[t, n]) == pytest.approx(total)


def small_ppo(**options: Any) -> PPO:
    torch.manual_seed(0)
    return PPO(nn.Linear(3, 2), nn.Linear(3, 1), **options)


def test_before_the_first_step_the_loss_is_the_plain_policy_gradient():
    ppo = small_ppo(value_weight=0.0)
    obs, action, gain = torch.randn(64, 3), torch.randint(2, (64,)), torch.randn(64)
    before = ppo.log_policy(obs).gather(1, action[:, None])[:, 0]
    clipped = torch.autograd.grad(
        ppo.loss(obs, action, before.detach(), gain, torch.zeros(64)), ppo.agent["actor"].weight
    )
    scaled = (gain - gain.mean()) / (gain.std() + 1e-8)
    plain = torch.autograd.grad(-(before * scaled).mean(), ppo.agent["actor"].weight)
    assert torch.allclose(clipped[0], plain[0], atol=1e-7)


def test_a_ratio_beyond_the_clip_gives_no_gradient_where_it_already_went_the_right_way():
    ppo = small_ppo(value_weight=0.0, clip=0.2)
    obs, action = torch.randn(2, 3), torch.tensor([0, 0])
    said = ppo.log_policy(obs)[:, 0].detach()
    before = said - torch.tensor([0.5, -0.5])  # the first is likelier than it was, the second less likely
    for gain, moves in ((torch.tensor([1.0, -1.0]), False), (torch.tensor([-1.0, 1.0]), True)):
        ppo.zero_grad()
        ppo.loss(obs, action, before, gain, torch.zeros(2)).backward()
        assert (float(ppo.agent["actor"].weight.grad.abs().max()) > 1e-6) is moves


def test_a_stretch_makes_epochs_times_minibatches_moves_and_uses_every_step_in_each_epoch():
    ppo = small_ppo(epochs=3, minibatches=4)
    seen: list[torch.Tensor] = []
    ppo.loss = lambda obs, *rest: seen.append(obs[:, 0]) or obs.sum()  # type: ignore[method-assign, assignment]
    shape = (8, 2)
    batch = {
        "obs": torch.arange(48.0).reshape(8, 2, 3), "after": torch.zeros(8, 2, 3),
        "action": torch.zeros(shape, dtype=torch.int64), "reward": torch.zeros(shape), "terminal": torch.zeros(shape),
        "done": torch.zeros(shape),
    }  # fmt: skip
    moves = list(ppo.losses(batch))
    assert [move.part for move in moves] == ["agent"] * 12
    for epoch in range(3):
        assert sorted(torch.cat(seen[4 * epoch : 4 * epoch + 4]).tolist()) == list(range(0, 48, 3))


# ---------------------------------------------------------------- DQN
class Table(nn.Module):
    """Q of the state that stands in the observation's only number."""

    def __init__(self, values: list[list[float]]) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values, dtype=torch.float32))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        return self.values[obs[:, 0].long()]


def steps(after: list[float], reward: list[float], terminal: list[float]) -> dict[str, torch.Tensor]:
    count = len(after)
    return {
        "obs": torch.zeros(count, 1), "action": torch.zeros(count, dtype=torch.int64),
        "after": torch.tensor(after)[:, None], "reward": torch.tensor(reward), "terminal": torch.tensor(terminal),
    }  # fmt: skip


def test_targets_by_hand():
    batch = steps([1, 2, 2], [1.0, 0.5, 0.5], [0, 0, 1])
    for double, expected in ((True, [1 + 0.9 * 7, 0.5 + 0.9 * 2, 0.5]), (False, [1 + 0.9 * 8, 0.5 + 0.9 * 5, 0.5])):
        learner = DQN(Table([[0, 0], [4, 3], [1, 6]]), discount=0.9, double=double)
        with torch.no_grad():
            learner.target.values.copy_(torch.tensor([[0.0, 0], [7, 8], [5, 2]]))
        assert learner.goal(batch).tolist() == pytest.approx(expected)


def test_a_step_that_only_ended_by_time_still_has_a_future():
    """What the stream calls terminal, not what it calls done, cuts the target."""
    pytest.importorskip("gymnasium")
    worlds = clock_worlds(1)
    happened = [worlds.step([0]) for _ in range(5)]
    assert [float(h.done[0]) for h in happened] == [0, 0, 0, 0, 1]
    assert [float(h.terminal[0]) for h in happened] == [0] * 5
    assert happened[-1].after[0, 0] == 5 and worlds.seen[0, 0] == 0  # the end was seen; then a new beginning
    assert worlds.recent == type(worlds.recent)([5.0])
    last = {"after": torch.from_numpy(happened[-1].after), "reward": torch.ones(1), "terminal": torch.zeros(1)}
    assert DQN(Table([[2.0]] * 6), discount=0.9).goal(last).item() == pytest.approx(1 + 0.9 * 2)


def test_the_target_stands_still_between_copies_and_is_equal_after_one():
    learner, batch = DQN(Table([[0, 0], [4, 3]]), sync=3), steps([1], [1.0], [0])
    first = learner.target.values.clone()
    for taken in range(1, 7):
        for move in learner.losses(batch):
            move.loss.backward()
            with torch.no_grad():
                learner.net.values -= 0.1 * learner.net.values.grad
        if taken % 3:
            assert torch.equal(learner.target.values, first)
        else:
            assert torch.equal(learner.target.values, learner.net.values)
            first = learner.target.values.clone()


def test_a_blended_target_follows_a_share_of_the_way():
    learner = DQN(Table([[0.0, 8.0]]), blend=0.25)
    with torch.no_grad():
        learner.target.values.zero_()
    learner.follow()
    assert learner.target.values.tolist() == [[0.0, 2.0]]


def test_the_loss_bends_where_it_is_told_to():
    batch = steps([1, 1], [3.0, 0.5], [1, 1])
    for bend, expected in ((1.0, (3 - 0.5 + 0.125) / 2), (100.0, (4.5 + 0.125) / 2)):
        move = next(DQN(Table([[0, 0], [0, 0]]), bend=bend).losses(batch))
        assert move.loss.item() == pytest.approx(expected)


# ---------------------------------------------------------------- streams
def clock_worlds(count: int, seed: int = 0) -> Worlds:
    import toy_worlds

    return Worlds(toy_worlds.CLOCK, Spaces(actions=3, states=None, low=(0.0,), high=(None,)), count=count, seed=seed)


def cart_worlds(count: int = 2, seed: int = 0) -> Worlds:
    environment = open_environment("CartPole-v1")
    return Worlds("CartPole-v1", spaces_of(environment, "CartPole-v1"), count=count, seed=seed)


class Fixed:
    """Always the same action."""

    def best(self, obs: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(obs), dtype=torch.int64)

    act = best


def replay_of(worlds: Worlds, **options: Any) -> Replay:
    exploration = options.pop("exploration", Exploration(first=0.3, last=0.3, steps=1))
    made = {"batch": 4, "keep": 10, "warmup": 1, "stride": 1, "seed": 0} | options
    return Replay(worlds, exploration=exploration, **made)


def test_the_buffer_keeps_the_newest_steps_and_draws_evenly():
    pytest.importorskip("gymnasium")
    stream = replay_of(clock_worlds(1), keep=4, batch=4_000, warmup=3)
    batches = stream.batches(Fixed(), CPU)  # type: ignore[arg-type]
    assert sorted(set(next(batches)["obs"][:, 0].tolist())) == [0, 1, 2]  # the warm-up first
    for _ in range(5):
        batch = next(batches)
    counts = torch.bincount(batch["obs"][:, 0].long(), minlength=5)  # of steps 5 to 8, which are 4, 0, 1, 2
    assert counts.tolist()[3] == 0 and min(counts.tolist()[i] for i in (0, 1, 2, 4)) > 900
    assert torch.equal(batch["after"][:, 0], batch["obs"][:, 0] + 1)


def test_the_measured_share_of_random_actions_is_epsilon():
    pytest.importorskip("gymnasium")
    stream = replay_of(clock_worlds(8), keep=4_000, batch=4_000, warmup=4_000)
    drawn = next(stream.batches(Fixed(), CPU))["action"]  # type: ignore[arg-type]
    assert (drawn != 0).double().mean().item() == pytest.approx(0.3 * 2 / 3, abs=0.02)


def test_exploration_falls_evenly_and_then_stays():
    exploration = Exploration(first=1.0, last=0.1, steps=100)
    assert [exploration.share(step) for step in (0, 50, 100, 500)] == pytest.approx([1.0, 0.55, 0.1, 0.1])


@pytest.mark.parametrize("kind", ["replay", "rollouts"])
def test_streams_come_back_exactly_in_the_middle_of_episodes(kind):
    pytest.importorskip("gymnasium")

    def made() -> Any:
        worlds = cart_worlds(3, seed=5)
        return replay_of(worlds, keep=50) if kind == "replay" else Rollouts(worlds, horizon=7)

    class Tilt(Fixed):
        def best(self, obs: torch.Tensor) -> torch.Tensor:
            return (obs[:, 2] > 0).long()

        act = best

    stream = made()
    batches = stream.batches(Tilt(), CPU)
    for _ in range(20):
        next(batches)
    state, tally = stream.state(), stream.tally()
    ahead = [next(batches) for _ in range(20)]
    again = made()
    again.restore(state)
    assert again.tally() == tally
    for one, other in zip(ahead, again.batches(Tilt(), CPU), strict=False):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_same_seed_lives_the_same_episodes_and_another_one_others():
    pytest.importorskip("gymnasium")

    def life(seed: int) -> np.ndarray:
        worlds = cart_worlds(2, seed)
        return np.stack([worlds.step([t % 2, (t // 2) % 2]).after for t in range(60)])

    assert np.array_equal(life(0), life(0))
    assert not np.array_equal(life(0), life(1)) and not np.array_equal(life(0)[:, 0], life(0)[:, 1])


def test_a_world_that_cannot_be_brought_back_is_refused():
    pytest.importorskip("gymnasium")
    import toy_worlds

    spaces = Spaces(actions=3, states=None, low=(0.0,), high=(None,))
    worlds = Worlds(toy_worlds.DICE, spaces, count=1, seed=0)
    worlds.step([0])
    with pytest.raises(RunError, match="led the environment elsewhere"):
        Worlds(toy_worlds.DICE, spaces, count=1, seed=0).restore(worlds.state())
    with pytest.raises(RunError, match="2 worlds of seed 0, here are 1"):
        clock_worlds(1).restore(clock_worlds(2).state())


# ---------------------------------------------------------------- environments
def test_without_gymnasium_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepwright\[control\]'"):
        open_environment("CartPole-v1")


def test_environments_that_agents_cannot_act_in_are_refused_in_words():
    pytest.importorskip("gymnasium")
    import toy_worlds

    with pytest.raises(NotFoundError, match="Did you mean 'CartPole-v1'"):
        open_environment("CartPol-v1")
    for name, words in (
        ("Pendulum-v1", "actions that can be counted"),
        (toy_worlds.PICTURES, r"pictures of \(8, 8, 3"),
    ):
        with pytest.raises(DataError, match=words):
            spaces_of(open_environment(name), name)
    with pytest.raises(DataError, match="is_slipery"):
        open_environment("FrozenLake-v1?is_slipery=false")
    with pytest.raises(DataError, match="not the data's to set"):
        open_environment("CartPole-v1?render_mode=human")


# ---------------------------------------------------------------- a frozen lake, exactly
def fitted(contender: str, environment: str, options: dict[str, Any], folder: Path, seed: int = 0) -> tuple[Any, Any]:
    """A contender that learned in an environment, and the table of its episodes."""
    frame = open_table(f"env:{environment}").frame
    encoding = Encoding((find("kind", "episode")().fit(frame["episode"]),))
    train, valid, test = (frame.filter(pl.col("part") == part) for part in ("train", "valid", "test"))
    task = find("task", "control").ask(train, None, encoding, {})
    cls = find("contender", contender)
    brief = Brief(
        task=task, encoding=encoding, metric="mean_return", seconds=None, seed=seed, folder=folder,
        log=lambda line: None, rewind=lambda step: None, progress=lambda share, text: None,
    )  # fmt: skip
    return cls(cls.Options(**options)).fit(train, valid, brief), test


def optimal(environment: str) -> np.ndarray:
    """(S, A) Q*, by value iteration on the environment's own probabilities."""
    rules = open_environment(environment).unwrapped.P
    values = np.zeros((len(rules), 4))
    for _ in range(3_000):
        hoped = values.max(axis=1)
        for state, actions in rules.items():
            for action, ways in actions.items():
                values[state, action] = sum(p * (r + DISCOUNT * (not end) * hoped[s]) for p, s, r, end in ways)
    return values


def acting(environment: str) -> np.ndarray:
    """(S,) whether a state is one to act in: neither a hole nor the goal."""
    letters = open_environment(environment).unwrapped.desc.ravel()
    return np.isin(letters, [b"S", b"F"])


def test_q_learning_finds_the_exact_values_of_a_lake_that_is_not_slippery(tmp_path):
    pytest.importorskip("gymnasium")
    options = {"episodes": 1_000, "rate": 1.0, "last_rate": 1.0, "last_exploration": 0.7, "discount": DISCOUNT}
    model, test = fitted("q_learning", LAKE, options, tmp_path)
    exact, there = optimal(LAKE), acting(LAKE)
    assert exact[0].max() == pytest.approx(DISCOUNT**5)
    assert np.abs(model.values - exact)[there].max() < 1e-9
    assert model.predict(test)["return"].to_list() == [1.0] * 100
    assert model.predict(test)["steps"].to_list() == [6] * 100


@pytest.mark.slow
def test_q_learning_on_a_slippery_lake_comes_near_the_optimum(tmp_path):
    """V(start) is 0.542, and the optimal policy arrives 74 times of 100 within 100 steps (82 without a limit)."""
    pytest.importorskip("gymnasium")
    options = {"episodes": 6_000, "rate": 0.3, "last_rate": 0.01, "last_exploration": 0.1, "discount": DISCOUNT}
    model, _ = fitted("q_learning", SLIPPERY, options, tmp_path)
    exact = optimal(SLIPPERY)
    assert exact[0].max() == pytest.approx(0.5420, abs=1e-4)
    assert model.values[0].max() == pytest.approx(exact[0].max(), abs=0.08)
    many = pl.DataFrame({"episode": [f"{SLIPPERY}#{seed}" for seed in range(5_000, 5_400)]})
    assert model.predict(many)["return"].mean() > 0.66


@pytest.mark.slow
def test_dqn_finds_the_values_too(tmp_path):
    pytest.importorskip("gymnasium")
    options = {
        "config": {"widths": [64], "dropout": 0.0}, "sync": 20, "explore_for": 20_000, "last_exploration": 0.5,
        "keep": 20_000, "worlds": 8,
        "training": {"lr": 3e-3, "steps": 5_000, "report_every": 2_500, "batch": 128, "patience": None},
    }  # fmt: skip
    model, test = fitted("dqn", LAKE, options, tmp_path)
    with torch.no_grad():
        values = model.learner.net(torch.eye(16)).numpy()
    way = [0, 4, 8, 9, 13, 14]  # or 0, 4, 8, 9, 10, 14
    exact = optimal(LAKE)
    assert np.abs(values - exact)[way].max(axis=1).max() < 0.1
    assert model.predict(test)["return"].to_list() == [1.0] * 100
