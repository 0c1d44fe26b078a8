"""VAE: an encoder and a decoder that raise a bound on the likelihood; any networks of rows of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from pydantic import Field
from torch import Tensor

from deepwright.blocks.counter import normal
from deepwright.contenders._generative import dequantised, latent, noise, row_keys, subnetwork
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.contenders._rows_learner import WIDE, RowsContender, RowsModel
from deepwright.core.encoding import Encoding
from deepwright.learners.variational import Variational

_DRAW = 4
_BLOCK = 1 << 14
"""Decoded rows in memory at once."""
_MAPPED = 1_000


class VaeModel(RowsModel):
    """Rows of a decoder; the likelihood is the importance-weighted bound."""

    def made(self, drawn: Tensor, temperature: float) -> Tensor:
        hidden = latent(drawn, self.options.hidden)  # type: ignore[attr-defined]
        added = self.options.blur * noise(drawn, self.task.width)  # type: ignore[attr-defined]
        return self.exact.sample(temperature * hidden, temperature * added)

    @torch.no_grad()
    def log_density(self, values: np.ndarray, drawn: Tensor) -> np.ndarray:
        hidden, draws = self.options.hidden, self.options.draws  # type: ignore[attr-defined]
        rows, found = self.standardised(values), []
        for part, own in zip(rows.split(max(1, _BLOCK // draws)), drawn.split(max(1, _BLOCK // draws)), strict=True):
            epsilon = normal(own, draws * hidden, _DRAW).double().view(len(part), draws, hidden)  # (b, K, L)
            found.append(self.exact.log_likelihood(part, epsilon))  # (b,)
        return torch.cat(found).numpy() - np.log(self.task.spread).sum()

    @torch.no_grad()
    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any] | None:
        """Beside what was shown on the way, where the encoder puts rows: the first two principal axes of the means."""
        rows = frame.head(_MAPPED)
        values = self.task.values(rows, self.encoding)
        means, _ = self.exact.encode(self.standardised(dequantised(values, self.task, row_keys(values))))  # (B, L)
        centred = means.numpy() - means.numpy().mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        places = np.round(centred @ axes[:2].T, 4)  # (B, 2), or (B, 1)
        target = self.task.target
        labels = rows[target].cast(pl.String).to_list() if target in rows.columns else None
        flat = [0.0] * len(places)
        hidden = {
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist() if places.shape[1] > 1 else flat,
            "label": labels,
        }
        return {**(LearnedModel.exhibits(self, frame) or {}), "hidden": hidden}


class Vae(RowsContender):
    """The bound of Kingma and Welling with a spread of its own for each column."""

    name: ClassVar[str] = "vae"
    paper: ClassVar[str] = "Kingma and Welling, 2014, Auto-Encoding Variational Bayes"
    recommended = {
        "optimizer": "adam", "lr": 1e-3, "batch": 128, "ema": 0.995, "steps": 6_000, "schedule": "cosine",
        "report_every": 300,
    }  # fmt: skip
    model: ClassVar[type[RowsModel]] = VaeModel

    class Options(LearnedContender.Options):
        """The contender's keys in a recipe."""

        encoder: str = "mlp"
        """The network that guesses what is hidden behind a row."""
        encoder_config: dict[str, Any] = dict(WIDE)
        """Its settings."""
        decoder: str = "mlp"
        """The network that makes a row of what is hidden."""
        decoder_config: dict[str, Any] = dict(WIDE)
        """Its settings."""
        hidden: int = Field(default=16, ge=1, le=4096)
        """Hidden numbers behind a row."""
        beta: float = Field(default=1.0, ge=0)
        """Weight of the KL term; 1 is the bound on the likelihood."""
        blur: float = Field(default=1.0, ge=0)
        """Share of the decoder's own spread that generated rows get; 0 shows its means."""
        draws: int = Field(default=64, ge=1, le=10_000)
        """Draws of what is hidden, for the likelihood of a row; more come closer to it from below."""

    def build(self, task: Any, encoding: Encoding) -> Variational:
        said = self.options
        assert isinstance(said, Vae.Options)
        encoder = subnetwork(said.encoder, said.encoder_config, "encoder", task.width, 2 * said.hidden)
        decoder = subnetwork(said.decoder, said.decoder_config, "decoder", said.hidden, task.width)
        return Variational(encoder, decoder, hidden=said.hidden, scales=task.width, beta=said.beta)

    @torch.no_grad()
    def valid_loss(self, model: LearnedModel, valid: pl.DataFrame) -> float:
        assert isinstance(model, VaeModel)
        values = model.task.values(valid, model.encoding)
        drawn = row_keys(values)
        rows = model.standardised(dequantised(values, model.task, drawn))  # (B, D)
        return float(model.exact.loss(rows, latent(drawn, self.options.hidden)))  # type: ignore[attr-defined]

    def about(self, learner: Any) -> str:
        parts = learner.autoencoder
        nets = f"encoder {parts.encoder.net.about()}, decoder {parts.decoder.net.about()}"
        return f"VAE of {self.options.hidden} hidden numbers ({nets})"  # type: ignore[attr-defined]

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Options:
        small = {"widths": [16], "dropout": 0.0}
        training = {"steps": 40, "batch": 32, "report_every": 20}
        return cls.Options(encoder_config=small, decoder_config=small, hidden=3, draws=8, training=training)
