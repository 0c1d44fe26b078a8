"""Makes the bundled sets of pictures anew: digit_pictures from digits.csv, shapes and parts from a fixed seed.

python tools/bundled_pictures.py
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

DATA = Path(__file__).resolve().parents[1] / "src" / "deepwright" / "data"
SIDE, FINE = 32, 4
"""Pixels of a side, and how many times finer a picture is drawn before it is smoothed."""
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
PARTS = {
    "circle": {"metal": "coin", "wood": "coaster", "plastic": "button"},
    "square": {"metal": "plate", "wood": "tile", "plastic": "keycap"},
    "triangle": {"metal": "bracket", "wood": "wedge", "plastic": "pick"},
    "star": {"metal": "badge", "wood": "ornament", "plastic": "sticker"},
}
DENSITY = {"metal": 7.8, "wood": 0.7, "plastic": 1.2}
"""Grams a cubic centimetre; a pixel is a millimetre wide, a part three thick."""


def main() -> None:
    """Write the three Parquet files."""
    keep(digit_pictures(), "digit_pictures")
    keep(shapes(np.random.default_rng(20)), "shapes")
    keep(parts(np.random.default_rng(21)), "parts")


def keep(frame: pl.DataFrame, name: str) -> None:
    path = DATA / f"{name}.parquet"
    frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
    print(f"{path.name}: {frame.shape}, {path.stat().st_size:,} bytes")


def digit_pictures() -> pl.DataFrame:
    """The rows of digits.csv in the same order; grey 0 to 16 becomes 0 to 255."""
    table = pl.read_csv(DATA / "digits.csv")
    grey = table.drop("digit").to_numpy()  # (N, 64)
    pixels = np.round(grey * (255 / 16)).astype(np.uint8)
    pictures = [b"P5 8 8 255\n" + row.tobytes() for row in pixels]
    return pl.DataFrame({"image": pl.Series(pictures, dtype=pl.Binary), "digit": table["digit"]})


def shapes(rng: np.random.Generator) -> pl.DataFrame:
    """200 of each shape, in any colours, size, place and turn, among three strokes that mean nothing."""
    rows = []
    for shape in rng.permutation(np.repeat(SHAPES, 200)):
        picture, _ = drawn(str(shape), rng, strokes=3)
        rows.append({"image": picture, "shape": str(shape)})
    return pl.DataFrame(rows)


def parts(rng: np.random.Generator) -> pl.DataFrame:
    """100 of each part. The picture shows the shape, not the material; material and weight do not show the shape.

    In a tenth of the rows nobody noted the material; there the weight tells it, together with the size in the picture.
    """
    named = [(shape, material, part) for shape, of in PARTS.items() for material, part in of.items()]
    rows = []
    for place in rng.permutation(np.repeat(np.arange(len(named)), 100)):
        shape, material, part = named[place]
        picture, area = drawn(shape, rng, strokes=1)
        weight = area / 100 * 0.3 * DENSITY[material] * rng.normal(1.0, 0.04)
        noted = material if rng.random() > 0.1 else None
        rows.append({"image": picture, "material": noted, "weight": round(float(weight), 3), "part": part})
    return pl.DataFrame(rows)


def drawn(shape: str, rng: np.random.Generator, strokes: int) -> tuple[bytes, float]:
    """A PNG, and the area of the shape in pixels."""
    ground, colour = colours(rng)
    radius = rng.uniform(6, 12)
    centre = rng.uniform(radius + 1, SIDE - radius - 1, size=2)
    mask = outline(shape, centre, radius, rng.uniform(0, 2 * math.pi))
    image = Image.new("RGB", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(strokes):
        ends = [tuple(int(end) for end in rng.integers(0, SIDE, 2)) for _ in range(2)]
        pen.line(ends, fill=tuple(int(value) for value in rng.integers(0, 256, 3)))
    image.paste(colour, mask=mask)
    file = io.BytesIO()
    image.quantize(16, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue(), float(np.asarray(mask).sum()) / 255


def colours(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two colours that can be told apart, for the ground and the shape."""
    while True:
        two = rng.integers(0, 256, (2, 3))
        if np.abs(two[0] - two[1]).sum() > 220:
            ground, colour = (tuple(int(value) for value in one) for one in two)
            return ground, colour


def outline(shape: str, centre: np.ndarray, radius: float, turn: float) -> Image.Image:
    """How much of each pixel the shape covers, 0 to 255."""
    mask = Image.new("L", (SIDE * FINE, SIDE * FINE), 0)
    pen = ImageDraw.Draw(mask)

    def disc(reach: float, fill: int) -> None:
        pen.ellipse([*((centre - reach) * FINE), *((centre + reach) * FINE)], fill=fill)

    if shape in ("circle", "ring"):
        disc(radius, 255)
        if shape == "ring":
            disc(radius * 0.55, 0)
    else:
        pen.polygon([tuple(corner) for corner in corners(shape, centre, radius, turn) * FINE], fill=255)
    return mask.resize((SIDE, SIDE), Image.Resampling.BOX)


def corners(shape: str, centre: np.ndarray, radius: float, turn: float) -> np.ndarray:
    """(corners, 2) as x, y in pixels."""
    if shape == "cross":
        arm = 0.36
        quarter = np.array([complex(1, arm), complex(arm, arm), complex(arm, 1)])
        plane = np.concatenate([quarter * 1j**i for i in range(4)]) * np.exp(1j * turn) * (radius / abs(quarter[0]))
    else:
        count = {"square": 4, "triangle": 3, "star": 10}[shape]
        reach = np.where(np.arange(count) % 2, 0.42, 1.0) if shape == "star" else np.ones(count)
        plane = radius * reach * np.exp(1j * (turn + 2 * math.pi * np.arange(count) / count))
    return centre + np.stack([plane.real, plane.imag], axis=1)


if __name__ == "__main__":
    main()
