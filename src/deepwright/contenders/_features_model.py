"""A network's body and the classical model that learned from what it makes of rows, as one model.

Axes: B rows, D features of a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepwright.contenders._network_model import Blueprint, NetworkModel
from deepwright.contenders._network_model import load_model as load_network
from deepwright.contenders._network_rows import in_batches, in_parts, inputs
from deepwright.contenders._network_start import Start, began
from deepwright.core.contender import Brief, Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RecipeError, RunError
from deepwright.core.fields import Field
from deepwright.core.files import boundary, inside, read_json, write_json
from deepwright.core.find import find, names
from deepwright.core.kind import Encoder
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    import polars as pl

    from deepwright.contenders.network import NetworkContender

FORMAT = 1
_NETWORK, _THEN = "network", "then"
"""Folders of the two below the contender's."""


class Body:
    """What enters the output layer of a network, beside the columns that the network does not read.

    encoding: of the frames that `features` gives: one column of D numbers a row, and those other columns.
    """

    def __init__(self, network: NetworkModel, whole: Encoding) -> None:
        self.network = network
        self._others = [encoder for encoder in whole.encoders if encoder.column not in network.encoding.columns]
        self._task: TargetTask = network.task
        called = f"{network.blueprint.network.rpartition(':')[2]} features"
        while called in [*whole.columns, self._task.target]:
            called += " "
        self.width = self._seen(network.encoding, _nothing(network.encoding)).shape[1]
        self.encoding = Encoding((FeatureEncoder(called, self.width), *self._others))

    def features(self, frame: pl.DataFrame) -> pl.DataFrame:
        """(B rows with the input columns) → B rows with the features, the columns not read, and any target."""
        import polars as pl

        parts = [self._seen(self.network.encoding, part) for part in in_parts(frame, self.network.encoding)]
        values = np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)  # (B, D)
        column = pl.Series(self.encoding.columns[0], values, dtype=pl.Array(pl.Float32, self.width))
        kept = [encoder.column for encoder in self._others]
        kept += [self._task.target] if self._task.target in frame.columns else []
        return frame.select(kept).with_columns(column) if kept else column.to_frame()

    @torch.no_grad()
    def _seen(self, encoding: Encoding, frame: pl.DataFrame) -> np.ndarray:
        """(B, D) float32, what the head is given; members side by side."""
        caught: list[torch.Tensor] = []
        handle = self.network.net.head.register_forward_pre_hook(lambda module, given: caught.append(given[0]))
        try:
            for batch in in_batches(inputs(frame, encoding)):
                self.network.net(batch)
        finally:
            handle.remove()
        return torch.cat([one.flatten(1) for one in caught]).numpy()


class FeatureEncoder(Encoder):
    """A column of D numbers a row that a network made; there is nothing to learn about it."""

    kind = "number"

    def __init__(self, column: str, width: int) -> None:
        self.column = column
        self._names = [f"{column} {i}" for i in range(width)]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(Field(form="number", name=name) for name in self._names)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        return dict(zip(self._names, self.matrix(column)[0].astype(np.float32).T, strict=True))

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        shape = (len(column), len(self._names))
        if not column.dtype.is_nested():  # nothing but missing cells, whose type is any
            return np.full(shape, np.nan), self._names
        return column.to_numpy().astype(np.float64).reshape(shape), self._names

    def unseen(self, column: pl.Series) -> pl.Series:
        import polars as pl

        return pl.repeat(False, len(column), dtype=pl.Boolean, eager=True).alias(column.name)

    def describe(self) -> str:
        return f"{len(self._names)} numbers that a network made"

    def state(self) -> dict[str, Any]:
        return {"column": self.column, "width": len(self._names)}


class FeaturesModel(Model):
    """Body and classical model; `trained` says whether the network learned on these rows."""

    def __init__(self, body: Body, then: str, model: Model, *, trained: bool) -> None:
        self.body, self.then, self.model, self.trained = body, then, model, trained

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self.model.predict(self.body.features(frame))

    def save(self, folder: Path) -> None:
        for name, model in ((_NETWORK, self.body.network), (_THEN, self.model)):
            (folder / name).mkdir()
            model.save(folder / name)
        columns = self.body.network.encoding.columns
        said = {"format": FORMAT, "then": self.then, "columns": columns, "trained": self.trained}
        write_json(folder / "features.json", said)

    def explain(self) -> str:
        network = self.body.network
        made = f"{self.body.width:,} features by the body of {network.net.about()}"
        if self.trained:
            return f"{made}, trained on these rows. Then: {self.model.explain()}"
        return f"{made}. {network.deep.get('began', '')} Then: {self.model.explain()}"

    def importances(self) -> dict[str, float] | None:
        """Of the classical model; features count for the column they are made of, where that is one."""
        shares, read = self.model.importances(), self.body.network.encoding.columns
        if shares is None or len(read) > 1:
            return None
        return {read[0] if name == self.body.encoding.columns[0] else name: share for name, share in shares.items()}

    def history(self) -> dict[str, Any] | None:
        """How the network was trained, where that was here."""
        return self.body.network.deep if self.trained else None


def read_by(network: str, encoding: Encoding) -> Encoding:
    """The columns of which the network takes every form; raises RecipeError where there are none."""
    takes = find("network", network).takes
    chosen = tuple(e for e in encoding.encoders if {field.form for field in e.fields} <= takes)
    if not chosen:
        came = ", ".join(sorted(encoding.signature.forms))
        raise RecipeError(
            f"the network '{network}' reads {', '.join(sorted(takes))}; there are only columns of the form {came}.",
            where="network",
        )
    return Encoding(chosen)


def untrained(chosen: NetworkContender.Options, start: Start, brief: Brief) -> NetworkModel:
    """The network with weights learned elsewhere, as it came; its output layer is new and of no use."""
    signature, outputs = brief.encoding.signature, brief.task.outputs
    blueprint = Blueprint(network=chosen.network, config=chosen.config, signature=signature, outputs=outputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(brief.seed)
        net = blueprint.build()
    told = start.fill(net, signature, brief.task, True)
    deep = {
        "network": chosen.network,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "stopped": None,
        "epochs": 0,
        "steps": 0,
        "best_epoch": None,
        "plan": {},
        "start": {**told, "freeze": "body"},
        "began": began(told, "body"),
    }
    return NetworkModel(net, blueprint, brief.task, brief.encoding, deep)


def load_model(folder: Path, task: TargetTask, encoding: Encoding, trust: Sequence[str]) -> FeaturesModel:
    """What `FeaturesModel.save` wrote; raises RunError on damage. Nothing is imported that `trust` does not name."""
    saved = read_json(inside(folder, "features.json"))
    with boundary(folder / "features.json"):
        if saved["format"] != FORMAT:
            raise RunError(f"expected format {FORMAT}, got {saved['format']!r}.", where=str(folder))
        read = _columns(saved, encoding, folder)
        then, trained = str(saved["then"]), bool(saved["trained"])
    if then not in names("contender") and then not in trust:
        raise RunError(
            f"the run names a contender that is not part of Deepwright, '{then[:100]}'.",
            where=str(folder),
            remedy=f"If you know that code, open the run with trust=['{then[:100]}'].",
        )
    body = Body(load_network(inside(folder, _NETWORK), task, read, trust), encoding)
    made = find("contender", then)
    if made.family != "classical" or task.name not in made.tasks:
        raise RunError(f"'{then}' cannot follow a network on {task.name}.", where=str(folder / "features.json"))
    return FeaturesModel(
        body, then, made.load(inside(folder, _THEN), task, body.encoding, trust=trust), trained=trained
    )


def _columns(saved: Mapping[str, Any], encoding: Encoding, folder: Path) -> Encoding:
    wanted = saved["columns"]
    read = tuple(encoder for encoder in encoding.encoders if encoder.column in wanted)
    if [encoder.column for encoder in read] != wanted:
        raise RunError("the network read other columns than this run has.", where=str(folder / "features.json"))
    return Encoding(read)


def _nothing(encoding: Encoding) -> pl.DataFrame:
    """One row of missing cells."""
    import polars as pl

    return pl.DataFrame({column: [None] for column in encoding.columns})
