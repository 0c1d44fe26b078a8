"""A fitted network: predicts, saves itself as plain files, and comes back from them without running anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from deepwright.blocks.network import Network
from deepwright.blocks.shapes import shapes_only
from deepwright.contenders._anatomy import anatomy
from deepwright.contenders._network_pictures import Viewer
from deepwright.contenders._network_rows import Columns, in_batches, in_parts, inputs
from deepwright.contenders._settings import settings
from deepwright.core.contender import Model
from deepwright.core.encoding import Encoding
from deepwright.core.errors import NotFoundError, RecipeError, RunError
from deepwright.core.fields import Signature
from deepwright.core.files import boundary, inside, read_json, read_tensors, write_json, write_tensors
from deepwright.core.find import find, names, preset
from deepwright.core.task import TargetTask

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
_LARGE = 200_000
"""Parameters from which on prediction uses more than one thread; below, threads cost more than they bring."""


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What a network is built from; JSON-able through `plain`."""

    network: str
    config: dict[str, Any]
    signature: Signature
    outputs: int

    def build(self) -> Network:
        """A new one with initial weights from the global generator; raises RecipeError for settings that do not fit."""
        cls = find("network", self.network)
        forms = self.signature.forms - cls.takes
        if forms or not self.signature.fields:
            came = f"columns of the form {', '.join(sorted(forms))}" if forms else "no input columns"
            raise RecipeError(f"the network '{self.network}' takes {', '.join(sorted(cls.takes))}; there are {came}.")
        config = settings(cls.Config, {**preset("network", self.network), **self.config}, "config")
        net: Network = cls(config, self.signature, self.outputs)
        return net

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        fields = [field.plain() for field in self.signature.fields]
        return {"network": self.network, "config": self.config, "signature": fields, "outputs": self.outputs}


class NetworkModel(Model):
    """A network with what it was trained on and how."""

    def __init__(
        self,
        net: Network,
        blueprint: Blueprint,
        task: TargetTask,
        encoding: Encoding,
        deep: dict[str, Any],
        shown: Mapping[str, Any] | None = None,
    ) -> None:
        """shown: what its training has to show, for exhibits.json; not saved with the model."""
        self.net = net.cpu().eval()
        self.blueprint = blueprint
        self.task = task
        self.encoding = encoding
        self.deep = deep
        self.shown = dict(shown or {})

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        with _threads(self.net):
            parts = [outputs(self.net, inputs(part, self.encoding)).numpy() for part in in_parts(frame, self.encoding)]
        shape = (0, self.blueprint.outputs)
        return self.task.predict(np.concatenate(parts) if parts else np.zeros(shape, np.float32))

    def save(self, folder: Path) -> None:
        state = {name: tensor.numpy(force=True) for name, tensor in self.net.state_dict().items()}
        write_tensors(folder / "weights.safetensors", state)
        write_json(folder / "network.json", {"format": FORMAT, **self.blueprint.plain(), "deep": self.deep})

    def explain(self) -> str:
        size = _rounded(self.deep["parameters"])
        best = f" (best {self.deep['best_epoch']})" if self.deep["best_epoch"] is not None else ""
        why = REASONS.get(self.deep["stopped"], "stopped")
        told = f"{self.net.about()}, {size} parameters, {why} after {self.deep['epochs']} epochs{best}."
        return told + "".join(f" {self.deep[key]}" for key in ("began", "augmented", "note") if self.deep.get(key))

    def history(self) -> dict[str, Any]:
        return self.deep

    def exhibits(self, frame: pl.DataFrame) -> dict[str, Any]:
        """The network layer by layer, and what it makes of pictures where it reads any."""
        with _threads(self.net):
            anatomies = anatomy({self.blueprint.network: (self.net, self.blueprint.signature)})
            pictures = self.encoding.signature.of("image")
            if not pictures or not frame.height:
                return {**self.shown, "networks": anatomies}
            cost = sum(layer["multiply_adds"] for layer in anatomies[0]["layers"])
            key = f"image:{pictures[0].name}"
            viewer = Viewer(net=self.net, task=self.task, encoding=self.encoding, key=key, cost=cost)
            return {**self.shown, "networks": anatomies, "pictures": viewer.show(frame)}


REASONS = {
    "patience": "stopped",
    "epochs": "ended",
    "steps": "ended",
    "time": "stopped by the time",
    "not finite": "stopped by a loss that was not finite",
}
"""What ended a training, for a sentence."""


def outputs(net: nn.Module, columns: Columns, device: torch.device | None = None) -> Tensor:
    """(B, K) or (B, M, K) raw outputs of all rows on the CPU, in eval mode, without gradients."""
    net.eval()
    with torch.no_grad():
        parts = []
        for batch in in_batches(columns):
            moved = batch if device is None else {name: column.to(device) for name, column in batch.items()}
            parts.append(net(moved).float().cpu())
    return torch.cat(parts)


def load_model(folder: Path, task: TargetTask, encoding: Encoding, trust: Sequence[str]) -> NetworkModel:
    """What `NetworkModel.save` wrote. Nothing is imported that the folder names, unless `trust` names it too.

    Weights are read and compared with the shapes the network should have before any are allocated.
    """
    saved = read_json(inside(folder, "network.json"))
    with boundary(folder / "network.json"):
        if saved["format"] != FORMAT:
            raise RunError(f"expected format {FORMAT}, got {saved['format']!r}.", where=str(folder))
        blueprint = Blueprint(
            network=_named(saved["network"], trust, folder),
            config=dict(saved["config"]),
            signature=encoding.signature,
            outputs=task.outputs,
        )
        if [blueprint.plain()[key] for key in ("signature", "outputs")] != [saved["signature"], saved["outputs"]]:
            raise RunError("the network was made for other columns or another task.", where=str(folder))
        deep = dict(saved["deep"])
        deep = {key: deep[key] for key in deep if isinstance(key, str)}
        _ = deep["parameters"] + 0, deep["best_epoch"], deep["stopped"], deep["epochs"]
    arrays = read_tensors(inside(folder, "weights.safetensors"))
    return NetworkModel(_filled(blueprint, arrays, folder), blueprint, task, encoding, deep)


def _named(name: Any, trust: Sequence[str], folder: Path) -> str:
    if isinstance(name, str) and (name in names("network") or name in trust):
        return name
    if isinstance(name, str) and ":" in name:
        raise RunError(
            f"the run names a network of its maker's own, '{name[:100]}', which would have to be imported.",
            where=str(folder),
            remedy=f"If you know that code, say so: trust=['{name[:100]}'], or --trust on the command line.",
        )
    raise RunError(f"the run names an unknown network {str(name)[:100]!r}.", where=str(folder))


def _filled(blueprint: Blueprint, arrays: dict[str, np.ndarray], folder: Path) -> Network:
    """The network with these weights; built without memory first, so that a lying file costs none."""
    with shapes_only() if ":" not in blueprint.network else contextlib.nullcontext():
        try:
            net = blueprint.build()
        except (RecipeError, NotFoundError) as error:
            raise RunError(f"its settings are not valid: {error}", where=str(folder / "network.json")) from None
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in net.state_dict().items()}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    came = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    if expected != came:
        wrong = sorted(name for name in expected.keys() | came.keys() if expected.get(name) != came.get(name))
        raise RunError(
            f"weights do not fit the network: {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}.",
            where=str(folder / "weights.safetensors"),
        )
    net.load_state_dict(tensors, assign=True)
    return net


@contextlib.contextmanager
def _threads(net: nn.Module) -> Iterator[None]:
    before = torch.get_num_threads()
    if sum(parameter.numel() for parameter in net.parameters()) < _LARGE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rounded(count: int) -> str:
    return f"{count / 1e6:.1f} million" if count >= 1_000_000 else f"{count:,}"
