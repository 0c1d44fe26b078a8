"""Picture operations: the classic ones, done with a picture before it is scaled to the size that models read.

A recipe lists them in order: [grey, {blur: 1.5}, {crop: [0.1, 0.1, 0.9, 0.9]}, edges]. Lengths are pixels of the
picture in its own size.

crop:             [top, left, bottom, right] as shares of height and width, from 0 to 1
resize:           [height, width] in pixels, whatever the proportions
blur:             standard deviation of a Gaussian in pixels
median:           side of the square, an odd number of pixels, whose median each pixel becomes: takes out specks
sharpen:          twice the picture less its blurred self, of that standard deviation
edges:            size of the gradient by Sobel's kernels, of each channel
vertical_edges:   |x * [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]|, the kernel of Prewitt that every course begins with
horizontal_edges: the same, transposed
equalise:         spread each channel's values evenly from 0 to 255
invert:           255 less each value
grey:             colour to grey, in as many channels as before
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deepwright.core.errors import DataError, not_found

if TYPE_CHECKING:
    from PIL import Image

Operation = tuple[str, tuple[float, ...]]
"""A name and its numbers."""

_REMEDY = "For example: [grey, {blur: 1.5}, {crop: [0.1, 0.1, 0.9, 0.9]}, edges]."
_WIDEST = 10_000


def operations_asked(options: Mapping[str, Any], column: str) -> tuple[Operation, ...]:
    """Those that a recipe lists under "operations"; raises DataError or NotFoundError for what is none."""
    where = f"column '{column}', operations"
    listed = options.get("operations") or ()
    return tuple(_operation(entry, where) for entry in listed)


def operations_stored(operations: tuple[Operation, ...]) -> None:
    """Raises as `operations_asked` where stored operations are none of those."""
    for name, numbers in operations:
        _operation({name: numbers} if numbers else name, "operations")


def operated(image: Image.Image, operations: tuple[Operation, ...]) -> Image.Image:
    """The picture, of mode L, RGB or RGBA, after all of them; transparency stays as it was but for its place."""
    for name, numbers in operations:
        image = _DOES[name](image, numbers)
    return image


def said(operations: tuple[Operation, ...]) -> str:
    """For people: "blur 1.5, edges"."""
    return ", ".join(" ".join([name, *(f"{number:g}" for number in numbers)]) for name, numbers in operations)


def _operation(entry: Any, where: str) -> Operation:
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, given),) = entry.items()
    else:
        name, given = entry, None
    if not isinstance(name, str):
        raise DataError(f"expected an operation, got {entry!r}.", where=where, remedy=_REMEDY)
    if name not in _DOES:
        raise not_found("operation on pictures", name, sorted(_DOES), where=where)
    values = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    least, valid, expected = _TAKES.get(name, (0, lambda numbers: True, "nothing"))
    plain = all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values)
    if len(values) != least or not plain or not valid(values):
        raise DataError(f"'{name}' takes {expected}, got {given!r}.", where=where, remedy=_REMEDY)
    return name, tuple(float(value) for value in values)


def _crop(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    top, left, bottom, right = numbers
    box = [
        round(left * image.width),
        round(top * image.height),
        round(right * image.width),
        round(bottom * image.height),
    ]
    box[2], box[3] = max(box[2], box[0] + 1), max(box[3], box[1] + 1)
    return image.crop((box[0], box[1], box[2], box[3]))


def _resize(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    from PIL import Image

    height, width = (int(number) for number in numbers)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _blur(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(numbers[0]))


def _median(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    from PIL import ImageFilter

    return image.filter(ImageFilter.MedianFilter(int(numbers[0])))


def _sharpen(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    from PIL import ImageFilter

    return image.filter(ImageFilter.UnsharpMask(radius=numbers[0], percent=100, threshold=0))


def _along(*weights: tuple[int, int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Size of what kernels [[-w, 0, w], …] find across and, of a second one, down."""

    def find(plane: np.ndarray) -> np.ndarray:
        around = np.pad(plane.astype(np.float32), 1, mode="edge")  # (H + 2, W + 2)
        height, width = plane.shape
        total = np.zeros((height, width), np.float32)
        for transposed, kernel in enumerate(weights):
            seen = around.T if transposed else around
            high, wide = (width, height) if transposed else (height, width)
            smooth = sum(w * seen[row : row + high] for row, w in enumerate(kernel))
            found = smooth[:, 2:] - smooth[:, :wide]  # type: ignore[index]
            total += (found.T if transposed else found) ** 2
        return np.clip(np.sqrt(total), 0, 255).astype(np.uint8)  # (H, W)

    return find


def _each(find: Callable[[np.ndarray], np.ndarray]) -> Callable[[Image.Image, tuple[float, ...]], Image.Image]:
    """The same for every channel that is not transparency."""

    def do(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
        from PIL import Image

        bands = image.split()
        done = [band if name == "A" else Image.fromarray(find(np.asarray(band))) for name, band in _named(image, bands)]
        return Image.merge(image.mode, done)

    return do


def _named(image: Image.Image, bands: tuple[Image.Image, ...]) -> list[tuple[str, Image.Image]]:
    return list(zip(image.getbands(), bands, strict=True))


def _equalised(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane.ravel(), minlength=256).cumsum()
    first = counts[plane.min()]
    return np.rint((counts - first).clip(0) * 255 / max(1, plane.size - first)).astype(np.uint8)[plane]


def _horizontal(plane: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(_along((1, 1, 1))(plane.T).T)


def _grey(image: Image.Image, numbers: tuple[float, ...]) -> Image.Image:
    from PIL import Image

    grey = image.convert("L")
    named = _named(image, image.split())
    return Image.merge(image.mode, [band if name == "A" else grey for name, band in named])


_DOES: dict[str, Callable[[Image.Image, tuple[float, ...]], Image.Image]] = {
    "crop": _crop,
    "resize": _resize,
    "blur": _blur,
    "median": _median,
    "sharpen": _sharpen,
    "edges": _each(_along((1, 2, 1), (1, 2, 1))),
    "vertical_edges": _each(_along((1, 1, 1))),
    "horizontal_edges": _each(_horizontal),
    "equalise": _each(_equalised),
    "invert": _each(lambda plane: 255 - plane),
    "grey": _grey,
}
_TAKES: dict[str, tuple[int, Callable[[list[float]], bool], str]] = {
    "crop": (
        4,
        lambda box: 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1,
        "[top, left, bottom, right], shares from 0 to 1",
    ),
    "resize": (2, lambda sides: all(1 <= s <= _WIDEST and s == int(s) for s in sides), "[height, width] in pixels"),
    "blur": (1, lambda widths: 0 < widths[0] <= 100, "a standard deviation in pixels, above 0 and up to 100"),
    "median": (1, lambda sides: sides[0] in (3, 5, 7, 9), "3, 5, 7 or 9 pixels"),
    "sharpen": (1, lambda widths: 0 < widths[0] <= 100, "a standard deviation in pixels, above 0 and up to 100"),
}
"""Name → how many numbers, whether they are valid, and what is expected, in words; those not here take none."""
