"""Image network: a network that reads one column of pictures; its contract and what all of them check.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from deepwright.blocks.network import Batch, Network
from deepwright.core import config as core
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature

_LOOKED_AT = 2_000
"""Training pictures that mean and deviation are taken from, at most."""


@dataclass(frozen=True, kw_only=True)
class WeightNames:
    """What a library calls the weights of one of our networks, so that weights it published can be taken over.

    library: whose names they are.
    names:   our module or tensor → theirs. A module's tensors (weight, bias, running_mean, …) keep their last word.
    fit:     (our name, their tensor, our shape) → the tensor in our shape, where that can be computed.
    """

    library: str
    names: Mapping[str, str]
    fit: Callable[[str, Tensor, tuple[int, ...]], Tensor] | None = None

    def of(self, name: str) -> str:
        """Their name of our tensor "stages.0.1.norm2.weight"; raises KeyError where the table lacks it."""
        if name in self.names:
            return self.names[name]
        module, _, last = name.rpartition(".")
        return f"{self.names[module]}.{last}"


_FLATTEST = 1e-3
"""The least deviation that a channel is divided by: pictures may be all of one colour."""


class ImageNetwork(Network):
    """A network that reads exactly one column of pictures, all of one size.

    output: its last layer, the only one that knows the task's outputs; subclasses set it.
    mean, deviation: (C, 1, 1) of each channel over the training pictures, from 0 to 1, set by `prepare`; saved with the
    weights. channels_last: whether its layers are faster on a CPU where the channels of a pixel lie side by side; on
    GPUs all are. Weights learned elsewhere come with the ones that they were learned with.
    """

    channels_last: ClassVar[bool] = False
    output: nn.Module
    mean: Tensor
    deviation: Tensor

    @abstractmethod
    def __init__(self, config: core.Config, signature: Signature, outputs: int) -> None:
        """Build; raises RecipeError where there is no picture, or more than a picture."""
        super().__init__(config, signature, outputs)
        self.image = _only_image(signature)
        self.register_buffer("mean", torch.zeros(self.channels, 1, 1))
        self.register_buffer("deviation", torch.ones(self.channels, 1, 1))

    @property
    def head(self) -> nn.Module:
        return self.output

    @property
    def weight_names(self) -> tuple[WeightNames, ...]:
        """One table for each library whose published weights fit; () where nobody published any."""
        return ()

    def weights(self) -> dict[str, Tensor]:
        """Its state by name but for `mean` and `deviation`, which no library's file holds; the tensors themselves."""
        return {k: v for k, v in self.state_dict(keep_vars=True).items() if k not in ("mean", "deviation")}

    @property
    def channels(self) -> int:
        """C of the pictures."""
        return self.image.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return self.image.shape[1], self.image.shape[2]

    def prepare(self, batch: Batch) -> None:
        pixels = in_unit(batch[f"image:{self.image.name}"][:_LOOKED_AT])  # (B, C, H, W)
        deviation, mean = torch.std_mean(pixels, dim=(0, 2, 3), correction=0)  # (C,), (C,)
        self.mean.copy_(mean[:, None, None])
        self.deviation.copy_(deviation[:, None, None].clamp(min=_FLATTEST))

    def picture(self, batch: Batch) -> Tensor:
        """(B, C, H, W) float32, each channel standardised; of bytes, or of numbers from 0 to 1."""
        pixels = in_unit(batch[f"image:{self.image.name}"])  # (B, C, H, W)
        standardised = (pixels - self.mean) / self.deviation  # (B, C, H, W)
        if self.channels_last or pixels.is_cuda:
            return standardised.contiguous(memory_format=torch.channels_last)
        return standardised


def in_unit(pixels: Tensor) -> Tensor:
    """Bytes as numbers from 0 to 1; numbers as they are."""
    return pixels / 255 if pixels.dtype == torch.uint8 else pixels


def refuse(size: tuple[int, int], why: str, nearest: tuple[int, int]) -> RecipeError:
    """The error for pictures of a size that the network cannot take: what it needs, and the nearest that it can."""
    height, width = size
    return RecipeError(
        f"pictures of {height} × {width} pixels: {why}.",
        where="the network's input",
        remedy=f"The nearest valid size is {nearest[0]} × {nearest[1]} (height × width): resize or pad them to it.",
    )


def at_least(size: tuple[int, int], least: int, why: str) -> None:
    """Raises RecipeError where a side is shorter than `least`."""
    if min(size) < least:
        raise refuse(size, f"{why} needs sides of at least {least}", (max(size[0], least), max(size[1], least)))


def _only_image(signature: Signature) -> Field:
    if len(signature.fields) != 1 or signature.fields[0].form != "image":
        came = ", ".join(f"{field.name} ({field.form})" for field in signature.fields[:5]) or "nothing"
        raise RecipeError(
            f"expected one column of pictures and nothing else, got {came}.", remedy="Leave the other columns out."
        )
    (field,) = signature.fields
    if len(field.shape) != 3 or min(field.shape) < 1:
        raise RecipeError(f"expected pictures of (channels, height, width), '{field.name}' has {field.shape}.")
    return field
