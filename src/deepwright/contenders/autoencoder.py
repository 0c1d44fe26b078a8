"""Autoencoder with k-means: clusters among the codes of a network that says its input again."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl
import torch
from pydantic import Field

from deepwright.blocks.learner import Learner
from deepwright.blocks.stream import Stream
from deepwright.contenders._clusters import Centres, best_count, by_size, distinct, half_of, no_rows
from deepwright.contenders._halves import Halves
from deepwright.contenders._learned import LearnedContender, LearnedModel
from deepwright.contenders._means import means_of
from deepwright.contenders._profile import ARRAYS, Profile, measures
from deepwright.core.config import Config
from deepwright.core.contender import Brief
from deepwright.core.encoding import Encoding
from deepwright.core.fields import Field as Column
from deepwright.core.fields import Signature
from deepwright.core.find import find
from deepwright.core.plan import Plan
from deepwright.learners.reconstruction import Reconstruction
from deepwright.streams.rows import Rows
from deepwright.tasks.clustering import MOST, Clustering, predictions

_SHOWN = 500
"""Rows of the latent map."""
_SETTLING = 20_000
"""Training rows whose codes make the centres."""
_STARTS = 2


@final
class AutoencoderModel(LearnedModel):
    """A row's code, and the nearest of the centres among codes."""

    learner: Halves
    task: Clustering

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        points = self.task.points(frame, self.encoding)
        return predictions(self.learner.clusters("whole", points), self.learner.clusters("again", points))

    def explain(self) -> str:
        profile = self._profile()
        return f"{LearnedModel.explain(self)} Its codes fall into {len(profile.sizes)} clusters: {profile.words()}."

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any]:
        """The clusters' profile, and the rows of the frame on the two main directions of the latent space."""
        shown = {"profile": self._profile().exhibit(), "latent": self._latent(frame.head(_SHOWN))}
        return shown | (super().exhibits(frame) or {})

    def _profile(self) -> Profile:
        count = int(self.learner.sizes.count_nonzero())
        arrays = {name: getattr(self.learner, name).numpy(force=True) for name in ARRAYS}
        cut = {name: array[:count] if name in ("sizes", "means") else array for name, array in arrays.items()}
        return Profile(names=measures(self.encoding), **cut)

    def _latent(self, frame: pl.DataFrame) -> dict[str, Any]:
        points = self.task.points(frame, self.encoding)
        codes = self.learner.codes("whole", points)  # (B, Z)
        centred = codes - codes.mean(axis=0)
        directions = np.linalg.svd(centred, full_matrices=False)[2][:2]  # (2, Z)
        place = centred @ directions.T  # (B, 2) or (B, 1)
        label = self.task.truth(frame, self.encoding).struct.field("label").to_list()
        return {
            "x": place[:, 0].tolist(),
            "y": place[:, -1].tolist(),
            "cluster": self.learner.clusters("whole", points).tolist(),
            "label": label,
            "width": codes.shape[1],
        }


@final
class Autoencoder(LearnedContender):
    """G. Hinton and R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006, then k-means
    among the codes. There are as many clusters as k-means finds among the points themselves, unless the task says."""

    name = "autoencoder"
    tasks = frozenset({"clustering"})
    paper = "Hinton and Salakhutdinov, 2006, Reducing the dimensionality of data with neural networks"
    recommended = {"optimizer": "adamw", "lr": 2e-3, "batch": 128, "epochs": 100, "schedule": "cosine"}
    model = AutoencoderModel

    class Options(LearnedContender.Options):
        """The shape of the networks, and how they learn."""

        latent: int = Field(default=8, ge=1, le=1_000)
        """Numbers of a code."""
        widths: tuple[int, ...] = Field(default=(128, 64), max_length=20)
        """Hidden units of the encoder, layer by layer; the decoder has them the other way round."""
        activation: str = "gelu"
        """Between layers."""

    options: Options

    @classmethod
    def example(cls, train: pl.DataFrame, task: Any, encoding: Encoding) -> Config:
        return cls.Options(latent=2, widths=(16,), training={"epochs": 6, "batch": 32})

    def build(self, task: Clustering, encoding: Encoding) -> Halves:
        width = task.points(no_rows(encoding), encoding).shape[1]
        room = task.clusters or MOST
        return Halves(self._half(width), self._half(width), room, self.options.latent, len(measures(encoding)))

    def _half(self, width: int) -> Reconstruction:
        chosen = self.options
        return Reconstruction(
            self._network(width, chosen.latent, chosen.widths), self._network(chosen.latent, width, chosen.widths[::-1])
        )

    def _network(self, width: int, outputs: int, widths: tuple[int, ...]) -> Any:
        network = find("network", "mlp")
        signature = Signature(tuple(Column(form="number", name=str(i)) for i in range(width)))
        config = network.Config(widths=widths, activation=self.options.activation, dropout=0.0)
        return network(config, signature, outputs)

    def stream(self, learner: Learner, train: pl.DataFrame, brief: Brief, plan: Plan) -> Stream:
        assert isinstance(learner, Halves)
        points = brief.task.points(train, brief.encoding)
        learner.count.fill_(_count(points, brief))
        half = half_of(len(points), brief.seed)
        # Who is not of the half gets a partner who is: the second network takes as many steps as the first.
        partner = np.resize(np.random.default_rng([brief.seed, 2]).permutation(half), len(points))
        partner[half] = half
        columns = {"point": torch.from_numpy(points), "again": torch.from_numpy(points[partner])}
        return Rows(columns, batch=plan.batch, seed=plan.seed, shuffle=plan.shuffle)

    def about(self, learner: Learner) -> str:
        return f"autoencoder with codes of {self.options.latent}, k-means among them"

    def settle(self, learner: Learner, train: pl.DataFrame, brief: Brief) -> None:
        assert isinstance(learner, Halves)
        points = brief.task.points(train, brief.encoding)
        for name, rows in (("whole", np.arange(len(points))), ("again", half_of(len(points), brief.seed))):
            codes = learner.codes(name, points[rows[:: -(-len(rows) // _SETTLING)]])
            count = min(int(learner.count), distinct(codes))
            found = by_size(Centres(means_of(codes, count, brief.seed, _STARTS)), codes)
            assert isinstance(found, Centres)
            learner.centres(name).fill_(torch.inf)[: len(found.centres)] = torch.from_numpy(found.centres)
        clusters = learner.clusters("whole", points)
        profile = Profile.of(train, clusters, int(clusters.max()) + 1, brief.encoding)
        learner.sizes.zero_()[: len(profile.sizes)] = torch.from_numpy(profile.sizes)
        learner.means.zero_()[: len(profile.sizes)] = torch.from_numpy(profile.means)
        learner.center.copy_(torch.from_numpy(profile.center))
        learner.spread.copy_(torch.from_numpy(profile.spread))

    def valid_loss(self, model: LearnedModel, valid: pl.DataFrame) -> float:
        points = torch.from_numpy(model.task.points(valid, model.encoding))
        with torch.no_grad():
            return model.learner.whole.errors(points).mean().item()


def _count(points: np.ndarray, brief: Brief) -> int:
    """As many clusters as k-means finds among the points."""

    def grouped(count: int) -> np.ndarray:
        return Centres(means_of(points, count, brief.seed, _STARTS)).codes(points)

    return best_count(points, brief.task, grouped)
