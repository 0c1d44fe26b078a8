"""GAN, VAE and diffusion against what is known in closed form: games, Gaussians, likelihoods and distances."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepwright.core.plan import Plan
from deepwright.learners.adversarial import Adversarial
from deepwright.learners.diffusion import Diffusion, cosine, linear
from deepwright.learners.variational import Variational
from deepwright.metrics._generation import frechet
from deepwright.streams.rows import Rows
from deepwright.training import train


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def mlp(inputs: int, width: int, depth: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in [inputs] + [width] * (depth - 1):
        layers += [nn.Linear(size, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def trained(learner: nn.Module, x: Tensor, plan: Plan) -> None:
    once = plan.model_copy(update={"report_every": plan.steps})
    for _ in train(learner, Rows({"x": x}, batch=plan.batch, seed=plan.seed), once):
        pass


# ---------------------------------------------------------------- the game
class Constant(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return 0.0 * rows[:, :1]


def duel(critic: nn.Module, *, paired: bool = False, penalty: float = 0.0) -> Adversarial:
    return Adversarial(nn.Linear(2, 2), critic, noise=2, paired=paired, penalty=penalty)


def test_the_value_of_the_game_at_its_optimum() -> None:
    """Where rows cannot be told apart the best critic is 0 everywhere and V = −log 4; paired, L_D = log 2."""
    real, made = torch.randn(50, 2, generator=rng(1)), torch.randn(50, 2, generator=rng(2))
    assert -float(duel(Constant()).critic_loss(real, made)) == pytest.approx(-math.log(4), abs=1e-6)
    assert float(duel(Constant(), paired=True).critic_loss(real, made)) == pytest.approx(math.log(2), abs=1e-6)
    assert float(duel(Constant(), penalty=9.0).critic_loss(real, made).detach()) == pytest.approx(math.log(4), abs=1e-6)
    assert float(duel(Constant()).generator_loss(real, made)) == pytest.approx(math.log(2), abs=1e-6)


def test_the_best_critic_gives_the_divergence() -> None:
    """Of N(½, 1) and N(−½, 1) the best critic is log p/q = x, and V = 2 JSD − log 4 (theorem 1, by quadrature)."""
    identity = nn.Linear(1, 1)
    nn.init.ones_(identity.weight)
    nn.init.zeros_(identity.bias)
    x = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    p, q = (torch.exp(-0.5 * (x - m) ** 2) / math.sqrt(2 * math.pi) for m in (0.5, -0.5))
    middle = (p + q) / 2
    twice = float(torch.trapezoid(p * (p / middle).log() + q * (q / middle).log(), x))
    even = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    normal = torch.special.ndtri(even)[:, None].float()  # (N, 1) N(0, 1), by its quantiles
    learner = Adversarial(nn.Linear(1, 1), identity, noise=1)
    loss = learner.critic_loss(normal + 0.5, normal - 0.5)
    assert -float(loss.detach()) == pytest.approx(twice - math.log(4), abs=1e-4)
    slopes = torch.autograd.grad(loss, list(identity.parameters()))
    assert all(float(slope.abs().max()) < 1e-3 for slope in slopes)  # nothing to gain: it is the best one


@pytest.mark.parametrize("paired", [False, True])
def test_the_penalty_is_the_mean_square_slope(paired: bool) -> None:
    """Of a linear critic |∇D|² = |w|², on real and on generated rows alike."""
    critic = nn.Linear(2, 1)
    real, made = torch.randn(7, 2, generator=rng(1)), torch.randn(7, 2, generator=rng(2))
    plain = duel(critic, paired=paired).critic_loss(real, made)
    held = duel(critic, paired=paired, penalty=3.0).critic_loss(real, made)
    assert float((held - plain).detach()) == pytest.approx(3.0 * float(critic.weight.detach().square().sum()), rel=1e-5)


@pytest.mark.slow
def test_a_generator_of_one_gaussian_finds_it() -> None:
    """Either game, to the mean and the spread: the generator is affine, the critic quadratic enough to see both."""
    x = torch.randn(2_000, 1, generator=rng()) * 0.5 + 2.0
    for paired in (False, True):
        torch.manual_seed(0)
        learner = Adversarial(nn.Linear(1, 1), mlp(1, 16, 1, 1, nn.SiLU), noise=1, penalty=0.1, paired=paired)
        trained(learner, x, Plan(steps=1_600, batch=128, lr=1e-2, optimizer="adam", betas=(0.0, 0.99), ema=0.99))
        generator = learner.generator
        assert isinstance(generator, nn.Linear)
        assert float(generator.bias) == pytest.approx(2.0, abs=0.15)
        assert abs(float(generator.weight)) == pytest.approx(0.5, abs=0.15)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_the_grid_of_25_gaussians(seed: int) -> None:
    """Of 2,500 generated rows at least one lies within three standard deviations of 23 modes or more.

    Seeds 0, 1 and 2 reach 25 modes each. 27, 30 and 22 % of their rows are that near to one (the high-quality share),
    after 6,000 steps of each part: far from the 90 % that longer trainings reach.
    """
    spread = torch.tensor([-4.0, -2.0, 0.0, 2.0, 4.0])
    modes = torch.cartesian_prod(spread, spread) / 2.83  # (25, 2), of standard deviation 1
    deviation = 0.05 / 2.83
    draw = rng(100 + seed)
    x = modes[torch.randint(25, (50_000,), generator=draw)] + deviation * torch.randn(50_000, 2, generator=draw)
    torch.manual_seed(seed)
    learner = Adversarial(mlp(8, 128, 3, 2, leaky), mlp(2, 128, 3, 1, leaky), noise=8, penalty=0.1, paired=True)
    plan = Plan(
        steps=12_000, batch=256, lr=1e-3, optimizer="adam", betas=(0.0, 0.99), schedule="linear", ema=0.998, seed=seed
    )
    trained(learner, x, plan)
    with torch.no_grad():
        made = learner.sample(torch.randn(2_500, 8, generator=rng(7)))
    distance, mode = torch.cdist(made, modes).min(dim=1)  # (2500,) each
    near = distance < 3 * deviation
    found = len(mode[near].unique())
    print(f"seed {seed}: {found} modes, {float(near.float().mean()):.1%} of the rows near one")
    assert found >= 23 and float(near.float().mean()) > 0.15


# ---------------------------------------------------------------- diffusion of a Gaussian
MEAN = torch.tensor([1.0, -0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.8, 0.45], [0.45, 0.5]], dtype=torch.float64)


class Analytic(nn.Module):
    """v of ε*(x, t) = √(1−ᾱ) (ᾱ C + (1−ᾱ) I)⁻¹ (x − √ᾱ m), minus the scaled score of x_t, rows of N(m, C)."""

    def __init__(self, schedule: Tensor) -> None:
        super().__init__()
        self.schedule = schedule.double()

    def noise(self, x: Tensor, times: Tensor) -> Tensor:
        kept = self.schedule[times - 1]  # (B,) ᾱ_t
        spread = kept[:, None, None] * COVARIANCE + (1 - kept)[:, None, None] * torch.eye(2)  # (B, 2, 2)
        away = x - kept.sqrt()[:, None] * MEAN  # (B, 2)
        return (1 - kept).sqrt()[:, None] * torch.linalg.solve(spread, away)

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        times = (share * len(self.schedule)).round().long()
        kept = self.schedule[times - 1][:, None]  # (B, 1)
        return (self.noise(x, times) - (1 - kept).sqrt() * x) / kept.sqrt()


class Affine(nn.Module):
    """Of each of T times an affine map of its own: holds the analytic answer exactly."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(times, 2, 2))
        self.bias = nn.Parameter(torch.zeros(times, 2))

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        t = (share * len(self.bias)).round().long() - 1  # (B,)
        return torch.einsum("bij,bj->bi", self.weight[t].to(x.dtype), x) + self.bias[t]


def gaussian(count: int, seed: int = 0) -> Tensor:
    """(count, 2) rows whose mean and covariance are exactly MEAN and COVARIANCE."""
    rows = torch.randn(count, 2, generator=rng(seed), dtype=torch.float64)
    rows = rows - rows.mean(dim=0)
    white = rows @ torch.linalg.inv(torch.linalg.cholesky(rows.T @ rows / count)).T
    return white @ torch.linalg.cholesky(COVARIANCE).T + MEAN


def pushed(learner: Diffusion, steps: int) -> tuple[Tensor, Tensor]:
    """Mean (2,) and covariance (2, 2) of what an affine sampler makes of N(0, I), exactly."""
    made = learner.sample(torch.cat([torch.zeros(1, 2), torch.eye(2)]).double(), steps)  # (3, 2)
    root = (made[1:] - made[0]).T  # (2, 2)
    return made[0], root @ root.T


def test_schedules_are_those_of_the_papers() -> None:
    assert float(linear(1000)[-1]) == pytest.approx(4.0358e-05, rel=1e-3)
    f = [math.cos(math.pi / 2 * (t / 1000 + 0.008) / 1.008) ** 2 for t in (0, 500)]
    assert float(cosine(1000)[499]) == pytest.approx(f[1] / f[0], rel=1e-5)
    for schedule in (linear(50), cosine(50)):
        assert (schedule[1:] < schedule[:-1]).all() and 0 < schedule[-1] < schedule[0] < 1


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_the_sampler_turns_noise_into_the_gaussian(schedule: object) -> None:
    """With the analytic score; the error of DDIM falls as one over its steps."""
    levels = schedule(1000)  # type: ignore[operator]
    learner = Diffusion(Analytic(levels), levels)
    errors = []
    for steps in (50, 200, 1000):
        mean, covariance = pushed(learner, steps)
        errors.append(max(float((mean - MEAN).abs().max()), float((covariance - COVARIANCE).abs().max())))
    assert errors[2] < 0.01 and errors[2] < errors[1] < errors[0]


def test_noise_added_has_the_marginals() -> None:
    """x_t of N(m, C) is N(√ᾱ m, ᾱ C + (1−ᾱ) I) at every time."""
    levels = cosine(20)
    learner, x = Diffusion(Affine(20), levels), gaussian(200_000)
    for t in (1, 7, 20):
        noised = learner.noised(x, torch.full((len(x),), t), torch.randn(x.shape, generator=rng(t), dtype=x.dtype))
        kept = float(levels[t - 1])
        assert torch.allclose(noised.mean(dim=0), math.sqrt(kept) * MEAN, atol=0.01)
        assert torch.allclose(noised.T.cov(), kept * COVARIANCE + (1 - kept) * torch.eye(2), atol=0.015)


def test_the_learnt_score_is_the_analytic_one() -> None:
    """One affine map a time, trained as any denoiser: each becomes ε*, and samples have the data's moments."""
    times, levels = 12, cosine(12)
    learner, truth = Diffusion(Affine(times), levels), Analytic(levels)
    plan = Plan(steps=1_200, batch=1_024, lr=3e-2, optimizer="adam", schedule="linear", ema=0.99)
    trained(learner, gaussian(8_192).float(), plan)
    x = torch.randn(200, 2, generator=rng(5), dtype=torch.float64)
    for t in range(1, times + 1):
        at = torch.full((len(x),), t)
        assert torch.allclose(learner.guess(x, at)[1], truth.noise(x, at), atol=0.12), t
    for learnt, known in zip(pushed(learner.double(), times), pushed(Diffusion(truth, levels), times), strict=True):
        assert torch.allclose(learnt, known, atol=0.05)


@pytest.mark.slow
def test_a_network_learns_the_gaussian() -> None:
    """An MLP told the time: samples have the mean and covariance within 0.06, the score is near ε* where rows are."""

    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(2 + 8, 128, 2, 2, nn.SiLU)

        def forward(self, x: Tensor, share: Tensor) -> Tensor:
            angles = share[:, None] * torch.tensor([0.5, 1.0, 2.0, 4.0]) * math.pi
            return self.net(torch.cat([x, angles.sin(), angles.cos()], dim=1))

    torch.manual_seed(0)
    levels = cosine(1000)
    learner, truth = Diffusion(Told(), levels), Analytic(levels)
    plan = Plan(steps=4_000, batch=512, lr=2e-3, optimizer="adam", schedule="cosine", ema=0.998)
    trained(learner, gaussian(8_192).float(), plan)
    made = learner.sample(torch.randn(20_000, 2, generator=rng(1)), 100).double()
    assert torch.allclose(made.mean(dim=0), MEAN, atol=0.06)
    assert torch.allclose(made.T.cov(), COVARIANCE, atol=0.06)
    x, times = gaussian(4_096, seed=3), torch.randint(1, 1001, (4_096,), generator=rng(2))
    noised = learner.noised(x, times, torch.randn(x.shape, generator=rng(4), dtype=x.dtype))
    with torch.no_grad():
        away = learner.guess(noised.float(), times)[1].double() - truth.noise(noised, times)
    assert float(away.square().mean()) < 0.005


# ---------------------------------------------------------------- a linear VAE is probabilistic PCA
def ppca(x: np.ndarray, hidden: int) -> float:
    """Mean log-likelihood of rows (N, D) at the maximum (Tipping and Bishop, 1999, eq. 7 and 8)."""
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]  # (D,)
    width, noise = len(values), values[hidden:].mean()
    return float(
        -0.5
        * (width * math.log(2 * math.pi) + np.log(values[:hidden]).sum() + (width - hidden) * np.log(noise) + width)
    )


@pytest.mark.slow
def test_a_linear_vae_reaches_the_likelihood_of_ppca() -> None:
    """The bound is tight there (Lucas et al., 2019): ELBO, importance-weighted bound and exact likelihood meet it."""
    from scipy.stats import multivariate_normal
    from sklearn.decomposition import PCA

    width, hidden = 5, 2
    z = torch.randn(600, hidden, generator=rng(1))
    x = z @ torch.tensor([[1.5, 0.5, -1.0, 0.2, 0.0], [0.0, 0.7, 0.6, -0.4, 0.9]])
    x = x + 0.4 * torch.randn(600, width, generator=rng(2)) + torch.tensor([1.0, 0.0, -2.0, 0.0, 3.0])
    rows = x.double().numpy()
    best = ppca(rows, hidden)
    assert best == pytest.approx(PCA(hidden).fit(rows).score(rows), abs=1e-3)  # which divides by N − 1

    torch.manual_seed(0)
    learner = Variational(nn.Linear(width, 2 * hidden), nn.Linear(hidden, width), hidden=hidden)
    trained(learner, x, Plan(steps=1_500, batch="full", lr=3e-2, optimizer="adam", schedule="linear", ema=0.99))
    decoder, scale = learner.autoencoder.decoder, float(learner.autoencoder.log_scale.detach().exp())
    weight, bias = decoder.weight.detach().double().numpy(), decoder.bias.detach().double().numpy()  # type: ignore[union-attr, operator]
    exact = multivariate_normal(bias, weight @ weight.T + scale**2 * np.eye(width)).logpdf(rows).mean()
    assert exact == pytest.approx(best, abs=0.005)
    with torch.no_grad():
        elbo = np.mean([-float(learner.loss(x, torch.randn(600, hidden, generator=rng(s)))) for s in range(20)])
        bound = float(learner.log_likelihood(x, torch.randn(600, 64, hidden, generator=rng(0))).mean())
    assert elbo == pytest.approx(best, abs=0.03) and bound == pytest.approx(best, abs=0.02)
    assert elbo <= exact + 0.01 and exact <= best + 1e-6


# ---------------------------------------------------------------- the distance
def test_frechet_distance_in_closed_form() -> None:
    """Against (m − n)² + (s − t)² in one dimension, and against a matrix square root in several."""
    from scipy.linalg import sqrtm

    draw, even = np.random.default_rng(0), np.full((1, 400), 1 / 400)
    one = draw.normal(size=(400, 1))
    assert frechet(one, 3 * one + 2, even)[0] == pytest.approx((one.mean() - 3 * one.mean() - 2) ** 2 + 4 * one.var())
    a, b = draw.normal(size=(400, 6)) @ draw.normal(size=(6, 6)), draw.normal(size=(400, 6)) + 0.5
    first, second = np.cov(a.T, bias=True), np.cov(b.T, bias=True)
    gap = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    known = gap + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet(a, b, even)[0] == pytest.approx(known, rel=1e-6)
    assert frechet(a, a[::-1], even)[0] == 0.0
    turned = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    assert frechet(a @ turned, b @ turned, even)[0] == pytest.approx(known, rel=1e-6)


def test_frechet_distance_grows_with_blur_and_noise() -> None:
    """Of digits: the more of either, the farther."""
    from sklearn.datasets import load_digits

    pictures = load_digits().images[:800]
    draw = np.random.default_rng(0)
    rows, even = pictures.reshape(800, 64), np.full((1, 800), 1 / 800)
    noise = draw.normal(size=rows.shape)
    noisy = [frechet(rows + s * noise, rows, even)[0] for s in (0.5, 1.0, 2.0, 4.0)]
    blurred, faded = pictures, []
    for _ in range(4):
        blurred = (np.roll(blurred, 1, 1) + blurred + np.roll(blurred, 1, 2)) / 3
        faded.append(frechet(blurred.reshape(800, 64), rows, even)[0])
    assert noisy == sorted(noisy) and faded == sorted(faded) and min(noisy + faded) > 0
