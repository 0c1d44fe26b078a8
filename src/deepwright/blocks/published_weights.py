"""Published weights: taking weights that a library published into one of our networks, by its table of names.

Read are .safetensors files and state dicts as PyTorch saves them (.pt, .pth); of the latter, tensors and plain
containers only: nothing in the file is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepwright.blocks.image_network import ImageNetwork, WeightNames
from deepwright.blocks.network import Network
from deepwright.core.errors import DataError, RecipeError
from deepwright.core.paths import open_regular
from deepwright.core.tensors import read_tensors

_COUNTER = "num_batches_tracked"
"""Of a norm; old files lack it, and nothing here reads it."""
_OUTER = ("state_dict", "model", "model_state")
"""Under which training scripts put the weights beside other things."""


@dataclass(frozen=True)
class TakenOver:
    """What came of it.

    library: whose names the file has.
    taken:   our names of the tensors that were filled.
    left:    those of the output layer where the file's has another shape: they keep their first weights.
    """

    library: str
    taken: tuple[str, ...]
    left: tuple[str, ...]


def load_published(net: ImageNetwork, path: Path | str) -> TakenOver:
    """Fill the network with the file's weights; the output layer only where it has the network's number of outputs.

    Raises DataError for a file that is no such file, RecipeError where its weights are of another network.
    """
    return take_over(net, read_weights(path), str(path))


@torch.no_grad()
def take_over(net: ImageNetwork, weights: Mapping[str, Tensor], where: str) -> TakenOver:
    """The same from tensors by a library's names; nothing is changed where it raises."""
    table, renamed = _table(net, weights, where)
    head = {id(tensor) for tensor in net.head.state_dict(keep_vars=True).values()}
    taken, left = {}, []
    for name, own in net.weights().items():
        given = renamed.get(name)
        if given is None:
            continue
        if given.shape != own.shape and table.fit is not None:
            given = table.fit(name, given.float(), tuple(own.shape))
        if given.shape == own.shape:
            taken[name] = (own, given)
        elif id(own) in head:
            left.append(name)
        else:
            raise misfit(net, name, given, own, where, called=table.of(name))
    if left:  # weights and biases of an output layer belong together
        left = [name for name, own in net.weights().items() if id(own) in head]
    for name, (own, given) in taken.items():
        if name not in left:
            own.copy_(given)
    return TakenOver(table.library, tuple(name for name in taken if name not in left), tuple(left))


def misfit(net: Network, name: str, given: Tensor, own: Tensor, where: str, *, called: str = "") -> RecipeError:
    """The error for a tensor of another shape than ours: which, and, of pictures, what about them is other.

    called: what the file calls it, where that is not `name`.
    """
    theirs, ours = tuple(given.shape), tuple(own.shape)
    shapes = f"'{called or name}' has the shape {theirs}, '{name}' of this network {ours}"
    if not isinstance(net, ImageNetwork):
        return RecipeError(f"{shapes}.", where=where, remedy="Take the same network with the same config.")
    if len(ours) == 4 and ours[1] == net.channels != theirs[1] and ours[2:] == theirs[2:]:
        return RecipeError(
            f"the weights were learned on pictures of {theirs[1]} channel{'s' if theirs[1] > 1 else ''}, "
            f"these have {net.channels}: {shapes}.",
            where=where,
            remedy=f"Read the pictures so: data.pictures.channels={theirs[1]} (1 is grey, 3 colour).",
        )
    return RecipeError(
        f"{shapes}.",
        where=where,
        remedy="Take the same network with the same config; one that does not average over places needs pictures of "
        "the size that the weights were learned on, too (data.pictures.size).",
    )


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Name → tensor of a .safetensors file or a saved state dict; raises DataError."""
    if Path(path).suffix == ".safetensors":
        return {name: torch.from_numpy(array) for name, array in read_tensors(path).items()}
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        raise _unread(path, str(error).partition("\n")[0][:200]) from None
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":  # its module is one that nothing here imports
            raise
        raise _unread(path, "it holds more than tensors and plain containers, which is not read") from None
    for outer in _OUTER:
        if isinstance(found, dict) and isinstance(found.get(outer), dict):
            found = found[outer]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()) or not found:
        raise _unread(path, "it holds no state dict")
    return {str(name).removeprefix("module."): tensor for name, tensor in found.items()}


def _unread(path: Path | str, why: str) -> DataError:
    return DataError(
        f"expected weights, a .safetensors file or a state dict saved by PyTorch: {why}.",
        where=str(path),
        remedy="Save them with safetensors, or with torch.save(net.state_dict(), …).",
    )


def _table(net: ImageNetwork, weights: Mapping[str, Tensor], where: str) -> tuple[WeightNames, dict[str, Tensor]]:
    """The table by which the file has all we need and nothing else, and the file's tensors under our names."""
    names = list(net.weights())
    if not net.weight_names:
        raise RecipeError(f"{net.about()}: nobody's published weights fit it.", where=where)
    tried = []
    for table in net.weight_names:
        theirs = {table.of(name): name for name in names}
        missing = [there for there in theirs if there not in weights and not there.endswith(_COUNTER)]
        extra = [name for name in weights if name not in theirs]
        if not missing and not extra:
            return table, {theirs[name]: tensor for name, tensor in weights.items()}
        tried.append((len(missing) + len(extra), table.library, missing, extra))
    _, library, missing, extra = min(tried)
    said = [f"it lacks {_few(missing)}"] if missing else []
    said += [f"it holds {_few(extra)} besides"] if extra else []
    raise RecipeError(
        f"the weights are not those of {net.about()} as {library} names them: {', '.join(said)}.",
        where=where,
        remedy="Take the weights of the same network, of the same depth and width.",
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
