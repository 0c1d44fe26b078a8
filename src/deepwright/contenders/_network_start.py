"""Start: weights that a network takes over from another one, and what is said of them.

They come from a network that was fitted here (before, or in another run), or from a file, under our own names or under
those of a library that published them. The body is always taken whole; the output layer only where it is the same task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from deepwright.blocks.image_network import ImageNetwork
from deepwright.blocks.network import Network
from deepwright.blocks.published_weights import misfit, take_over
from deepwright.core.errors import DataError, RecipeError
from deepwright.core.fields import Signature

if TYPE_CHECKING:
    from deepwright.contenders._network_model import NetworkModel
    from deepwright.core.task import TargetTask

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of red, green and blue over ImageNet's pictures, from 0 to 1, that published weights were learned
with where nothing else is said."""
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Weights to begin with.

    weights:  name → tensor, by the network's own names or by those of a library.
    told:     where they are from, JSON-able, for the run: {"from": "runs/a:resnet20", "sha256": …}.
    source:   the fitted network that they belong to; None: of a file, whose task nobody knows.
    new_head: whether the output layer is new where the recipe does not say; None: where outputs or task differ.
    colours:  of published weights, mean and deviation of each channel that they were learned with.
    """

    weights: Mapping[str, Tensor]
    told: Mapping[str, Any]
    source: NetworkModel | None = None
    new_head: bool | None = None
    colours: tuple[tuple[float, ...], tuple[float, ...]] = field(default=IMAGENET)

    @staticmethod
    def of(model: NetworkModel, told: Mapping[str, Any], *, new_head: bool | None = None) -> Start:
        """From a fitted network."""
        return Start(weights=model.net.state_dict(), told=told, source=model, new_head=new_head)

    def fill(self, net: Network, signature: Signature, task: TargetTask, replace_head: bool | None) -> dict[str, Any]:
        """Put them into `net`; gives what is to be recorded. The output layer keeps its first weights where it is new.

        Raises RecipeError naming what does not fit, DataError for weights that are not numbers.
        """
        wanted = self.new_head if replace_head is None else replace_head
        new_head = not _same_task(self.source, task) if wanted is None else wanted
        if self.source is not None:
            _same_inputs(self.source, signature)
        where = str(self.told["from"])
        _finite(self.weights, where)
        if not isinstance(net, ImageNetwork) or self.source is not None or _ours(net, self.weights):
            _carry(self.weights, net, where, replace_head=new_head)
            library = "deepwright"
        else:
            library = self._published(net, where, replace_head=new_head)
        return {**self.told, "names": library, "output_layer": "new" if new_head else "taken over"}

    def _published(self, net: ImageNetwork, where: str, *, replace_head: bool) -> str:
        first = {name: tensor.clone() for name, tensor in net.head.state_dict().items()}
        taken = take_over(net, self.weights, where)
        if taken.left and not replace_head:
            raise RecipeError(
                "its output layer has another number of outputs.",
                where=where,
                remedy="Leave `replace_head` out: the network gets an output layer for this task.",
            )
        if replace_head:
            net.head.load_state_dict(first)
        mean, deviation = (torch.tensor(values)[:, None, None] for values in self.colours)  # (C, 1, 1) each
        net.mean.copy_(mean)
        net.deviation.copy_(deviation)
        return taken.library


def began(begun: Mapping[str, Any], freeze: Any) -> str:
    """The same in a sentence for people."""
    stages = (
        [(freeze, "")] if isinstance(freeze, str) else [(s["freeze"], f" until epoch {s['until']}") for s in freeze]
    )
    parts = [f"{'body' if what == 'body' else f'up to {what}'}{until}" for what, until in stages if what != "none"]
    held = f", frozen: {', '.join(parts)}" if parts else ""
    mark = f" (sha256 {begun['sha256'][:12]}…)" if begun.get("sha256") else ""
    return f"It began with the weights of {begun['from']}{mark}, output layer {begun['output_layer']}{held}."


def body(net: Network) -> Iterator[tuple[str, Tensor]]:
    """Everything but the head: parameters and buffers by name."""
    head = {id(tensor) for tensor in [*net.head.parameters(), *net.head.buffers()]}
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if id(tensor) not in head:
            yield name, tensor


def _ours(net: ImageNetwork, weights: Mapping[str, Tensor]) -> bool:
    """Whether more of the names are our own than any library's."""
    own = net.state_dict().keys()
    theirs = [{table.of(name) for name in net.weights()} for table in net.weight_names]
    return len(own & weights.keys()) > max((len(names & weights.keys()) for names in theirs), default=-1)


@torch.no_grad()
def _carry(weights: Mapping[str, Tensor], net: Network, where: str, *, replace_head: bool) -> None:
    """Copy what has our own names; nothing is changed where it raises."""
    own = dict(net.state_dict(keep_vars=True))
    wanted = dict(body(net)) if replace_head else own
    missing = [name for name in wanted if name in own and name not in weights and not name.endswith(_COUNTER)]
    extra = [name for name in weights if name not in own]
    if missing or extra:
        said = f"it lacks '{missing[0]}'" if missing else f"it has '{extra[0]}' besides"
        raise RecipeError(
            f"the weights are not those of this network, {net.about()}: {said}.",
            where=where,
            remedy="Take the same network with the same config.",
        )
    pairs = {name: (tensor, _fitted(net, name, weights[name], tensor)) for name, tensor in wanted.items()
             if name in weights}  # fmt: skip
    for name, (tensor, given) in pairs.items():
        if given.shape != tensor.shape:
            raise misfit(net, name, given, tensor, where)
    for tensor, given in pairs.values():
        tensor.copy_(given)


def _fitted(net: Network, name: str, given: Tensor, own: Tensor) -> Tensor:
    """In our shape, where one of the network's tables of names knows how."""
    for table in net.weight_names if isinstance(net, ImageNetwork) else ():
        if given.shape != own.shape and table.fit is not None:
            given = table.fit(name, given.float(), tuple(own.shape))
    return given


def _finite(weights: Mapping[str, Tensor], where: str) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(
                f"'{name[:100]}' holds values that are not finite.",
                where=where,
                remedy="Take weights of a training that did not fail, or copy the file again.",
            )


def _same_inputs(source: NetworkModel, signature: Signature) -> None:
    """Columns of tables must be the same, in order; pictures may be called anything."""
    theirs, ours = (
        [(f.form, f.name, f.size) for f in fields if f.form != "image"]
        for fields in (source.blueprint.signature.fields, signature.fields)
    )
    if theirs != ours:
        shown = [
            ", ".join(f"{name} ({form} {size})" for form, name, size in one[:8]) or "none" for one in (theirs, ours)
        ]
        raise RecipeError(
            f"the network to start from learned on other columns: {shown[0]}; here are {shown[1]}.",
            where="weights",
            remedy="Use columns of the same names and kinds (data.use, data.kinds).",
        )


def _same_task(source: NetworkModel | None, task: TargetTask) -> bool:
    """Whether the same is asked of the same target, with the same labels in the same order."""
    if source is None or (source.task.name, source.task.target) != (task.name, task.target):
        return False
    if source.blueprint.outputs != task.outputs:
        return False
    nothing = np.zeros((0, task.outputs), np.float32)
    return source.task.predict(nothing).columns == task.predict(nothing).columns
