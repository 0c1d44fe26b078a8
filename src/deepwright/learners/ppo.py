"""PPO: proximal policy optimisation; one stretch of life in, many small careful moves out.

Schulman et al., 2017, "Proximal policy optimization algorithms". With ratio ρ = π(a|s) / π_old(a|s), the moves follow

    L = −mean min(ρ Â, clip(ρ, 1 − ε, 1 + ε) Â)  +  c₁ mean (V(s) − R)²  −  c₂ mean entropy π(·|s)          equation 9

for some epochs over the stretch in shuffled minibatches. Advantages are traced back through each world
(Schulman et al., 2016, "generalized advantage estimation", equation 16), and R = Â + V_old(s):

    δ_t = r_t + γ (1 − terminal_t) V(s_t+1) − V(s_t)
    Â_t = δ_t + γ λ (1 − done_t) Â_t+1

terminal: the episode ended by itself, s_t+1 is worth nothing. done: it ended, perhaps because its time was up; then
s_t+1 keeps its worth, but what happens in the next episode is not this one's merit.

Axes: T steps of a stretch, N worlds, D numbers in an observation, A actions, M steps of a minibatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn

from deepwright.blocks.learner import Batch, Learner, Move


@final
class PPO(Learner):
    """actor: (B, D) → (B, A) logits. critic: (B, D) → (B, 1). discount: γ. trace: λ. clip: ε."""

    def __init__(
        self,
        actor: nn.Module,
        critic: nn.Module,
        *,
        discount: float = 0.99,
        trace: float = 0.95,
        clip: float = 0.2,
        value_weight: float = 0.5,
        entropy_weight: float = 0.0,
        epochs: int = 10,
        minibatches: int = 4,
    ) -> None:
        super().__init__()
        self.agent = nn.ModuleDict({"actor": actor, "critic": critic})
        self.discount, self.trace, self.clip = discount, trace, clip
        self.value_weight, self.entropy_weight = value_weight, entropy_weight
        self.epochs, self.minibatches = epochs, minibatches

    def act(self, obs: Tensor) -> Tensor:
        """(N, D) → (N,) drawn from the policy"""
        return torch.multinomial(self.agent["actor"](obs).softmax(dim=1), 1)[:, 0]

    def best(self, obs: Tensor) -> Tensor:
        """(N, D) → (N,) the likeliest"""
        return self.agent["actor"](obs).argmax(dim=1)

    def losses(self, batch: Batch) -> Iterator[Move]:
        """epochs × minibatches moves."""
        with torch.no_grad():
            value, after = (self.agent["critic"](batch[name])[..., 0] for name in ("obs", "after"))  # (T, N)
            gain = advantages(batch, value, after, self.discount, self.trace).flatten()  # (T·N,)
            goal = gain + value.flatten()  # (T·N,)
            obs, action = batch["obs"].flatten(0, 1), batch["action"].flatten()  # (T·N, D), (T·N,)
            before = self.log_policy(obs).gather(1, action[:, None])[:, 0]  # (T·N,)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(obs), device=obs.device).chunk(self.minibatches):  # (M,)
                yield Move("agent", self.loss(obs[rows], action[rows], before[rows], gain[rows], goal[rows]))

    def loss(self, obs: Tensor, action: Tensor, before: Tensor, gain: Tensor, goal: Tensor) -> Tensor:
        """Equation 9 for a minibatch, with advantages of mean 0 and deviation 1; everything (M, …) → ()"""
        gain = (gain - gain.mean()) / (gain.std() + 1e-8)  # (M,)
        said = self.log_policy(obs)  # (M, A)
        ratio = (said.gather(1, action[:, None])[:, 0] - before).exp()  # (M,)
        held = ratio.clamp(1 - self.clip, 1 + self.clip)  # (M,)
        surrogate = torch.min(ratio * gain, held * gain).mean()
        miss = (self.agent["critic"](obs)[:, 0] - goal).square().mean()
        entropy = -(said.exp() * said).sum(dim=1).mean()
        return -surrogate + self.value_weight * miss - self.entropy_weight * entropy

    def log_policy(self, obs: Tensor) -> Tensor:
        """(M, D) → (M, A) log π"""
        return self.agent["actor"](obs).log_softmax(dim=1)


def advantages(batch: Batch, value: Tensor, after: Tensor, discount: float, trace: float) -> Tensor:
    """(T, N) Â, from V of what was seen and of what came after, each (T, N)."""
    delta = batch["reward"] + discount * (1 - batch["terminal"]) * after - value  # (T, N)
    found, following = torch.empty_like(delta), torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        following = delta[t] + discount * trace * (1 - batch["done"][t]) * following  # (N,)
        found[t] = following
    return found
