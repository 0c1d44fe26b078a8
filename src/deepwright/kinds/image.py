"""Images: paths of pictures, or their bytes; pixels for networks, gradients and colours for classical models."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field as Bounds

from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError, UserError
from deepwright.core.fields import Field
from deepwright.core.kind import NO_OPTIONS, Encoder, Guess, Kind
from deepwright.kinds._gradients import SIDE, feature_names, features
from deepwright.kinds._picture_files import PictureFiles
from deepwright.kinds._picture_operations import Operation, operations_asked, operations_stored, said
from deepwright.kinds._picture_reader import Reader
from deepwright.kinds._pictures import FORMATS, SUFFIXES, format_of, header
from deepwright.kinds._shared import count, is_blank, read_state

_ROWS = 500
"""Training pictures that size, channels and colours are learned from; of more, so many are drawn with the seed."""
_LOOKED_AT = 8
"""Values that are opened to recognise a column."""
_SIDE = 64
"""Pixels of a side at most, unless said otherwise."""
_LEAST = 16
"""… and at least: smaller pictures are doubled, since networks that halve them several times have to see something."""
_WIDEST = 1_024
_CHANNELS = (1, 3, 4)


class Image(Kind):
    """Pictures, each named by its path or given as its bytes (a column of bytes, as Parquet holds them).

    How a value finds its file: as a path, where a relative one starts at the folder that the command runs in; as
    "/data/photos.zip!/cats/1.png" inside a zip. A folder of pictures, read as a source, gives whole paths. Formats are
    PNG, JPEG, GIF (the first frame), BMP, WebP, TIFF and PPM, told by content; orientation from EXIF is applied, and
    damaged EXIF ignored. At most 80 million pixels, 256 MiB a file.

    Options: "size", a number of pixels or (height, width), up to 1,024; "channels", 1, 3 or 4 (with transparency).
    Otherwise the size of the training pictures where it is the same for all and up to 64, else a square of their median
    shorter side, at most 64, and doubled while a side is below 16; 1 channel where all are grey, else 3. Learned from
    at most 500 training pictures.

    "operations" are done first, in order, on the picture in its own size, as `_picture_operations` says.

    For networks: (B, C, H, W) uint8, scaled to cover the size, cut centrally; decoded on all cores, once a process
    (`_picture_cache`). A picture that is missing or cannot be read is all of the training pictures' mean colour, and
    `unseen` counts the unreadable ones. For classical models: histograms of oriented gradients and of colours, and mean
    colours of 4 × 4 cells, from 32 × 32 pixels; NaN where missing or unreadable.
    """

    name = "image"

    @classmethod
    def example(cls) -> pl.Series:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (19, 8, 10, 3), dtype=np.uint8)
        pictures = [b"P6 10 8 255\n" + picture.tobytes() for picture in pixels]
        return pl.Series("photo", [*pictures, None], dtype=pl.Binary)

    def recognise(self, column: pl.Series) -> Guess:
        if column.dtype not in (pl.String, pl.Binary):
            return Guess(confidence=0.0, reason=f"values of type {column.dtype}")
        known = column.filter(~is_blank(column))
        if column.dtype == pl.String:
            named = known.head(100).str.to_lowercase()
            ends = [named.str.ends_with(suffix) for suffix in SUFFIXES]
            if not len(known) or np.mean(np.any(ends, axis=0)) < 0.5:
                return Guess(confidence=0.0, reason="few names of pictures, or none")
        if not len(known):
            return Guess(confidence=0.0, reason="no value at all")
        looked_at = known.gather_every(-(-len(known) // _LOOKED_AT)).to_list()
        found = [name for name in map(_format_of, looked_at) if name is not None]
        enough = len(looked_at) / 2 if column.dtype == pl.Binary else 1  # files may be missing, and are counted
        if len(found) < enough:
            missed = "bytes" if column.dtype == pl.Binary else "names of pictures"
            return Guess(confidence=0.0, reason=f"{missed}, but no picture is found where they point or in them")
        return Guess(confidence=0.99, reason=f"{count(len(known), 'picture')} ({', '.join(sorted(set(found)))})")

    def fit(self, column: pl.Series, *, seed: int = 0, options: Mapping[str, Any] = NO_OPTIONS) -> Encoder:
        known = column.filter(~is_blank(column))
        drawn = known.sample(_ROWS, seed=seed) if len(known) > _ROWS else known
        asked_size, asked_channels = _size_asked(options, column.name), _channels_asked(options, column.name)
        headers, reason = _headers(drawn)
        if not headers:
            raise DataError(
                f"expected pictures, none of {count(len(drawn), 'training value')} is one{reason}.",
                where=f"column '{column.name}'",
                remedy=f"Give paths to files, or bytes, of {', '.join(FORMATS)}; or name another kind.",
            )
        height, width = asked_size or _usual_size([(high, wide) for _, high, wide in headers])
        channels = asked_channels or (3 if any(depth == 3 for depth, _, _ in headers) else 1)
        shape = (channels, height, width)
        reader = Reader(shape=shape, operations=operations_asked(options, column.name))
        planes = [array for array in reader.read(drawn) if array is not None]
        if not planes:
            raise DataError(
                "the training pictures are all cut off or damaged.",
                where=f"column '{column.name}'",
                remedy="Write or download them again.",
            )
        means = np.mean([array.mean(axis=(1, 2)) for array in planes], axis=0) / 255  # (C,)
        return ImageEncoder(
            ImageState(
                column=column.name,
                shape=shape,
                operations=reader.operations,
                mean=tuple(round(float(mean), 6) for mean in means),
                rows=len(column),
                missing=len(column) - len(known),
                looked_at=len(drawn),
                unreadable=len(drawn) - len(planes),
            )
        )

    def load(self, state: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Encoder:
        known = read_state(ImageState, state, self.name)
        if len(known.mean) != known.shape[0]:
            raise RunError("the stored mean colour is damaged.", where=f"schema.json, column '{known.column}'")
        try:
            operations_stored(known.operations)
        except UserError as error:
            raise RunError(str(error), where=f"schema.json, column '{known.column}'") from None
        return ImageEncoder(known)


_Side = Annotated[int, Bounds(ge=1, le=_WIDEST)]


class ImageState(Config):
    """What a column of pictures learned from the training rows."""

    column: str
    shape: tuple[Literal[1, 3, 4], _Side, _Side]
    """Channels, height, width."""
    operations: tuple[Operation, ...]
    """Done with each picture before it is scaled."""
    mean: tuple[Annotated[float, Bounds(ge=0, le=1)], ...]
    """Of each channel, from 0 to 1."""
    rows: int
    missing: int
    looked_at: int
    """Training pictures that this was learned from."""
    unreadable: int
    """Of those, the ones that are damaged, above a limit, or not there."""


class ImageEncoder(Encoder):
    """A fitted column of pictures. What counts as unseen is a value that cannot be read as a picture."""

    kind = "image"

    def __init__(self, state: ImageState) -> None:
        self.column = state.column
        self._state = state

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(form="image", name=self.column, shape=self._state.shape),)

    def encode(self, column: pl.Series) -> dict[str, np.ndarray]:
        pixels = np.empty((len(column), *self._state.shape), dtype=np.uint8)  # (B, C, H, W)
        mean = np.rint(np.array(self._state.mean) * 255).astype(np.uint8)[:, None, None]  # (C, 1, 1)
        for row, array in enumerate(self._read(column, self._state.shape)):
            pixels[row] = mean if array is None else array
        return {self.column: pixels}

    def matrix(self, column: pl.Series) -> tuple[np.ndarray, list[str]]:
        channels = self._state.shape[0]
        names = [f"{self.column}: {name}" for name in feature_names(channels)]
        block = np.full((len(column), len(names)), np.nan)  # (B, D)
        for row, array in enumerate(self._read(column, (channels, SIDE, SIDE))):
            if array is not None:
                block[row] = features(array)
        return block, names

    def unseen(self, column: pl.Series) -> pl.Series:
        lost = [array is None for array in self._read(column, self._state.shape)]
        return pl.Series(column.name, lost, dtype=pl.Boolean) & ~is_blank(column)

    def _read(self, column: pl.Series, shape: tuple[int, int, int]) -> Iterator[np.ndarray | None]:
        return Reader(shape=shape, operations=self._state.operations).read(column)

    def describe(self) -> str:
        known = self._state
        channels, height, width = known.shape
        called = {1: "grey", 3: "in colour", 4: "in colour with transparency"}[channels]
        parts = [f"pictures, read as {height} × {width} pixels {called}"]
        parts += [f"after {said(known.operations)}"] if known.operations else []
        if known.missing:
            parts.append(f"{known.missing:,} missing")
        if known.unreadable:
            parts.append(f"{known.unreadable:,} of {known.looked_at:,} looked at cannot be read")
        return ", ".join(parts)

    def state(self) -> dict[str, Any]:
        return self._state.model_dump(mode="json")


def _headers(column: pl.Series) -> tuple[list[tuple[int, int, int]], str]:
    """(channels, height, width) of each value that is a picture, and why the first that is none is none."""
    found, reason = [], ""
    with PictureFiles() as files:
        for value in column:
            try:
                found.append(header(*files.content(value)))
            except DataError as error:
                reason = reason or f": {error.where or 'the first'}: {error.message.rstrip('.')}"
    return found, reason


def _format_of(value: str | bytes) -> str | None:
    with PictureFiles() as files:
        try:
            return format_of(files.content(value)[0])
        except DataError:
            return None


def _usual_size(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    height, width = sizes[0]
    if len(set(sizes)) > 1 or max(height, width) > _SIDE:
        height = width = min(_SIDE, round(statistics.median(min(size) for size in sizes)))
    larger = 2 ** max(0, math.ceil(math.log2(_LEAST / min(height, width))))
    return min(height * larger, _WIDEST), min(width * larger, _WIDEST)


def _size_asked(options: Mapping[str, Any], column: str) -> tuple[int, int] | None:
    said = options.get("size")
    if said is None:
        return None
    sides = tuple(said) if isinstance(said, (list, tuple)) else (said, said)
    whole = all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= _WIDEST for side in sides)
    if len(sides) != 2 or not whole:
        raise DataError(
            f"expected a size of 1 to {_WIDEST:,} pixels, or height and width, got {said!r}.",
            where=f"column '{column}', size",
            remedy="For example 32, or [48, 64].",
        )
    return sides[0], sides[1]


def _channels_asked(options: Mapping[str, Any], column: str) -> Literal[1, 3, 4] | None:
    said = options.get("channels")
    if said is not None and (said not in _CHANNELS or isinstance(said, bool)):
        raise DataError(
            f"expected 1, 3 or 4 channels, got {said!r}.",
            where=f"column '{column}', channels",
            remedy="1 is grey, 3 colour, 4 colour with transparency.",
        )
    return said
