"""Diffusion: a denoiser that makes rows of noise step by step; any network of rows of numbers."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
import torch
from pydantic import Field
from torch import Tensor, nn

from deepwright.contenders._generative import OnRows, dequantised, latent, noise, row_keys, subnetwork
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.contenders._rows_learner import RowsContender, RowsModel
from deepwright.core.encoding import Encoding
from deepwright.learners.diffusion import Diffusion, cosine, linear

_WAVES = 16
"""Sines, and as many cosines, that tell the network the time."""
_WIDE = {"widths": [384, 384, 384], "activation": "silu", "norm": "layer", "dropout": 0.0}
_SCHEDULES = {"cosine": cosine, "linear": linear}


class Timed(nn.Module):
    """A network of rows and of the time, (B,) in (0, 1], as waves of half a turn to fifty (as DDPM, appendix B)."""

    frequencies: Tensor

    def __init__(self, rows: OnRows) -> None:
        super().__init__()
        self.rows = rows
        self.register_buffer("frequencies", math.pi * torch.logspace(0, 2, _WAVES), persistent=False)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, D), (B,) → (B, D)"""
        angles = time[:, None] * self.frequencies  # (B, W)
        return self.rows(torch.cat([x, angles.sin(), angles.cos()], dim=1))


class DiffusionModel(RowsModel):
    """Rows by DDIM without fresh noise: the same noise gives the same row. It has no likelihood."""

    def made(self, drawn: Tensor, temperature: float) -> Tensor:
        start = temperature * latent(drawn, self.task.width)  # (B, D)
        return self.exact.sample(start, self.options.sampling_steps)  # type: ignore[attr-defined]


class DiffusionContender(RowsContender):
    """DDPM that guesses v, sampled by DDIM; the moving average of the denoiser's weights answers."""

    name: ClassVar[str] = "diffusion"
    paper: ClassVar[str] = "Ho, Jain and Abbeel, 2020, Denoising Diffusion Probabilistic Models"
    recommended = {
        "optimizer": "adam", "lr": 1e-3, "batch": 256, "ema": 0.998, "steps": 8_000, "schedule": "cosine",
        "report_every": 500, "clip": 1.0,
    }  # fmt: skip
    model: ClassVar[type[RowsModel]] = DiffusionModel

    class Options(LearnedContender.Options):
        """The contender's keys in a recipe."""

        network: str = "mlp"
        """The network that tells the noise in a row from the row."""
        config: dict[str, Any] = dict(_WIDE)
        """Its settings."""
        times: int = Field(default=1000, ge=2, le=100_000)
        """T, steps from a row to noise while it learns."""
        noise_schedule: Literal["cosine", "linear"] = "cosine"
        """How the noise grows with time."""
        sampling_steps: int = Field(default=50, ge=1, le=100_000)
        """Steps from noise to a row when it generates."""

    def build(self, task: Any, encoding: Encoding) -> Diffusion:
        said = self.options
        assert isinstance(said, DiffusionContender.Options)
        rows = subnetwork(said.network, said.config, "denoiser", task.width + 2 * _WAVES, task.width)
        with torch.device("cpu"):
            schedule = _SCHEDULES[said.noise_schedule](said.times)
        return Diffusion(Timed(rows), schedule)

    @torch.no_grad()
    def valid_loss(self, model: LearnedModel, valid: pl.DataFrame) -> float:
        assert isinstance(model, DiffusionModel)
        values = model.task.values(valid, model.encoding)
        drawn = row_keys(values)
        rows = model.standardised(dequantised(values, model.task, drawn))  # (B, D)
        times = torch.from_numpy(np.linspace(1, len(model.exact.schedule), len(rows)).round()).long()  # (B,)
        return float(model.exact.loss(rows, times, noise(drawn, rows.shape[1])))

    def about(self, learner: Any) -> str:
        return f"diffusion over {len(learner.schedule):,} times (denoiser {learner.denoiser.rows.net.about()})"

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Options:
        training = {"steps": 40, "batch": 32, "report_every": 20}
        return cls.Options(config={"widths": [16], "dropout": 0.0}, sampling_steps=5, training=training)
