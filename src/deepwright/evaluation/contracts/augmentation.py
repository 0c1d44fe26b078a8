"""The contract of augmentations: same shape, range and row in whatever batch; new in each epoch; harmless when asked.

Axes: B rows, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from deepwright.core.config import Config
from deepwright.evaluation.contracts._promise import promise

if TYPE_CHECKING:
    from torch import Tensor

    from deepwright.blocks.augmentation import Augmentation, Draws

_ROWS = 24
_SHAPES = ((1, 8, 8), (3, 12, 9), (4, 7, 11))
"""Grey, colour and colour with transparency, upright and lying."""


def check_augmentation(cls: type[Augmentation]) -> Iterator[tuple[str, str | None]]:
    """Each promise of an augmentation with its default options, with what is wrong about it, or None."""
    yield promise("says its name, its options and what it does", partial(_says, cls))
    yield promise("gives pictures of the same shape, type and range", partial(_shapes, cls))
    yield promise("does to a row the same in whatever batch and order, and again", partial(_rows, cls))
    yield promise("does something else in another epoch, with another seed and to another row", partial(_varies, cls))
    yield promise("changes nothing that it is given, and no random generator", partial(_gentle, cls))
    yield promise("can be compiled as one graph", partial(_traces, cls))


def _says(cls: type[Augmentation]) -> None:
    built_in = cls.__module__.startswith("deepwright.")
    assert cls.name.isidentifier(), f"'{cls.name}' is no identifier"
    assert not built_in or cls.__module__.endswith(f".{cls.name}"), f"'{cls.name}' is not the name of its file"
    assert issubclass(cls.Options, Config), "its Options are no deepwright.core.config.Config"
    silent = [name for name, field in cls.Options.model_fields.items() if not field.description]
    assert not silent, f"no sentence under {', '.join(silent)}"
    made = _made(cls)
    assert made.about().strip(), "about() says nothing"
    assert made.disguises() is None or made.disguises(), "disguises() gives an empty text"


def _shapes(cls: type[Augmentation]) -> None:
    import torch

    for shape in _SHAPES:
        for pixels in _inputs(cls, shape):
            given = _made(cls)(pixels, _draws())
            assert given.shape == pixels.shape, f"{tuple(pixels.shape)} became {tuple(given.shape)}"
            assert given.dtype == pixels.dtype, f"{pixels.dtype} became {given.dtype}"
            assert given.dtype == torch.uint8 or (given.isfinite().all() and given.min() >= 0 and given.max() <= 1), (
                f"values from {given.min():.3g} to {given.max():.3g}"
            )
            assert not torch.equal(given, pixels), f"pictures of {shape} stay as they were"
    one = _pixels((3, 1, 1))
    assert _made(cls)(one, _draws()).shape == one.shape, "pictures of one pixel change their shape"


def _rows(cls: type[Augmentation]) -> None:
    import torch

    for pixels in _inputs(cls, (3, 12, 9)):
        whole = _made(cls)(pixels, _draws())
        assert torch.equal(whole, _made(cls)(pixels, _draws())), "asked again, it does something else"
        for rows in (torch.tensor([5]), torch.arange(_ROWS).flip(0), torch.tensor([3, 7, 20])):
            part = _made(cls)(pixels[rows], _draws(rows=rows))
            gap = (part.float() - whole[rows].float()).abs().max()
            assert gap < 1e-5, f"in another batch a row differs by {gap:.2g}"


def _varies(cls: type[Augmentation]) -> None:
    import torch

    pixels = _pixels((3, 12, 9))[:1].expand(_ROWS, -1, -1, -1)
    whole = _made(cls)(pixels, _draws())
    assert not torch.equal(whole, _made(cls)(pixels, _draws(epoch=1))), "each epoch shows the same"
    assert not torch.equal(whole, _made(cls)(pixels, _draws(seed=1))), "each seed shows the same"
    assert any(not torch.equal(whole[0], row) for row in whole), "every row is changed alike"


def _gentle(cls: type[Augmentation]) -> None:
    import torch

    for pixels in _inputs(cls, (3, 12, 9)):
        before, state = pixels.clone(), torch.get_rng_state()
        _made(cls)(pixels, _draws())
        assert torch.equal(pixels, before), "it writes into the pictures that it is given"
        assert torch.equal(torch.get_rng_state(), state), "it draws from the global generator"


def _traces(cls: type[Augmentation]) -> None:
    import torch

    from deepwright.blocks.augmentation import Draws

    class Step(torch.nn.Module):
        def forward(self, pixels: Tensor, epoch: Tensor, row: Tensor) -> Tensor:
            return _made(cls)(pixels, Draws(0, epoch, row))

    given = (_pixels((3, 12, 9)), torch.zeros(_ROWS, dtype=torch.int64), torch.arange(_ROWS))
    program = torch.export.export(Step(), given, strict=False).module()
    gap = (program(*given) - Step()(*given)).abs().max()
    assert gap < 1e-5, f"as one graph it gives something else by {gap:.2g}"


def _made(cls: type[Augmentation]) -> Augmentation:
    return cls(cls.Options())


def _draws(*, seed: int = 0, epoch: int = 0, rows: Tensor | None = None) -> Draws:
    import torch

    from deepwright.blocks.augmentation import Draws

    row = torch.arange(_ROWS) if rows is None else rows
    return Draws(seed, torch.full_like(row, epoch), row)


def _inputs(cls: type[Augmentation], shape: tuple[int, int, int]) -> Iterator[Tensor]:
    """Numbers, and bytes where it takes them."""
    import torch

    pixels = _pixels(shape)
    yield pixels
    if cls.keeps_bytes:
        yield (pixels * 255).to(torch.uint8)


def _pixels(shape: tuple[int, int, int]) -> Tensor:
    import torch

    return torch.rand(_ROWS, *shape, generator=torch.Generator().manual_seed(0))  # (B, C, H, W)
